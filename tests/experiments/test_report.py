"""Reports say what was measured, and the sentences of their pictures carry the numbers."""

import nbformat
import numpy as np
import pandas as pd
import pytest
from pandas import DataFrame
from PIL import Image

from ucmt_lite import cli
from ucmt_lite.common import InputError
from ucmt_lite.course.lessons import NOTEBOOKS
from ucmt_lite.experiments import evidence, results
from ucmt_lite.experiments.calibration import calibration_listing
from ucmt_lite.experiments.comparison import compare_runs
from ucmt_lite.experiments.comparison_text import as_latex, as_markdown, in_markdown
from ucmt_lite.experiments.lead import lead_listing, until_baseline
from ucmt_lite.experiments.pages import filled, glance_pictures, overview, publish
from ucmt_lite.experiments.plan import read_plan
from ucmt_lite.experiments.report import first_variant
from ucmt_lite.experiments.tables import scores_table
from ucmt_lite.methods import METHODS

SCORES = {
    "supervised": [0.70, 0.72, 0.74],
    "ucmt": [0.75, 0.76, 0.80],
    "a_b & c": [0.69, 0.73, 0.71],
}


@pytest.fixture
def runs():
    return made(SCORES)


def made(scores, labeled=4):
    rows = [
        {
            "run": f"{variant}_{labeled}_{seed}",
            "variant": variant,
            "method": "ucmt" if variant == "ucmt" else "supervised",
            "dataset": "phantom_heart",
            "size": 64,
            "labeled": labeled,
            "split": "test",
            "seed": seed,
            "norm": "instance",
            "iterations": 10,
            "gradient_steps": 10,
            "dice": value,
            "jaccard": value - 0.1,
            "hd95": 10 - value,
            "asd": None,
            "undefined": 0,
            "distances": True,
            "unit": "pixels",
            "cases": 200,
            "seconds_training": 30.0,
            "env_commit": "abc",
        }
        for variant, values in scores.items()
        for seed, value in enumerate(values)
    ]
    return DataFrame(rows)


def curves_of(runs):
    return DataFrame(
        {"run": run, "step": step, "dice": step / 10, "disagreement": 0.1, "uncertainty": 0.2}
        for run in runs["run"]
        for step in (5, 10)
    )


def test_the_comparison_is_in_markdown(runs):
    lines = as_markdown(compare_runs(runs, "supervised")).splitlines()
    assert lines[0] == "phantom_heart, 4 labeled, size 64, test images"
    row = next(line for line in lines if line.startswith("| UCMT"))
    assert "| 3 | 0.770 (" in row and "| +0.050 (" in row and "| 3 of 3 |" in row
    assert next(line for line in lines if line.startswith("| supervised")).endswith(
        "| - | - | - | - |"
    )


def test_the_comparison_is_told_in_latex(runs):
    text = as_latex(compare_runs(runs, "supervised"))
    assert r"a\_b \& c & 3 & 0.710" in text and r"\toprule" in text and text.count(r"\\") == 4


def test_every_case_has_a_panel_and_a_table(runs):
    both = DataFrame(
        [
            *runs.to_dict("records"),
            *made({"supervised": [0.8, 0.81], "ucmt": [0.8, 0.83]}, 8).to_dict("records"),
        ]
    )
    compared = compare_runs(both, "supervised")
    assert as_markdown(compared).count("| method |") == 2
    for picture in (evidence.plot_scores(both), evidence.differences(compared, "supervised")):
        panels = [axes.get_title() for axes in picture.figure.axes]
        assert [title.partition("phantom_heart, ")[2] for title in panels] == [
            f"{n} labeled, size 64, test images" for n in (4, 8)
        ]
        assert "phantom_heart, 8 labeled, size 64, test images: " in picture.alt
        assert len({axes.get_xlim() for axes in picture.figure.axes}) == 1, "one scale"


def test_scores_show_each_run_as_a_dot_and_say_the_mean(runs):
    picture = evidence.plot_scores(runs)
    dots = picture.figure.axes[0].lines[0]
    assert list(dots.get_xdata()) == SCORES["supervised"] and set(dots.get_ydata()) == {0}
    assert "UCMT 0.770 (0.704 to 0.836)" in picture.alt


