"""Every command of the README is run as it stands there, and what it leaves is looked at.

Commands are read from its text, so that no copy can drift. What would take minutes is shortened by
options behind them, by fewer images, or by smaller numbers in the text that was read.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from browser import free_port
from packaging.requirements import Requirement
from PIL import Image

from ucmt_lite.cli import main
from ucmt_lite.data.readers import READERS
from ucmt_lite.experiments.run import read_run

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
PROSE = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
INLINE = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", PROSE)]
LINES = [line for kind, block in FENCES if not kind for line in block.splitlines()]
PROGRAMS = ("ucmt-lite", "torchrun", "jupyter", "make", "git", "pip", "python3", "python", "export")
COMMANDS = [text for text in [*INLINE, *LINES] if " " in text and text.split()[0] in PROGRAMS]
OPTIONS = [text for text in INLINE if text.startswith("--")]
SHORT = ["--iterations", "2", "--size", "32"]
# Commands and options of the README that other tests look at, each by what is found in its file.
ELSEWHERE = {
    "git clone": ("tests/test_packaging.py", "git clone"),
    "python3 -m venv": ("tests/test_readme.py", "pip install -c constraints.txt -e"),
    "export PIP_EXTRA_INDEX_URL": ("tests/test_packaging.py", "--extra-index-url"),
    "--scheduler": ("tests/experiments/test_sweep.py", '"--scheduler"'),
}


def every(start, among=COMMANDS):
    """Return the commands of the README that begin so."""
    found = sorted({text for text in among if text.startswith(start)})
    assert found, f"no command of the README begins with {start}"
    return found


def written(start, among=COMMANDS):
    """Return the words of the only command of the README that begins so."""
    (found,) = every(start, among)
    return shlex.split(found)


def block(kind, part):
    """Return the only block of the README of one kind that holds `part`."""
    (found,) = [text for name, text in FENCES if name == kind and part in text]
    return found


def kit(words, *more):
    """Run a command of the kit in this process, with more options behind it."""
    program, *rest = words
    assert program == "ucmt-lite"
    assert main([*rest, *more]) == 0


@contextmanager
def running(command, **how):
    """Run a server of the README until the block ends."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, **how) as process:
        try:
            yield process
        finally:
            process.terminate()


def page_at(address, seconds=120):
    """Return what a server answers, as soon as it answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=seconds) as answer:
                return answer.read().decode()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, few_cases):
    """Every command has a folder of its own, and phantom sets of a few images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A folder in which the first command of the experiments was run by a shell's own means."""
    folder = tmp_path_factory.mktemp("clone")
    _, *options = written("ucmt-lite run --dataset phantom_heart")
    command = [sys.executable, "-m", "ucmt_lite.cli", *options, *SHORT]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "phantom_heart, ucmt, 4 labeled, seed 0: dice 0." in done.stdout
    return folder


@pytest.fixture
def after_first(first, monkeypatch):
    """The folder where `runs/first` is."""
    monkeypatch.chdir(first)


def test_each_command_of_the_readme_is_run_by_a_test():
    here = Path(__file__).read_text(encoding="utf-8")
    tried = tuple(re.findall(r'\b(?:written|every)\(\s*f?"([^"{]+)', here))
    for file, part in ELSEWHERE.values():
        assert part in (ROOT / file).read_text(encoding="utf-8")
    assert len(COMMANDS) > 20 and len(OPTIONS) > 5
    left = [text for text in [*COMMANDS, *OPTIONS] if not text.startswith((*tried, *ELSEWHERE))]
    assert left == []


# Set up


def test_the_environment_is_examined(capsys, monkeypatch):
    monkeypatch.setattr("ucmt_lite.course.doctor._seconds_per_iteration", lambda threads: 0.01)
    kit(written("ucmt-lite doctor"))
    assert "One UCMT iteration of the lessons takes 10 ms" in capsys.readouterr().out


