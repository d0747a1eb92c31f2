"""A grid asks for the runs a reader would list by hand, and is refused with file and line."""

import pytest

from ucmt_lite.common import InputError
from ucmt_lite.experiments import plan
from ucmt_lite.experiments.config import RunConfig

GRID = """\
base: {dataset: phantom_heart, iterations: 20, settings: {weight: 0.5}}
variants:
  CPS: {method: cps}
  CMT, low weight:
    method: cmt
    settings: {weight: 0.1}
vary:
  labeled: [2, 4]
  seed: [0, 1]
"""


@pytest.fixture
def read(tmp_path):
    def of(text):
        (tmp_path / "grid.yaml").write_text(text)
        return plan.read_plan(tmp_path / "grid.yaml")

    return of


def test_a_grid_is_the_product_of_its_variants_and_of_what_it_varies(read):
    runs = {run.name: run for run in read(GRID)}
    assert list(runs) == [
        f"{variant}_labeled-{labeled}_{seed}"
        for variant in ("CPS", "CMT-low-weight")
        for labeled in (2, 4)
        for seed in (0, 1)
    ]
    run = runs["CMT-low-weight_labeled-2_1"]
    assert run.variant == "CMT, low weight"
    assert run.config == RunConfig(
        method="cmt", iterations=20, labeled=2, seed=1, settings={"weight": 0.1}
    )
    assert runs["CPS_labeled-4_0"].config.settings == {"weight": 0.5}, (
        "what a variant does not set is the base's"
    )


def test_a_setting_of_the_method_can_vary_and_makes_variants(read):
    text = "base: {method: ucmt, settings: {grid: 8}}\nvary: {settings.top_k: [0, 4], seed: [0, 1]}"
    runs = read(text)
    assert [run.name for run in runs] == [
        "ucmt_top_k-0_0",
        "ucmt_top_k-0_1",
        "ucmt_top_k-4_0",
        "ucmt_top_k-4_1",
    ]
    assert [run.variant for run in runs] == ["ucmt top_k-0"] * 2 + ["ucmt top_k-4"] * 2
    assert runs[2].config.settings == {"grid": 8, "top_k": 4}


def test_folders_of_data_that_vary_are_cases_of_their_own(read):
    """One method on two sets is no comparison of two methods."""
    runs = read("base: {dataset: folder, method: cps}\nvary: {data: [a, b], seed: [0]}")
    assert [(run.name, run.variant) for run in runs] == [
        ("cps_data-a_0", "cps"),
        ("cps_data-b_0", "cps"),
    ]


def test_what_base_says_of_views_stays_where_another_of_them_varies(read):
    base = "base: {method: cps, views: {degrees: 0}, network_settings: {filters: [8, 16]}}"
    runs = read(f"{base}\nvary: {{views.contrast: [0.2, 0.5]}}")
    assert [run.config.views for run in runs] == [
        {"degrees": 0, "contrast": 0.2},
        {"degrees": 0, "contrast": 0.5},
    ]
    assert runs[0].config.network_settings == {"filters": [8, 16]}


def test_a_value_listed_twice_counts_once(read):
    assert [run.name for run in read("variants: {a: {method: cps}}\nvary: {seed: [0, 0, 1]}")] == [
        "a_0",
        "a_1",
    ]


@pytest.mark.parametrize(
    "text, said",
    [
        ("bse: {}", "grid.yaml, line 1: Unknown key of a grid 'bse': did you mean 'base'"),
        (
            "base:\n  method: cps\n  labelled: 4",
            "line 3: Unknown setting of a run 'labelled': did you mean 'labeled'",
        ),
        ("base:\n  lr: high", "line 2: lr='high' is not of type float: its default"),
        (
            "base:\n  lr: 1e-3",
            "line 2: lr='1e-3' is not of type float (YAML takes 1e-3 for text: write 1.0e-3)",
        ),
        (
            "variants:\n  a:\n    methd: cps",
            "line 3: Unknown setting of a run 'methd': did you mean 'method'",
        ),
        ("variants:\n  a: 3", "line 2: expected names and values"),
        ("vary:\n  seed: []", "line 2: 'seed' leaves nothing to run"),
        ("vary:\n  seed: 3", "line 2: 'seed' leaves nothing to run"),
        ("vary:\n  seed: [0, one]", "line 2: seed='one' is not of type int"),
        ("base: {lr: 1, lr: 2}", "line 1: 'lr' stands here a second time"),
        ("base: {lr: 1", "line 1: this is not YAML"),
        (
            "base:\n  lr: {{LR}}",
            "line 2: a name is missing here (a template that was not filled in?)",
        ),
        ("base: &all\n  settings: *all", "line 2: 'settings' contains itself"),
        (
            "vary: {settings.weight: [1, 1.0]}",
            "'ucmt_weight-1.0' is the same run as 'ucmt_weight-1'",
        ),
        ("- 1", "line 1: expected names and values"),
        ("", "expected names and values"),
        ("variants: {a b: {seed: 1}, a-b: {seed: 2}}", "two different runs would be called 'a-b'"),
        ("variants: {CPS: {seed: 1}, cps: {seed: 2}}", "two different runs would be called 'cps'"),
        (
            "variants:\n  a: {method: cps}\n  b: {method: cps, lr: 0.003}",
            "line 3: 'b' is the same run as 'a'",
        ),
        ("variants:\n  supervised:\n", "line 2: 'supervised' sets nothing"),
        ("variants: {yes: {method: cps}}", "YAML reads the name True as no text"),
    ],
)
def test_a_wrong_grid_is_refused_with_its_line(read, text, said):
    with pytest.raises(InputError) as refusal:
        read(text)
    assert said in str(refusal.value) and str(refusal.value).startswith("grid.yaml, line")


def test_a_grid_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no\.yaml cannot be read as a grid"):
        plan.read_plan(tmp_path / "no.yaml")