def test_differences_fill_only_what_is_sure():
    sure = made({"supervised": [0.70, 0.71, 0.72, 0.73], "ucmt": [0.80, 0.81, 0.82, 0.8301]})
    unsure = made({"supervised": [0.70, 0.71, 0.72, 0.73], "ucmt": [0.80, 0.70, 0.79, 0.75]})
    for scores, fill in ((sure, "black"), (unsure, "white")):
        picture = evidence.differences(compare_runs(scores, "supervised"), "supervised")
        dot = next(line for line in picture.figure.axes[0].lines if line.get_marker() == "o")
        assert dot.get_markerfacecolor() == fill
    alone = evidence.differences(
        compare_runs(made({"supervised": [0.7]}), "supervised"), "supervised"
    )
    assert "No other variant has Dice at a seed" in alone.markdown


def test_label_efficiency_has_a_point_for_each_number_of_labels(runs):
    both = DataFrame([*runs.to_dict("records"), *made({"ucmt": [0.8, 0.9]}, 16).to_dict("records")])
    picture = evidence.label_efficiency(both)
    assert len({line.get_marker() for line in picture.figure.axes[0].lines[:2]}) == 1
    same = evidence.label_efficiency(both.assign(method="ucmt")).figure.axes[0].lines
    assert len({line.get_marker() for line in same}) == len(same) == 3, (
        "variants of one method have markers of their own"
    )
    line = next(line for line in picture.figure.axes[0].lines if line.get_label() == "UCMT")
    assert list(line.get_xdata()) == [4, 16] and np.allclose(line.get_ydata(), [0.77, 0.85])
    assert "UCMT 0.770 with 4, 0.850 with 16" in picture.alt


def test_one_line_is_one_data_set(runs):
    """What differs beside the seed is told apart in pictures and has tables of its own."""
    other = runs.assign(dataset="phantom_skin", run="skin_" + runs["run"], dice=runs["dice"] - 0.5)
    both = DataFrame([*runs.to_dict("records"), *other.to_dict("records")])
    lines = results.traces_of(both, curves_of(both))
    assert (
        list(lines)[:2] == ["supervised, phantom_heart", "ucmt, phantom_heart"] and len(lines) == 6
    )
    text = in_markdown(both, "supervised")
    assert text.count("Means over runs") == 2 and "| UCMT | 3 | 10 | 10 | 0.270 |" in text
    rows = [row for labeled in (2, 4, 8) for row in made(SCORES, labeled).to_dict("records")]
    few = results.traces_of(DataFrame(rows), curves_of(DataFrame(rows)), "ucmt", limit=3)
    assert list(few) == ["ucmt, 2 labeled", "ucmt, 4 labeled", "ucmt, 8 labeled"]


def test_distances_come_with_their_unit(runs):
    for unit in ("pixels", "voxels", "mm"):
        assert f"| HD95, {unit} | ASD, {unit} |" in scores_table(runs.assign(unit=unit))


def test_runs_without_a_score_are_left_out_everywhere_alike(runs):
    runs.loc[0, "hd95"] = np.nan
    text = in_markdown(runs, "supervised", "hd95")
    mean = f"{(20 - 0.72 - 0.74) / 2:.3f}"
    assert f"| supervised | 2 | {mean} | - |" in text
    assert f"| supervised | 3 | 10 | 10 | 0.720 | 0.620 | {float(mean):.2f} |" in text
    nothing = runs.assign(hd95=None, distances=False, undefined=None)
    assert "| - | - | - | 30 s |" in in_markdown(nothing, "supervised")
    compared = compare_runs(nothing, "supervised", "hd95")
    for picture in (
        evidence.plot_scores(nothing, "hd95"),
        evidence.label_efficiency(nothing, "hd95"),
        evidence.differences(compared, "supervised", "hd95"),
    ):
        assert picture.markdown.startswith("No")


def test_the_report_of_a_folder_is_an_executed_page(runs, tmp_path, capsys):
    results.save_runs(runs, tmp_path / "runs.parquet")
    results.save_runs(curves_of(runs), tmp_path / "curves.parquet")
    assert cli.main(["report", str(tmp_path), "--baseline", "supervised"]) == 0
    out = capsys.readouterr().out
    assert "| UCMT | 3 | 0.770" in out
    assert "| UCMT | 3 | 10 | 10 | 0.770 | 0.670 | 9.23 | - | 0 of 600 | 30 s |" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "comparison.md",
        "comparison.tex",
        "curves.parquet",
        "report.ipynb",
        "runs.parquet",
    ]
    page = nbformat.read(tmp_path / "report.ipynb", as_version=4)
    assert page.cells[0].source.startswith("# ") and not any(
        "badge" in cell.source for cell in page.cells
    )
    shown = [
        output for cell in page.cells for output in cell.get("outputs", []) if "data" in output
    ]
    assert sum("<img" in output.data.get("text/html", "") for output in shown) == 3
    assert not any("image/png" in output.data for output in shown), "pictures stand there once"
    assert any(
        "All of these runs have 4 labeled" in output.data.get("text/markdown", "")
        for output in shown
    )
    assert any("| UCMT | 3 | 0.770" in output.data.get("text/markdown", "") for output in shown)