def test_the_lessons_are_opened(tmp_path):
    shutil.copytree(ROOT / "notebooks/src", tmp_path / "notebooks/src")
    shutil.copy(ROOT / "notebooks/00_start_here.ipynb", tmp_path / "notebooks")
    port = free_port()
    options = [f"--port={port}", "--no-browser", "--allow-root", "--IdentityProvider.token="]
    command = [sys.executable, "-m", *written("jupyter lab"), *options]
    with running(command, cwd=tmp_path, stderr=subprocess.DEVNULL):
        listed = page_at(f"http://127.0.0.1:{port}/api/contents")
    assert "00_start_here.ipynb" in [item["name"] for item in json.loads(listed)["content"]]


def test_the_course_runs_a_lesson(tmp_path, capsys):
    kit(["ucmt-lite", *re.findall(r"&& ucmt-lite (course)`", README)], "03_mean_teacher")
    assert (tmp_path / "runs/course/03_mean_teacher.ipynb").is_file()
    assert "03_mean_teacher.ipynb" in (tmp_path / "runs/course/index.html").read_text()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("command", every("make "))
def test_make_has_the_target(command):
    make, *targets = command.split()
    done = subprocess.run([make, "-n", *targets], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout, done.stderr


@pytest.mark.parametrize("command", every("pip install"))
def test_what_is_installed_beside_the_kit_is_known_to_it(command):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    wanted = Requirement(shlex.split(command)[-1].replace(".[", "ucmt-lite["))
    assert wanted.extras <= set(extras)
    known = {Requirement(item).name for item in extras["dev"]} | {"ucmt-lite"}
    assert wanted.name in known and (wanted.extras or wanted.name != "ucmt-lite")


# Runs


def test_a_researcher_starts_with_one_command(capsys):
    kit(written("ucmt-lite run --method ucmt"), *SHORT)
    assert "phantom_heart, ucmt, 4 labeled" in capsys.readouterr().out
    assert read_run("runs/first").config.method == "ucmt"


def test_a_run_leaves_the_files_that_are_named(after_first, capsys):
    leaves = PROSE.partition("\nleaves ")[2].partition(" in `runs/first`")[0]
    files = re.findall(r"`([\w.]+)`", leaves)
    networks = [f"{name}.safetensors" for name in ("teacher", "student1", "student2")]
    assert files == ["config.json", "metrics.json", "trace.npz", *networks]
    assert sorted(os.listdir("runs/first")) == sorted(files)
    metrics = json.loads(Path("runs/first/metrics.json").read_text())
    assert {score.lower() for score in ("Dice", "Jaccard", "HD95", "ASD")} <= set(metrics["scores"])
    assert len(metrics["labeled_ids"]) == 4 and metrics["environment"]


def test_the_same_command_again_trains_nothing(after_first, capsys, monkeypatch):
    monkeypatch.setattr("ucmt_lite.training.fit.fit", lambda *_, **__: pytest.fail("trained again"))
    kit(written("ucmt-lite run --dataset phantom_heart"), *SHORT)
    assert "seed 0: dice 0." in capsys.readouterr().out


def test_options_are_listed(capsys):
    with pytest.raises(SystemExit) as left:
        kit(written("ucmt-lite run --help"))
    assert left.value.code == 0
    printed = capsys.readouterr().out
    for option in OPTIONS:
        if option.split()[0] not in ("--scheduler", "--picture"):
            assert option.split()[0] in printed


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (written("--set", OPTIONS), {"settings": {"weight": 0.3, "top_k": 4}}),
        (written("--network monai", OPTIONS), {"network": "monai:DynUNet"}),
    ],
)
def test_an_option_reaches_the_run(options, found):
    kit(written("ucmt-lite run --method ucmt"), *SHORT, *options)
    config = read_run("runs/first").config.as_dict()
    assert {key: config[key] for key in found} == found


def test_a_network_of_another_package_trains():
    pytest.importorskip("segmentation_models_pytorch", reason="the extra [smp] is not installed")
    (network,) = [text for text in INLINE if text.startswith("smp:")]
    kit(written("ucmt-lite run --method ucmt"), *SHORT, "--network", network)
    assert read_run("runs/first").config.network == network


def test_a_run_is_kept_as_a_page(tmp_path):
    kit(written("ucmt-lite run --method ucmt"), *SHORT, *written("--page", OPTIONS))
    page = json.loads((tmp_path / "page.ipynb").read_text(encoding="utf-8"))
    assert any(cell.get("outputs") for cell in page["cells"])
    assert read_run("runs/first").config.size == 32


