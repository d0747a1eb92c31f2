"""Lists of ids beside the data: who is in which split, and who is labeled."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ucmt_lite.common import InputError
from ucmt_lite.data.files import composed, tell_unread
from ucmt_lite.data.layouts import IMAGE_FOLDERS, MASK_FOLDERS, part_of, split_mask_word

# A list may also be called train_slices, as that of ACDC is.
_NAMES = {
    "train": ("train", "train_slices", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
    "labeled": ("labeled", "labelled", "train_labeled", "train_labelled"),
    "unlabeled": ("unlabeled", "unlabelled", "train_unlabeled", "train_unlabelled"),
}
_TABLES = (".csv", ".tsv")
_ENDINGS = (".list", ".txt", *_TABLES)
_GROUPS = {f"groups{ending}" for ending in _TABLES}
_FOLDERS = ("", "lists", "splits", "ImageSets/Segmentation", "ImageSets/Main")
# Names of columns, as `spelled` has them.
ID_COLUMNS = (
    *("id", "name", "image", "file", "filename", "case"),
    *("imageid", "imagepath", "imagename", "path", "img"),
)
_MASK_COLUMNS = ("mask", "label", "segmentation", "maskpath", "maskname", "maskfile")
GROUP_COLUMNS = (
    *("group", "patient", "patientid", "subject", "subjectid"),
    *("participant", "participantid", "pid", "patientname", "patientnr", "patientno", "mrn"),
)
SPLIT_COLUMNS = ("split", "subset", "fold", "partition")
# Files of these names and endings that are no list are told by name.
_LIKE_LISTS = re.compile(
    r"(^|[\W_])(train(ing)?|val(id(ation)?)?|test(ing)?|splits?|folds?|(un)?labell?ed"
    r"|groups?|patients?|subjects?)([\W_\d]|set|$)",
    re.I,
)
_LIKE_ENDINGS = {*_ENDINGS, ".json", ".lst", ".xlsx"}
_NOTES = {"", ".txt", ".md", ".rst", ".pdf", ".html", ".zip"}
_DEEPEST = 5  # folders one in another, each alone


@dataclass(frozen=True)
class Lists:
    """The ids that lists name, by `train`, `validation`, `test`, `labeled`, `unlabeled`."""

    parts: dict[str, list[str]] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def read_text(file: Path) -> str:
    """Return the text of a file, whatever its line ends and its way to write accents are."""
    try:
        return composed(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{file} is not in UTF-8: save it again in that encoding.") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}): check its rights.") from error


def read_lists(root: Path, groups: Mapping[str, str]) -> Lists:
    """Read the lists of a folder, or of lists/ or splits/ in it: `train.list`, `labeled.txt`, ...

    They are text, one id a line, or a table with a column `id`. A line may also be the path of an
    image (what comes after it is passed over), name a group, or be the start of ids up to an
    underscore (`patient001` for all its slices).
    """
    files = {kind: _find(root, _with_endings(names)) for kind, names in _NAMES.items()}
    there = {kind: file for kind, file in files.items() if file is not None}
    return Lists(
        {kind: _listed(file, root, groups) for kind, file in there.items()}, tuple(there.values())
    )


def is_list(file: Path, root: Path) -> bool:
    """Return whether a file of a set may be a list or the groups, which no reader passes over.

    >>> is_list(Path("s/lists/Train.txt"), Path("s")), is_list(Path("s/notes.txt"), Path("s"))
    (True, False)
    """
    if file == root / "dataset.json":
        return True
    names = _GROUPS.union(*(_with_endings(names) for names in _NAMES.values()))
    return file.name.lower() in names and _is_at_hand(file, root)


def _is_at_hand(file: Path, root: Path) -> bool:
    return file.parent in [root / folder for folder in _FOLDERS]


def folder_of_set(root: Path) -> Path:
    """Return the folder that a set lies in: the one that is given, or the only one below it.

    So an archive unpacks; the lists that it holds lie beside the images, and not above them.
    """
    for _ in range(_DEEPEST):
        try:
            inside = [path for path in sorted(root.iterdir()) if path.name[0] not in "._"]
        except OSError:
            return root
        folders = [path for path in inside if path.is_dir()]
        if len(folders) != 1 or not all(_is_note(path) for path in inside if path.is_file()):
            return root
        kind, split = part_of(folders[0].name)
        if split or kind in IMAGE_FOLDERS | MASK_FOLDERS:
            return root
        root = folders[0]
    return root


def _is_note(file: Path) -> bool:
    """Return whether a file beside the folder of a set says nothing of its images."""
    return file.suffix.lower() in _NOTES and not _LIKE_LISTS.search(file.stem)


def spelled(column: str) -> str:
    """Return the name of a column without what people spell in several ways.

    >>> spelled("Patient ID"), spelled("patient_id"), spelled("PatientID")
    ('patientid', 'patientid', 'patientid')
    """
    return re.sub(r"[\s_-]", "", column.lower())


def tell_passed_over(unread: Iterable[Path], root: Path) -> list[str]:
    """Return sentences on the files that no reader reads, and on those that may be lists."""
    files = [file for file in unread if not is_list(file, root)]
    likely = [
        file.name
        for file in sorted(files)
        if file.suffix.lower() in _LIKE_ENDINGS
        and (_LIKE_LISTS.search(file.stem) or _has_patients_or_splits(file))
    ]
    if not likely:
        return [tell_unread(files, root)]
    return [
        tell_unread(files, root),
        f"Not read, but perhaps meant as lists: {', '.join(likely[:3])}; splits are read from"
        " train.txt, val.txt and test.txt, patients from groups.csv.",
    ]


def _has_patients_or_splits(file: Path) -> bool:
    """Return whether a table has a column that names patients or splits."""
    if file.suffix.lower() not in _TABLES:
        return False
    try:
        head = [spelled(cell) for row in _rows(file)[:1] for cell in row]
    except InputError:
        return False
    return any(name in head for name in (*GROUP_COLUMNS, *SPLIT_COLUMNS))


def _with_endings(names: Iterable[str]) -> set[str]:
    return {f"{name}{ending}" for name in names for ending in _ENDINGS}


def _find(root: Path, wanted: set[str]) -> Path | None:
    """Return the one file of a list's names, in capitals or not; two are refused."""
    there = [
        file
        for place in (root / folder for folder in _FOLDERS)
        if place.is_dir()
        for file in sorted(place.iterdir())
        if file.name.lower() in wanted and file.is_file()
    ]
    if len(there) > 1:
        raise InputError(f"{there[0]} and {there[1]} are lists of the same: keep one of them.")
    return there[0] if there else None