def test_a_report_of_nothing_is_refused(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/metrics.json").write_text("{}")
    (tmp_path / "planned").mkdir()
    (tmp_path / "planned/grid.json").write_text("{}")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/grid.json").write_text("{")
    results.save_runs(DataFrame({"a": [1]}), tmp_path / "foreign/runs.parquet")
    for folder, message in {
        ".": "holds no sweep: run `ucmt-lite sweep GRID",
        "run": "holds one run, not a sweep",
        "planned": "No run of the sweep",
        "none": "There is no folder",
        "damaged": "is damaged",
        "foreign": "holds no runs",
    }.items():
        assert cli.main(["report", str(tmp_path / folder)]) == 2
        assert message in capsys.readouterr().err


@pytest.fixture
def sweep(runs, tmp_path):
    """A folder as a finished sweep and its report leave it."""
    results.save_runs(runs, tmp_path / "sweep/runs.parquet")
    results.save_runs(curves_of(runs), tmp_path / "sweep/curves.parquet")
    return tmp_path / "sweep"


def test_a_kept_comparison_is_tables_a_picture_and_its_readme(sweep, tmp_path):
    place = tmp_path / "results/mine"
    assert publish(sweep, place)
    text = (place / "README.md").read_text()
    assert text.startswith("# mine\n\n<!-- mine -->\n\n![Dice of each variant")
    assert "| UCMT | 3 | 0.770" in text and "(overview.png)" in text
    assert text.endswith("\n\n<!-- end -->\n")
    assert results.load_runs(place / "runs.parquet").equals(
        results.load_runs(sweep / "runs.parquet")
    )
    assert not (tmp_path / "results/README.md").exists(), "the page above is the author's"


def test_what_an_author_wrote_around_a_comparison_stays(sweep, tmp_path):
    place = tmp_path / "results/mine"
    page = place / "README.md"
    place.mkdir(parents=True)
    other = "<!-- other -->\nstays\n<!-- end -->\n"
    page.write_text(f"Before.\n\n<!-- mine -->\nold\n<!-- end -->\n\nBetween.\n{other}")
    assert publish(sweep, place)
    text = page.read_text()
    assert text.startswith("Before.\n\n<!-- mine -->\n\n![Dice of each variant")
    assert "\nold\n" not in text and text.endswith(f"<!-- end -->\n\nBetween.\n{other}")
    publish(place, place)
    assert page.read_text() == text, "the same tables make the same page"
    page.write_text("No marks.\n")
    assert not publish(sweep, place) and page.read_text() == "No marks.\n"


def test_keeping_a_comparison_also_fills_the_page_above(sweep, tmp_path):
    above = tmp_path / "results/README.md"
    above.parent.mkdir()
    above.write_text("Mine.\n<!-- all -->\n<!-- end -->\nAnd <!-- before -->\n<!-- end -->\n")
    publish(sweep, tmp_path / "results/mine")
    text = above.read_text()
    assert "| [mine](mine) |" in text and "(all.png)" in text and "before.png" not in text
    picture = Image.open(tmp_path / "results/all.png")
    assert f"![{picture.text['Description']}](all.png)" in text
    assert text.endswith(
        "And <!-- before -->\n\nNo comparison of CPS or UCMT with the baseline is kept"
        " here.\n\n<!-- end -->\n"
    )


def test_only_whole_sweeps_are_kept_and_only_where_they_can_be(sweep, tmp_path, capsys):
    place = tmp_path / "results/mine"
    (sweep / "grid.json").write_text('{"ucmt_4_9": {}}')
    with pytest.raises(InputError, match="1 runs of .* are not finished, ucmt_4_9 for one"):
        publish(sweep, place)
    (sweep / "grid.json").unlink()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file cannot be written .*: choose another folder"):
        publish(sweep, tmp_path / "file")
    assert cli.main(["report", str(sweep), "--baseline", "ucmt", "--keep", str(place)]) == 2
    assert "leave out --baseline and --score" in capsys.readouterr().err


def test_a_page_can_hold_every_comparison_of_methods_at_a_glance(runs, tmp_path):
    named = runs.assign(variant=runs["variant"].replace("a_b & c", "ucmt, half"))
    more = DataFrame([*named.to_dict("records"), *made(SCORES, 8).to_dict("records")])
    results.save_runs(more, tmp_path / "b/runs.parquet")
    results.save_runs(named.assign(gradient_steps=[10] * 3 + [20] * 6), tmp_path / "a/runs.parquet")
    results.save_runs(named.assign(split="validation"), tmp_path / "search/runs.parquet")
    results.save_runs(named.drop(columns="norm"), tmp_path / "old/runs.parquet")
    page = filled("<!-- all -->\n<!-- end -->\n<!-- before -->\n<!-- end -->", tmp_path)
    rows = [line for line in page.splitlines() if line.startswith("| [")]
    case = "phantom_heart, 4 labeled, size 64"
    end = "| 3 | 0.720 | 0.770 |"  # no column for methods that none of these comparisons has run
    assert rows == [
        f"| [a](a) | {case} | 10 iterations {end}",
        f"| [b](b) | {case} | 10 gradient steps {end}",
        f"| [b](b) | {case.replace('4', '8', 1)} | 10 gradient steps {end}",
        f"| [old](old) | {case} | 10 gradient steps {end}",
    ]
    assert page.index("| [b](b)") < page.index("<!-- before -->") < page.index("| [old](old)")
    pictures = glance_pictures(tmp_path)
    assert [file.name for file in pictures] == ["all.png", "before.png"]
    assert pictures[tmp_path / "all.png"].alt == (
        "Mean Dice minus that of supervised: UCMT +0.050 to +0.050, above 0 in 3 of 3 rows."
    )


def test_a_comparison_of_before_says_so_itself(runs, tmp_path):
    again = runs.assign(norm="batch", labeled_views="strong")
    tables = {
        "new": runs,
        "old": runs.drop(columns="norm"),
        "old, made again": again,
        "both": again.assign(norm=["batch", *["instance"] * 8]),
    }
    for name, table in tables.items():
        results.save_runs(table, tmp_path / name / "runs.parquet")
        text = filled(f"<!-- {name} -->\n<!-- end -->", tmp_path / name)
        note = "Measured under the [recipe of before](../README.md"
        assert (note in text) == name.startswith("old"), name


def test_a_part_of_the_page_that_does_not_end_is_told_and_costs_no_text(sweep):
    page = sweep / "README.md"
    text = "<!-- sweep -->\nMy own text.\n<!-- other -->\nstays\n<!-- end -->\n"
    page.write_text(text)
    with pytest.raises(InputError, match="no `<!-- end -->` after it"):
        publish(sweep, sweep)
    assert page.read_text() == text and not (sweep / "overview.png").exists()


def test_own_data_sets_are_never_compared_with_each_other(runs):
    both = DataFrame(
        [*runs.assign(data="a").to_dict("records"), *runs.assign(data="b").to_dict("records")]
    )
    text = as_markdown(compare_runs(both, "supervised"))
    assert (
        "phantom_heart a, 4 labeled" in text
        and "phantom_heart b, 4 labeled" in text
        and text.count("| UCMT |") == 2
    )


def test_the_baseline_is_the_first_of_the_grid_or_is_asked_for(runs, tmp_path):
    (tmp_path / "grid.json").write_text('{"a": {"variant": "cps"}, "b": {"variant": "ucmt"}}')
    with pytest.raises(
        InputError,
        match="No run of 'cps', the first variant of the grid, is finished: name another",
    ):
        first_variant(tmp_path, runs)
    (tmp_path / "grid.json").write_text('{"a": {"variant": "ucmt"}}')
    assert (
        first_variant(tmp_path, runs) == "ucmt"
        and first_variant(tmp_path / "none", runs) == "supervised"
    )


def test_a_comparison_over_several_numbers_of_labels_is_shown_as_a_curve(runs):
    rows = [row for labeled in (2, 4, 8) for row in made(SCORES, labeled).to_dict("records")]
    assert "by number of labeled images" in overview(DataFrame(rows)).alt
    assert "each variant" in overview(runs).alt


RESULTS = NOTEBOOKS.parent / "results"
KEPT = sorted(path.parent for path in RESULTS.glob("*/grid.yaml"))


@pytest.mark.parametrize("folder", [RESULTS, *KEPT], ids=lambda folder: folder.name)
def test_the_pages_of_results_are_what_the_tables_make_them(folder):
    text = (folder / "README.md").read_text()
    assert filled(text, folder) == text.rstrip("\n"), "run `ucmt-lite report --keep` again"


def test_the_page_of_results_is_two_screens_and_leads_to_every_comparison():
    text = (RESULTS / "README.md").read_text()
    assert len(text.splitlines()) <= 100
    assert [folder.name for folder in KEPT if f"]({folder.name})" not in text] == []
    for file, picture in glance_pictures(RESULTS).items():
        picture.figure.draw_without_rendering()
        legend = picture.figure.legends[0].get_window_extent()
        assert 0 <= legend.x0 and legend.x1 <= picture.figure.bbox.width, "it is cut off"
        assert Image.open(file).text["Description"] == picture.alt


@pytest.mark.parametrize("folder", KEPT, ids=lambda folder: folder.name)
def test_results_in_the_repository_are_whole_and_say_where_they_come_from(folder):
    """Every run of the grid is in the table, from a clean clone, and shown in the picture."""
    runs = results.load_runs(folder / "runs.parquet")
    assert runs["env_commit"].str.fullmatch("[0-9a-f]{12}").all(), "made from a clean clone"
    assert sorted(runs["run"]) == sorted(run.name for run in read_plan(folder / "grid.yaml"))
    assert Image.open(folder / "overview.png").text["Description"] == overview(runs).alt
    assert f"<!-- {folder.name} -->" in (folder / "README.md").read_text()


@pytest.mark.parametrize("folder", KEPT, ids=lambda folder: folder.name)
def test_scores_of_images_and_calibration_are_of_the_runs_beside_them(folder):
    runs = results.load_runs(folder / "runs.parquet")
    which = [name for name in ("variant", "labeled", "draw", "seed") if name in runs]
    scores = runs.set_index(which)["dice"].sort_index()
    if (folder / "cases.parquet").is_file():
        images = results.load_runs(folder / "cases.parquet")
        means = images.groupby(which)["dice"].mean()
        assert np.allclose(means.sort_index().reindex(scores.index), scores, atol=1e-6)
    text = (folder / "README.md").read_text()
    if "(`until_baseline`;" in text:
        curves = results.load_runs(folder / "curves.parquet")
        assert lead_listing(until_baseline(runs, curves, runs["variant"].iloc[0])) in text
    if (folder / "calibration.parquet").is_file():
        table = results.load_runs(folder / "calibration.parquet")
        assert sorted(table["run"]) == sorted(runs["run"])
        own = runs.set_index("run")["dice"].loc[table["run"]]
        assert np.allclose(own, table["dice"])
        assert calibration_listing(table) in text
    if (folder / "students.parquet").is_file():
        table = results.load_runs(folder / "students.parquet")
        predicts = [METHODS[method].predicts for method in table["method"]]
        scored = table[table["network"] == predicts]
        own = runs.set_index("run")["dice"].loc[scored["run"]]
        assert np.allclose(own, scored["dice"]) and len(table) > len(scored) > 0
        assert calibration_listing(table) in text


def test_every_method_has_a_marker_in_the_picture_of_all_comparisons():
    line = evidence.Gains("all", "hearts", 4, "600 iterations", 5, dict.fromkeys(METHODS, 0.5))
    alt = evidence.plot_gains([line]).alt
    assert all(row.title in alt for name, row in METHODS.items() if name != "supervised")


def test_calibration_is_listed_apart_where_runs_saw_more_or_fewer_images():
    run = {"dataset": "phantom_heart", "method": "cps", "labeled": 4, "iterations": 6}
    table = pd.DataFrame(
        [{**run, "unlabeled": n, "dice": d, "ece": d} for n, d in ((0, 0.8), (0, 0.6), (20, 0.5))]
    )
    assert "| cps | 4 | 6 | 3 | 0.6333 |" in calibration_listing(table.drop(columns="unlabeled"))
    mixes = table.assign(unlabeled=0, settings=["umix", "umix", "cutmix"])
    assert "| umix | 2 | 0.7000 |" in calibration_listing(mixes)
    listed = calibration_listing(table)
    assert "| cps | 4 | 0 | 6 | 2 | 0.7000 |" in listed and "| 4 | 20 | 6 | 1 | 0.5000 |" in listed
