"""The data cards: a strict head, ten sections, and agreement with the catalogue and the files."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from ucmt_lite.data import CATALOGUE, PHANTOMS, cases, load
from ucmt_lite.data.catalogue import ISIC_TWINS, LA_TWINS
from ucmt_lite.data.lists import is_list

CARDS = Path(__file__).parents[2] / "data_cards"
FILES = sorted(path for path in CARDS.glob("*.md") if path.name != "README.md")
SECTIONS = [
    "What it is",
    "Provenance",
    "Composition",
    "Collection and annotation",
    "Splits",
    "Known defects",
    "People and fairness",
    "Licence and terms",
    "Uses and non-uses",
    "Numbers",
]

TEXTS = {
    "language",
    "annotations_creators",
    "size_categories",
    "source_datasets",
    "task_categories",
    "tags",
    "classes",
}
ALWAYS = {
    "pretty_name": str,
    "license": str,
    "kind": str,
    "name": str,
    "dims": int,
    "channels": int,
    "group_key": str,
    "split_rule": str,
    **dict.fromkeys(TEXTS, list),
}
SOMETIMES = {
    "license_name": str,
    "license_link": str,
    "foreground_percent": dict,
    "lists": dict,
    "archives": list,
}
OF_KIND = {
    "phantom": {"count": int, "size": (int, list), "seed": int},
    "real": {"counts": dict, "where": str},
    "own": {"counts": dict},
}
KNOWN = {
    "license": {"mit", "other", "cc-by-nc-sa-4.0", "cc-by-3.0"},
    "size_categories": {"n<1K", "1K<n<10K"},
    "annotations_creators": {"expert-generated", "machine-generated"},
    "source_datasets": {"original", "extended"},
    "task_categories": {"image-segmentation"},
}


def faults(head: dict) -> list[str]:
    """Return everything in the head of a card that the schema does not allow."""
    problems = []
    needed = ALWAYS | OF_KIND.get(head.get("kind"), {})
    if head.get("kind") not in OF_KIND:
        problems.append(f"kind {head.get('kind')}")
    if head.get("license") == "other":
        needed = needed | {"license_name": str, "license_link": str}
    problems += [f"missing {key}" for key in needed if key not in head]
    problems += [f"unknown {key}" for key in head if key not in needed | SOMETIMES]
    for key, value in head.items():
        kind = (needed | SOMETIMES).get(key, object)
        if not isinstance(value, kind) or value in ("", [], {}, None):
            problems.append(f"{key} is {value!r}")
        if (
            isinstance(value, list)
            and key in TEXTS
            and not all(isinstance(v, str) and v.strip() for v in value)
        ):
            problems.append(f"{key} holds something empty")
        if isinstance(value, str) and not value.strip():
            problems.append(f"{key} is empty")
        values = value if isinstance(value, list) else [value]
        problems += [f"{key}: {v}" for v in values if key in KNOWN and v not in KNOWN[key]]
    for archive in head.get("archives", ()):
        good = set(archive) == {"urls", "sha256", "megabytes"} and archive["urls"]
        if not good or not re.fullmatch("[0-9a-f]{64}", archive["sha256"]):
            problems.append(f"archive {archive}")
    return problems


def parsed(text: str) -> tuple[dict, str]:
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


def card(name: str) -> tuple[dict, str]:
    return parsed((CARDS / f"{name}.md").read_text(encoding="utf-8"))


def test_every_set_has_a_card():
    assert {path.stem for path in FILES} == set(CATALOGUE) | set(PHANTOMS)
    readme = (CARDS / "README.md").read_text()
    phantoms = sorted(PHANTOMS, key=lambda name: readme.index(f"[{name}]"))
    assert re.findall(r"^\| \[(\w+)\]\(\1\.md\)", readme, re.M) == [*phantoms, *CATALOGUE]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_head_and_sections(path):
    head, body = parsed(path.read_text(encoding="utf-8"))
    assert faults(head) == []
    assert head["name"] == path.stem
    assert re.findall(r"^## (.+)$", body, re.M) == SECTIONS
    assert all(text.strip() for text in re.split(r"^## .+$", body, flags=re.M)[1:])
    assert "not for clinical use" in body.lower()
    assert "[U]" not in body


def test_the_template_is_a_card():
    template = re.search(r"```markdown\n(.*?)```", (CARDS / "README.md").read_text(), re.S).group(1)
    head, body = parsed(template)
    assert faults(head) == [] and re.findall(r"^## (.+)$", body, re.M) == SECTIONS


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"colour": "red"}, "unknown colour"),
        ({"pretty_name": " "}, "pretty_name is empty"),
        ({"tags": []}, "tags is []"),
        ({"tags": [""]}, "tags holds something empty"),
        ({"split_rule": None}, "split_rule is None"),
        ({"license": "cc-by-99"}, "license: cc-by-99"),
        ({"kind": "surreal"}, "kind surreal"),
        ({"archives": [{"urls": ["https://x"], "sha256": "12", "megabytes": 1}]}, "archive {"),
    ],
)
def test_the_schema_is_strict(change, fault):
    head, _ = card("isic2018")
    assert any(problem.startswith(fault) for problem in faults(head | change))
    del head["counts"]
    assert "missing counts" in faults(head)


@pytest.mark.parametrize("name", CATALOGUE)
def test_real_cards_agree_with_the_catalogue(name):
    head, body = card(name)
    known = CATALOGUE[name]
    assert head["kind"] == "real" and head["pretty_name"].split(":")[0] == known.title.split(":")[0]
    assert tuple(head["classes"]) == known.classes
    assert (head["dims"], head["channels"]) == (known.dims, known.channels)
    assert head["counts"]["cases"] == known.cases and str(known.cases) in body
    assert head["where"] == known.homepage
    archives = [(tuple(a["urls"]), a["sha256"], a["megabytes"]) for a in head.get("archives", ())]
    assert archives == [(a.urls, a.sha256, a.megabytes) for a in known.archives]
    percent = "/".join(f"{100 * share:.0f}" for share in known.shares)
    assert f"by seed, {percent} %" in head["split_rule"] and f"y seed, {percent} %" in body


@pytest.mark.parametrize("name", CATALOGUE)
def test_facts_name_their_source(name):
    body = re.sub(r"\]\(\S+\)", "]", card(name)[1])  # addresses of links are no marks
    marks = re.findall(r"\[(V|M|2nd)\b(?:: ([^\]]*))?", body)
    assert marks
    for kind, source in marks:
        # A bare [V] stands right behind the source that the sentence names.
        assert source or kind == "V", f"a [{kind}] without its source"


def test_twins_of_the_cards_are_those_of_the_code():
    for name, digits, twins in (
        ("isic2018", r"\d{7}", ISIC_TWINS),
        ("la2018", r"[0-9A-Z]{8}", LA_TWINS),
    ):
        named = set(map(frozenset, re.findall(rf"\b({digits})-({digits})\b", card(name)[1])))
        assert named == set(map(frozenset, twins))


# --- recomputed where the files are present -----------------------------------------------------


@pytest.fixture(scope="module")
def isic(real_data):
    return load("isic2018", root=real_data("isic2018_256"))


@pytest.fixture(scope="module")
def isic_masks(isic):
    from ucmt_lite.data.columns import unpng

    rows = isic.splits.cast_column(
        "mask", isic.splits["train"].features["mask"].__class__(decode=False)
    )
    return {row["id"]: unpng(row["mask"]["bytes"], "L") for split in rows.values() for row in split}


def test_isic_numbers(isic, isic_masks, real_data):
    head, body = card("isic2018")
    counts = {split: len(table) for split, table in isic.splits.items()} | {
        "cases": len(isic_masks)
    }
    assert counts == head["counts"]
    percent = [100 * float(mask.mean()) for mask in isic_masks.values()]
    measured = {
        "min": min(percent),
        "median": np.median(percent),
        "mean": np.mean(percent),
        "max": max(percent),
    }
    assert {key: round(float(value), 2) for key, value in measured.items()} == head[
        "foreground_percent"
    ]
    for file, digest in head["lists"].items():
        assert hashlib.sha256((real_data("isic2018_256") / file).read_bytes()).hexdigest() == digest
    assert all(is_list(Path(name), Path()) for name in head["lists"])


def test_isic_twins(isic, isic_masks):
    """They look alike, their masks agree as the card says, and eight pairs cross the lists."""
    side = {name: split for split, table in isic.splits.items() for name in table["id"]}
    pairs = [(f"ISIC_{a}", f"ISIC_{b}") for a, b in ISIC_TWINS]
    assert sum(side[a] != side[b] for a, b in pairs) == 8
    members = {name for pair in pairs for name in pair}
    images = {}
    for split in isic.splits.values():
        part = cases(
            split.select([i for i, name in enumerate(split["id"]) if name in members]), size=64
        )
        images |= dict(zip(part.ids, part.images, strict=True))
    dice = {}
    for a, b in pairs:
        assert np.corrcoef(images[a].ravel(), images[b].ravel())[0, 1] > 0.95
        x = isic_masks[a] > 0
        y = isic_masks[b] > 0
        dice[a, b] = 2 * (x & y).sum() / (x.sum() + y.sum())
    assert round(dice.pop(("ISIC_0012887", "ISIC_0012989")), 2) == 0.70
    assert round(dice.pop(("ISIC_0015986", "ISIC_0015987")), 2) == 0.85
    assert 0.90 <= min(dice.values()) and max(dice.values()) < 0.9995


def test_la_numbers(real_data):
    # These hold the probable twins.
    source = load("la2018", root=real_data("la2018"), count=(11, 0, 3))
    limits = card("la2018")[0]["foreground_percent"]
    every = {}
    for split in source.splits.values():
        part = cases(split)
        every |= {
            name[:8]: pair for name, *pair in zip(part.ids, part.images, part.masks, strict=True)
        }
    for image, mask in every.values():
        assert 148 <= mask.shape[0] <= 244 and 132 <= mask.shape[1] <= 160 and mask.shape[2] == 88
        assert limits["min"] <= 100 * mask.mean() <= limits["max"]
        values = image.astype(np.float32)
        # Kept as they are, not standardised again.
        assert 0.04 < values.mean() < 1.95 and 0.30 < values.std() < 1.67
    if {"ULHWPWKK", "4498CA6D"} <= set(every):
        assert round(aligned_dice(every["ULHWPWKK"][1], every["4498CA6D"][1]), 1) == 0.9


def aligned_dice(a: np.ndarray, b: np.ndarray) -> float:
    """Dice of two masks after their centres of mass are moved onto each other."""
    boxes = []
    for mask in (a, b):
        box = np.zeros((256, 256, 176), bool)
        centre = [round(float(axis.mean())) for axis in np.nonzero(mask)]
        start = [side // 2 - c for side, c in zip(box.shape, centre, strict=True)]
        box[tuple(slice(s, s + n) for s, n in zip(start, mask.shape, strict=True))] = mask
        boxes.append(box)
    return 2 * (boxes[0] & boxes[1]).sum() / (boxes[0].sum() + boxes[1].sum())
