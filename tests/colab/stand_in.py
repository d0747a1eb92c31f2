"""Run student pages as Colab would: `make colab`, or `python tests/colab/stand_in.py [LESSON ...]`.

An environment of its own, `build/colab/venv`, holds the versions in `versions.txt`. Each page runs
there at its quick size, alone in an empty folder, and its setup cell installs the last commit of
this clone, which git is told to take for the published repository. Three things differ from Colab:
torch is that of `constraints.txt`, as Colab's comes with gigabytes for GPUs; Python is the one that
runs this, if not another is named by `COLAB_PYTHON`; and nobody sees the widgets.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement

from ucmt_lite.course.lessons import Course, read_course

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build/colab"
PYTHON = BUILD / "venv/bin/python"
# The part of Colab's own package that widgets ask for; a page that asks for more fails.
STAND_IN = """\
from types import SimpleNamespace

_widgets = SimpleNamespace(_installed_url=None)


def enable_custom_widget_manager():
    _widgets._installed_url = "https://widgets.invalid"
"""


def versions() -> dict[str, str]:
    """Return the version of each package that Colab has loaded."""
    lines = (HERE / "versions.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}


def torch_here() -> str:
    """Return the pin of torch that the kit is tested with."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith("torch=="))


def pip(*arguments: str) -> str:
    """Run pip of the stand-in; return what it printed."""
    command = [PYTHON, "-m", "pip", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def prepare(course: Course) -> None:
    """Make the environment, the kernel and the repository, or bring them up to date."""
    if not PYTHON.is_file():
        python = os.environ.get("COLAB_PYTHON", sys.executable)
        subprocess.run([python, "-m", "venv", PYTHON.parents[1]], check=True)
    pins = [f"{name}=={version}" for name, version in versions().items() if name != "torch"]
    pip("install", "--quiet", torch_here(), *pins)
    pip("uninstall", "--quiet", "--yes", "ucmt-lite")
    (site,) = PYTHON.parents[1].glob("lib/python*/site-packages")
    colab = site / "google/colab"
    colab.mkdir(parents=True, exist_ok=True)
    (colab / "__init__.py").touch()
    (colab / "output.py").write_text(STAND_IN)
    kernel = BUILD / "jupyter/kernels/colab/kernel.json"
    kernel.parent.mkdir(parents=True, exist_ok=True)
    kernel.write_text(json.dumps(kernel_of(course)))
    publish(course)


def kernel_of(course: Course) -> dict:
    """Return what starts a kernel of the stand-in, for which the clone is the repository."""
    argv = [str(PYTHON), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    environment = {
        "COLAB_RELEASE_TAG": "stand-in",
        "OMP_NUM_THREADS": "1",
        "TQDM_DISABLE": "1",
        "PYTHONPATH": "",  # else the kit would be there already
        "PYTHONNOUSERSITE": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository().as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": course.url,
    }
    return {
        "argv": [*argv, "--IPKernelApp.exec_lines=import google.colab.output"],
        "display_name": "Colab's stand-in",
        "language": "python",
        "env": environment,
    }


def repository() -> Path:
    """Return where what is published lies: the last commit, under the tag of the course."""
    return BUILD / "repository.git"


def publish(course: Course) -> None:
    """Put the last commit there; without a branch pip could not clone it."""
    if not repository().is_dir():
        init = ["git", "init", "--quiet", "--bare", "--initial-branch=main", repository()]
        subprocess.run(init, check=True)
    names = [f"HEAD:refs/tags/{course.tag}", "HEAD:refs/heads/main"]
    command = ["git", "push", "--quiet", "--force", repository(), *names]
    subprocess.run(command, cwd=ROOT, check=True)


def run_page(course: Course, name: str) -> str:
    """Run the page of a lesson at its quick size; return how it stopped, '' where it did not."""
    import papermill

    page, _ = course.paths(name)
    quick = course.lessons[name].quick
    kept = BUILD / "pages" / page.name
    kept.parent.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / page.name
        how = {"kernel_name": "colab", "cwd": folder, "progress_bar": False}
        try:
            papermill.execute_notebook(page, copy, quick, **how)
        except papermill.PapermillExecutionError as error:
            return f"cell [{error.exec_count}], {error.ename}: {error.evalue}, see {kept}"
        finally:
            shutil.copy(copy, kept)
    return ""


def replaced() -> list[str]:
    """Return what the setup cell has replaced of that which was loaded."""
    listed = json.loads(pip("list", "--format", "json"))
    found = {item["name"].lower(): item["version"] for item in listed}
    return [
        f"{name} {version} was replaced by {found[name]}"
        for name, version in versions().items()
        if name != "torch" and found[name] != version
    ]


def main(names: Iterable[str]) -> int:
    """Run some lessons, or all; list what failed; return an exit code."""
    course = read_course(ROOT / "notebooks")
    chosen = course.chosen(list(names))
    prepare(course)
    os.environ["JUPYTER_PATH"] = str(BUILD / "jupyter")
    faults = []
    for name in chosen:
        how = run_page(course, name)
        print(f"{name}: {how or 'ran'}", flush=True)
        faults += [name] if how else []
    faults += replaced()
    print(
        *(faults or ["Nothing failed, and nothing that Colab has loaded was replaced."]), sep="\n"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