def _lines(file: Path, known: Iterable[str]) -> list[str]:
    """Return the entries of a list; of a table the column with the ids, which are `known`."""
    if file.suffix.lower() not in _TABLES:
        return [line.strip() for line in read_text(file).splitlines() if line.strip()]
    rows = _rows(file)
    if not rows:
        return []
    head = [spelled(cell) for cell in rows[0]]
    column = _id_column(file, head, rows[1:], known)
    if column is None and (not head[0] or head[0].startswith("unnamed")):  # as pandas writes it
        raise InputError(
            f"{file} begins with a column without a name (an index), and none is called id: call"
            " the one that names the images so."
        )
    body = rows if column is None else rows[1:]
    return _column(body, column or 0)


def _column(rows: Iterable[Sequence[str]], column: int) -> list[str]:
    return [row[column] for row in rows if len(row) > column and row[column]]


def _id_column(
    file: Path, head: Sequence[str], rows: Sequence[Sequence[str]], known: Iterable[str]
) -> int | None:
    """Return the column of a table that holds the ids; two that name different images are refused.

    So is a column of masks that belong to other images by their names, by which masks are found.
    """
    columns = [head.index(name) for name in ID_COLUMNS if name in head]
    if not columns:
        return None
    names = {key.rpartition("/")[2] for key in known}
    stems = {column: [forms_of(cell)[-1] for cell in _column(rows, column)] for column in columns}
    fitting = [column for column in columns if names.issuperset(stems[column])]
    for other in fitting[1:]:
        if stems[other] != stems[fitting[0]]:
            raise InputError(
                f"{file} names images in two columns, {head[fitting[0]]} and {head[other]}, which"
                " do not agree: keep the true one."
            )
    column = (fitting or columns)[0]
    for masks in (head.index(name) for name in _MASK_COLUMNS if name in head):
        for image, mask in zip(stems[column], _column(rows, masks), strict=False):
            named = split_mask_word(forms_of(mask)[-1])[0]
            if named != image and {named, image} <= names:
                raise InputError(
                    f"{file} gives the image '{image}' the mask {mask}, which is that of"
                    f" '{named}' by its name: masks are found by their names, so rename them."
                )
    return column