def test_a_run_is_told_to_a_tool(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra [tensorboard] is not installed")
    kit(written("ucmt-lite run --method ucmt"), *SHORT, *written("--log", OPTIONS))
    assert list(tmp_path.rglob("events.out.tfevents.*"))


def test_runs_make_a_table(after_first, capsys):
    kit(written("ucmt-lite table"))
    assert "| phantom_heart | ucmt | 4 | 2 |" in capsys.readouterr().out


def test_two_processes_train_one_network(tmp_path):
    words = written("torchrun")
    assert words[-1] == "..." and words[0] == "torchrun"
    options = [*written("ucmt-lite run --method ucmt")[2:], *SHORT, "--no-distances"]
    command = [sys.executable, "-m", "torch.distributed.run", "--master-port", str(free_port())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *words[1:-1], *options], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("ucmt, 4 labeled, seed 0: dice 0.") == 1, "one run of both, told once"
    assert read_run(tmp_path / "runs/first").config.method == "ucmt"


# Many runs


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder in which the sweep was run with its first seed, for two iterations a run."""
    folder = tmp_path_factory.mktemp("sweep")
    grid = yaml.safe_load(block("yaml", "variants:"))
    grid["base"] |= {"iterations": 2, "size": 32, "distances": False}
    grid["vary"]["seed"] = grid["vary"]["seed"][:1]
    words = written("ucmt-lite sweep")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path(words[2]).write_text(yaml.safe_dump(grid))
        kit(words)
    return folder


def test_a_grid_runs_every_variant_with_every_seed(swept):
    runs = sorted(path.name for path in (swept / "runs/mine/runs").iterdir())
    assert runs == ["UCMT_10", "supervised_10"]
    pages = [path.name for path in (swept / "runs/mine").rglob("*.ipynb")]
    assert len(pages) == 2


def test_a_report_compares_the_variants(swept, monkeypatch, capsys):
    monkeypatch.chdir(swept)
    kit(written("ucmt-lite report"))
    made = {path.suffix: path for path in (swept / "runs/mine").glob("*.*")}
    assert {".md", ".tex", ".parquet", ".ipynb"} <= set(made)
    assert "supervised" in made[".md"].read_text() and "UCMT" in made[".md"].read_text()
    tables = (swept / "runs/mine").glob("*.parquet")
    assert sorted(path.stem for path in tables) == ["cases", "curves", "runs"]
    assert len(pd.read_parquet(swept / "runs/mine/runs.parquet")) == 2


# New images


def draw(file, value):
    """Save a square of one grey value on black."""
    picture = np.zeros((40, 48), np.uint8)
    picture[10:30, 12:36] = value
    Image.fromarray(picture).save(file)


def test_images_are_segmented(after_first, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for number in (1, 2):
        draw(images / f"case{number}.png", 100 * number)
    words = written("ucmt-lite predict")
    words[words.index("IMAGES")] = str(images)
    kit(words)
    masks = [Image.open(f"predicted/case{number}.png") for number in (1, 2)]
    assert [mask.size for mask in masks] == [(48, 40)] * 2


def test_an_image_is_segmented_in_python(after_first):
    draw("photo.png", 200)
    names = {}
    exec(block("python", "load_segmenter("), names)
    assert names["mask"].shape == (40, 48) and set(np.unique(names["mask"])) <= {0, 1, 2, 3}


# Explorers, data


def test_the_dashboard_answers(tmp_path, monkeypatch):
    pytest.importorskip("voila", reason="the extra [dashboard] is not installed")
    monkeypatch.setenv("JUPYTER_TOKEN", "planted")
    port = free_port()
    _, *rest = written("ucmt-lite dashboard")
    command = [sys.executable, "-m", "ucmt_lite.cli", *rest, "--no-browser", "--port", str(port)]
    with running(command, stderr=subprocess.DEVNULL, start_new_session=True) as server:
        page = page_at(f"http://127.0.0.1:{port}/voila/render/explorers.ipynb?token=planted")
        os.killpg(server.pid, 15)
    assert "Training, image by image" in page and "Traceback" not in page


@pytest.mark.parametrize("name", ["isic2018", "la2018"])
def test_a_set_says_what_its_folder_must_hold(name, monkeypatch, capsys):
    monkeypatch.delenv("UCMT_DATA", raising=False)
    words = [name if word == "NAME" else word for word in written("ucmt-lite data NAME")]
    assert main(words[1:]) == 2
    said = capsys.readouterr().err
    assert f"$UCMT_DATA/{name}" in said or "UCMT_DATA" in said


@pytest.fixture
def images(tmp_path):
    """A folder of ten images of ten patients with masks."""
    for kind in ("images", "masks"):
        (tmp_path / "own" / kind).mkdir(parents=True)
        for number in range(10):
            value = 255 if kind == "masks" else 120 + number
            draw(tmp_path / "own" / kind / f"patient{number}.png", value)
    return tmp_path / "own"


def test_a_folder_is_looked_at_and_drawn(images, capsys):
    words = [str(images) if word == "DIR" else word for word in written("ucmt-lite data folder")]
    picture = ["views.png" if word == "FILE" else word for word in written("--picture", OPTIONS)]
    kit(words, *picture)
    said = capsys.readouterr().out
    assert "10" in said and "To begin with: ucmt-lite run" in said
    assert Image.open("views.png").size[0] > 100


@pytest.mark.parametrize("kind", ["hdf5", "nifti"])
def test_files_of_other_formats_are_trained_on(kind, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    write = {"hdf5": write_hdf5, "nifti": write_nifti}[kind]
    for number in range(10):
        write(folder, number)
    assert kind in READERS
    options = [*written(f"--dataset {kind}", OPTIONS), *written("--data DIR", OPTIONS)]
    options[options.index("DIR")] = str(folder)
    command = [*written("ucmt-lite run --method ucmt"), *options]
    kit(command, "--iterations", "2", "--batch", "2", "--labeled", "2")
    assert read_run("runs/first").config.dataset == kind


def box():
    """A bright box in a volume, as image and as mask."""
    mask = np.zeros((16, 16, 16), np.uint8)
    mask[4:12, 4:12, 4:12] = 1
    return 0.8 * mask + 0.1, mask


def write_hdf5(folder, number):
    import h5py

    image, mask = box()
    with h5py.File(folder / f"patient{number}.h5", "w") as file:
        file["image"], file["label"] = image.astype(np.float32), mask


def write_nifti(folder, number):
    nibabel = pytest.importorskip("nibabel")
    for kind, volume in zip(("images", "masks"), box(), strict=True):
        (folder / kind).mkdir(exist_ok=True)
        file = nibabel.Nifti1Image(volume.astype(np.float32), np.eye(4))
        nibabel.save(file, folder / kind / f"patient{number}.nii.gz")


@pytest.mark.parametrize(
    ("words", "held", "count"),
    [
        (written("ucmt-lite run --dataset isic2018"), "isic2018_256", (120, 0, 6)),
        (written("ucmt-lite run --dataset la2018"), "la2018", (6, 0, 1)),
    ],
)
def test_a_real_set_is_trained_on(words, held, count, real_data, monkeypatch):
    import ucmt_lite.data

    real, folder = ucmt_lite.data.load, real_data(held)
    monkeypatch.setattr(
        ucmt_lite.data, "load", lambda name, **given: real(name, **given | {"count": count})
    )
    words[words.index("DIR")] = str(folder)
    kit(words, "--iterations", "2", "--no-distances")
    config = read_run(words[words.index("--out") + 1]).config
    assert config.dataset == words[words.index("--dataset") + 1] and config.data == str(folder)


# For teachers


def test_what_a_class_needs_is_listed(capsys):
    with pytest.raises(SystemExit) as left:
        kit(written("ucmt-lite teach", ["ucmt-lite teach"]), "--help")
    assert left.value.code == 0
    said = capsys.readouterr().out
    for what in ("slides", "tasks", "quiz", "nbgrader", "Otter"):
        assert what.lower() in said.lower()
