"""The archive for a class without network: what it holds, that it installs, the same every time."""

import doctest
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ucmt_lite import __version__
from ucmt_lite.common import InputError
from ucmt_lite.course.lessons import read_course

ROOT = Path(__file__).parents[1]
NAME = f"ucmt-lite-class-{__version__}"


def package(name, url, **archive):
    """What pip reports of a package that it would install."""
    return {
        "metadata": {"name": name, "version": "1.0"},
        "download_info": {"url": url, "archive_info": archive},
    }


@pytest.fixture(scope="module")
def bundle():
    spec = importlib.util.spec_from_file_location("bundle_build", ROOT / "docs/bundle/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def archives(bundle, tmp_path_factory):
    """The archive of the last commit and a planted site, made twice, without asking an index."""
    folder = tmp_path_factory.mktemp("bundle")
    clone = folder / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    (clone / "notebooks/draft.ipynb").write_text("not committed")
    (clone / "build/site/html").mkdir(parents=True)
    (clone / "build/site/html/index.html").write_text("<h1>the site</h1>")
    command = ["make", "-o", ".venv/dev.stamp", f"BIN={Path(sys.executable).parent}", "dist"]
    subprocess.run(command, cwd=clone, check=True, capture_output=True)
    here = folder / "local wheel.whl"
    here.write_text("a wheel")
    report = {
        "install": [
            package("Torch", "https://x/torch.whl", hash="sha256=ab"),
            package("local_wheel", here.as_uri()),
            package("ucmt-lite", "file:///nowhere"),
        ]
    }
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        for name, value in {
            "ROOT": clone,
            "DIST": clone / "dist",
            "SITE": clone / "build/site/html",
            "resolved": lambda wheel: report,
        }.items():
            patch.setattr(bundle, name, value)
        for number in (1, 2):
            assert bundle.main([]) == 0
            made.append(shutil.move(clone / f"dist/{NAME}.tar.gz", folder / f"{number}.tar.gz"))
            for file in clone.glob("build/site/html/*"):
                os.utime(file, (1, 1))  # another time, the same archive
    return made


@pytest.fixture(scope="module")
def unpacked(archives, tmp_path_factory):
    """The folder that a teacher finds in it."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archives[0]) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder)
    (top,) = folder.iterdir()
    assert top.name == NAME
    return top


def test_the_same_commit_gives_the_same_bytes(archives):
    first, second = (Path(archive).read_bytes() for archive in archives)
    assert first == second


def test_it_holds_pages_recorded_runs_site_and_what_teachers_read(unpacked):
    for name in read_course().lessons:
        assert (unpacked / f"notebooks/{name}.ipynb").is_file()
        assert (unpacked / f"notebooks/solutions/{name}.ipynb").is_file()
    for name in ("notebooks/zh/03_mean_teacher.ipynb", "notebooks/zh/README.md", "LICENSE"):
        assert (unpacked / name).is_file()
    for name in ("notebooks/glossary.md", "teaching/README.md", "site/index.html"):
        assert (unpacked / name).is_file()
    assert len(list((unpacked / "notebooks/traces").glob("*.npz"))) > 5
    assert not (unpacked / "notebooks/draft.ipynb").exists(), "only what is committed"
    assert not (unpacked / "notebooks/src").exists()


def test_every_file_has_its_sum(unpacked):
    sums = dict(reversed(line.split("  ")) for line in (unpacked / "SHA256SUMS").open())
    there = {path for path in unpacked.rglob("*") if path.is_file()} - {unpacked / "SHA256SUMS"}
    assert {name.strip() for name in sums} == {p.relative_to(unpacked).as_posix() for p in there}
    for name, digest in sums.items():
        content = (unpacked / name.strip()).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest


def test_packages_are_pinned_with_their_hashes_and_the_kit_is_not(unpacked):
    digest = hashlib.sha256(b"a wheel").hexdigest()
    assert (unpacked / "wheels/pinned.txt").read_text().splitlines() == [
        f"local-wheel==1.0 --hash=sha256:{digest}",
        "torch==1.0 --hash=sha256:ab",
    ]


def test_its_readme_is_short_and_names_version_and_steps(unpacked):
    text = (unpacked / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# ucmt-lite {__version__}, for a class without network")
    assert len([line for line in text.splitlines() if line]) <= 10 and "{" not in text
    install = 'pip install --no-index --find-links wheels "ucmt-lite[lab]"'
    assert install in text and "jupyter lab notebooks" in text
    assert "PIP_EXTRA_INDEX_URL" not in text, "these pins have no torch for CPUs alone"


def test_its_wheel_installs_without_an_index_and_holds_the_lessons(unpacked, tmp_path):
    options = ["--no-index", "--no-deps", "--find-links", "wheels", "--target", tmp_path]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *options, "ucmt-lite"]
    subprocess.run(command, cwd=unpacked, check=True, capture_output=True)
    code = (
        "from ucmt_lite.common import KEPT; print(KEPT);"
        "print(len(list(KEPT.glob('notebooks/zh/*.ipynb'))));"
        "from ucmt_lite.training.traces import recorded; print(recorded('heart_ucmt_50').method)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    kept, chinese, method = done.stdout.split()
    assert kept.startswith(str(tmp_path)) and int(chinese) > 5 and method == "ucmt"


def test_without_a_wheel_it_says_what_to_do(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "DIST", tmp_path)
    with pytest.raises(InputError, match="run `make bundle`"):
        bundle.main([])


def test_the_cpu_index_is_named_where_torch_is_for_cpus(bundle):
    assert "whl/cpu" in bundle.guide("1.0", without_gpu=True)


def test_its_doctests_run(bundle):
    found = doctest.testmod(bundle)
    assert found.attempted and not found.failed