def _rows(file: Path) -> list[list[str]]:
    """Return the rows of a table whose cells stand between commas, semicolons or tabs.

    The first line says which. Rows without anything in them are left out.
    """
    lines = read_text(file).splitlines()
    separator = max(",;\t", key=lines[0].count) if lines else ","
    try:
        rows = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
    except csv.Error as error:
        raise InputError(f"{file} is no table ({error}): save it again as CSV.") from None
    stripped = [[cell.strip() for cell in row] for row in rows]
    return [row for row in stripped if any(row)]


def read_pairs(root: Path) -> tuple[Path, list[tuple[str, str]]] | None:
    """Return `groups.csv` of a folder and the id and group of its rows; None where it has none.

    The columns may have other usual names (`image`, `patient`), in capitals or not.
    """
    file = _find(root, _GROUPS)
    if file is None:
        return None
    rows = _rows(file)
    head = [spelled(cell) for cell in rows[0]] if rows else []
    columns = []
    for names in (ID_COLUMNS, GROUP_COLUMNS):
        there = [name for name in names if name in head]
        if not there or len(rows) < 2:
            raise InputError(
                f"{file} needs the columns id,group in its first line and one row for each image."
            )
        if head.count(there[0]) > 1:
            raise InputError(f"{file} has two columns called {there[0]}: keep the true one.")
        columns.append(head.index(there[0]))
    width = max(columns) + 1
    filled = [row + [""] * (width - len(row)) for row in rows[1:]]
    return file, [(row[columns[0]], row[columns[1]]) for row in filled]


def _listed(file: Path, root: Path, groups: Mapping[str, str]) -> list[str]:
    """Return the ids that one list names, in its order."""
    listed: list[str] = []
    for entry in _lines(file, groups):
        candidates = dict.fromkeys([*forms_of(entry), *forms_of(entry.split()[0])])
        exact = next((name for name in candidates if name in groups), None)
        if exact is not None:
            listed.append(exact)
            continue
        ids = [
            key
            for key, group in groups.items()
            if any(group == name or key.startswith(name + "_") for name in candidates)
        ]
        if not ids:
            raise InputError(
                f"{file} names '{entry}' but there is no such case in {root}: add its files or"
                " remove the line."
            )
        listed += ids
    return listed


def forms_of(entry: str) -> list[str]:
    """Return what an entry may mean: itself, or of a path the name with and without folders.

    >>> forms_of("images/p1/a.png")
    ['images/p1/a.png', 'images/p1/a', 'p1/a', 'a']
    """
    forms = [entry]
    path = entry.replace("\\", "/").removeprefix("./")
    bare = path.removesuffix(".gz")
    dot = bare.rfind(".")
    if dot > bare.rfind("/"):
        bare = bare[:dot]
    parts = bare.split("/")
    forms += ["/".join(parts[start:]) for start in range(len(parts))]
    return list(dict.fromkeys(forms))
