"""What is written twice agrees: pyproject.toml, conda, Binder, Colab, the citation.

And a wheel holds what it should, and importing it is cheap.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from colab import stand_in
from packaging.requirements import Requirement

from ucmt_lite import __version__
from ucmt_lite.course import doctor
from ucmt_lite.course.lessons import read_course

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CORE = {r.name: r.specifier for r in map(Requirement, PROJECT["dependencies"])}
LAB = {r.name: r.specifier for r in map(Requirement, PROJECT["optional-dependencies"]["lab"])}
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
# What Colab has loaded: none of it may be replaced by installing the kit.
COLAB = stand_in.versions()


# Ranges and pins


def test_the_doctor_looks_for_everything_that_is_installed():
    imported = {"pillow": "PIL", "pyyaml": "yaml"}
    assert {imported.get(name, name) for name in CORE} == set(doctor.REQUIRED_PACKAGES)
    assert {imported.get(name, name) for name in LAB} == set(doctor.LESSON_PACKAGES)


def test_conda_has_the_ranges_of_pyproject():
    from rattler import MatchSpec

    specs = [
        MatchSpec(text)
        for text in yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    ]
    conda = {
        CONDA_NAMES.get(name := spec.name.normalized, name): str(spec.version or "")
        for spec in specs
    }
    assert conda.pop("python") == PROJECT["requires-python"]
    assert conda.pop("pip") == ""
    assert {name: set(text.split(",")) for name, text in conda.items()} == {
        name: set(str(ranges).split(",")) for name, ranges in (CORE | LAB).items()
    }


def test_nothing_that_colab_has_loaded_would_be_replaced():
    both = set(COLAB) & set(CORE)
    assert len(both) > 10
    assert [name for name in sorted(both) if COLAB[name] not in CORE[name]] == []
    # Colab has filelock too (torch needs it), in a version we do not know.
    assert set(CORE) - set(COLAB) == {
        "safetensors",
        "monai",
        "filelock",
    }, "what else Colab would have to install"
    assert "3.13" in Requirement(f"python{PROJECT['requires-python']}").specifier


def test_on_the_stand_in_for_colab_the_setup_cell_finds_the_last_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(stand_in, "BUILD", tmp_path)
    course = read_course()
    stand_in.publish(course)
    environment = {**os.environ, **stand_in.kernel_of(course)["env"]}
    cloned = ["git", "-C", tmp_path / "clone", "rev-parse", "HEAD", course.tag]
    commits = []
    for command in (
        ["git", "clone", "--quiet", course.url, tmp_path / "clone"],
        ["git", "-C", ROOT, "rev-parse", "HEAD"],
        cloned,
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        commits += done.stdout.split()
    assert len(commits) == 3 and len(set(commits)) == 1


def test_constraints_pin_every_dependency_and_nothing_of_one_machine():
    text = (ROOT / "constraints.txt").read_text()
    pins = [Requirement(line) for line in text.splitlines()]
    here = {pin.name: pin for pin in pins if pin.marker is None or pin.marker.evaluate()}
    extras = PROJECT["optional-dependencies"]
    parts = [*extras["lab"], *extras["dev"], *extras["site"]]
    for wanted in map(Requirement, [*PROJECT["dependencies"], *parts]):
        if wanted.name == "torch" and sys.platform != "linux":
            continue
        if wanted.marker and not wanted.marker.evaluate():
            continue
        (pin,) = here[wanted.name].specifier
        assert pin.operator == "==" and pin.version in wanted.specifier, (
            f"{wanted} is pinned to {pin}"
        )
    assert not re.search(r"^(nvidia|cuda|triton)|://|^[-/]", text, re.MULTILINE)
    assert 'torch==2.13.0 ; sys_platform == "linux"' in text.splitlines()


@pytest.mark.parametrize("extra", ["export", "dicom", "completion"])
def test_the_tests_have_what_an_optional_part_needs(extra):
    extras = PROJECT["optional-dependencies"]
    assert set(extras[extra]) <= set(extras["dev"])


def test_versions_of_package_citation_changelog_and_course_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert PROJECT["version"] == __version__ == citation["version"]
    (newest, *_) = re.findall(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest == __version__ and read_course().tag == f"v{__version__}"
    assert citation["references"][0]["doi"] == "10.24963/ijcai.2023/467"


def test_every_address_is_that_of_the_course():
    course = read_course()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["repository-code"] == PROJECT["urls"]["Source"] == course.url
    blob = f"{course.url}/blob/{course.tag}/"
    for name in ("Documentation", "Changelog"):
        page = PROJECT["urls"][name].partition("#")[0]
        assert page.startswith(blob) and (ROOT / page.removeprefix(blob)).is_file()
    readme = (ROOT / "README.md").read_text()
    assert f"git clone {course.url}`" in readme


# Binder, continuous integration, hooks


def test_binder_gets_the_lab_on_cpu_before_the_repository_is_copied():
    from repo2docker.utils import is_local_pip_requirement

    index, *lines = (ROOT / "binder" / "requirements.txt").read_text().splitlines()
    assert re.fullmatch(r"--extra-index-url \S+/cpu", index)
    assert not [line for line in (index, *lines) if is_local_pip_requirement(line)]
    constraints = {
        line.partition(";")[0].strip()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    assert set(lines) <= constraints
    pinned = {Requirement(line).name for line in lines}
    assert {*CORE, *LAB} <= pinned
    assert "pip install --no-deps -e ." in (ROOT / "binder" / "postBuild").read_text()
    version = (ROOT / "binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    assert version in Requirement(f"python{PROJECT['requires-python']}").specifier
    start = (ROOT / "binder" / "start").read_text().splitlines()
    assert start[-1] == 'exec "$@"' and "export OMP_NUM_THREADS=1" in start


@pytest.mark.parametrize("script", ["binder/postBuild", "binder/start", ".ci/run"])
def test_scripts_are_bash_and_executable(script):
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / script], check=True)


def test_binder_image_would_be_made_of_these_files(tmp_path):
    """repo2docker reads broken files without complaint, so its Dockerfile is looked at."""
    for name in ("binder", "pyproject.toml", "constraints.txt"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed[-2000:]
    for part in (
        "binder/requirements.txt",
        "binder/postBuild",
        "R2D_ENTRYPOINT",
        "fonts-dejavu-core",
        "python=3.11",
    ):
        assert part in printed, f"{part} does not reach the image"


def test_hooks_are_local_and_valid():
    from pre_commit.clientlib import load_config

    assert {repo["repo"] for repo in load_config(ROOT / ".pre-commit-config.yaml")["repos"]} == {
        "local"
    }


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_knows_its_targets():
    for target, part in {
        "course": "ucmt-lite course",
        "lab": "jupyter lab",
        "bundle": "docs/bundle/build.py",
        "colab": "tests/colab/stand_in.py",
        "test": "pytest",
        "lint": "ruff",
    }.items():
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0 and part in done.stdout, done.stderr


# The wheel


def test_a_wheel_holds_the_package_with_lessons_recorded_runs_and_results(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(
        ROOT / "ucmt_lite", source / "ucmt_lite", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    beside = (
        "notebooks/traces/planted.npz",
        "notebooks/90_experiment.ipynb",
        "notebooks/zh/03_mean_teacher.ipynb",
        "notebooks/zh/README.md",
        "notebooks/src/course.yaml",
        "results/planted/runs.parquet",
    )
    for name in beside:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"planted")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        tmp_path,
        source,
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {
        p.relative_to(source).as_posix() for p in (source / "ucmt_lite").rglob("*") if p.is_file()
    }
    assert package | {f"ucmt_lite/recorded/{name}" for name in beside} <= names
    assert not [name for name in names if name.startswith(("tests", "notebooks"))]


def test_what_is_published_is_the_same_bytes_every_time(tmp_path):
    sums = []
    for clone in (tmp_path / "one", tmp_path / "two"):
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
        command = ["make", "-o", ".venv/dev.stamp", f"BIN={Path(sys.executable).parent}", "dist"]
        done = subprocess.run(command, cwd=clone, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        sums.append(re.findall(r"^[0-9a-f]{64} .*(?:\.whl|\.tar\.gz)$", done.stdout, re.MULTILINE))
    assert sums[0] == sums[1] and len(sums[0]) == 2


# Imports


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("ucmt_lite", {"torch", "numpy", "datasets", "monai", "matplotlib"}),
        ("ucmt_lite.training.traces", {"torch", "datasets", "monai", "matplotlib"}),
        ("ucmt_lite.explore", {"torch", "datasets", "monai"}),
        ("ucmt_lite.cli", {"torch", "datasets", "monai", "papermill"}),
        ("ucmt_lite.predict.folders", {"monai", "h5py", "matplotlib", "nibabel", "pydicom"}),
        ("ucmt_lite.predict.export", {"monai", "matplotlib", "onnx", "onnxruntime"}),
        ("ucmt_lite.data", {"monai", "h5py", "matplotlib"}),
        ("ucmt_lite.training.fit", {"monai", "papermill", "matplotlib"}),
    ],
)
def test_what_need_not_be_imported_is_not(module, heavy):
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stdout + done.stderr
