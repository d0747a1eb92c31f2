"""Make one archive for a class without network: `make bundle`, after `make site` if that is wanted.

`dist/ucmt-lite-class-VERSION.tar.gz` holds the wheel of `make dist`, the names and hashes of all
that it needs on a machine like this one, the pages and recorded runs of the last commit, and the
website where it was built. With `--download` (`make bundle ARGS=--download`) it holds the pinned
wheels, too: torch alone is 200 MB. The same commit, site and pins give the same bytes.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

from ucmt_lite.common import InputError, atomic

ROOT = Path(__file__).resolve().parents[2]
DIST, SITE = ROOT / "dist", ROOT / "build/site/html"
CPU = "https://download.pytorch.org/whl/cpu"  # torch without the libraries of a GPU
TAKEN = (
    "notebooks/*.ipynb",
    "notebooks/glossary.md",
    "notebooks/solutions/*.ipynb",
    "notebooks/traces/*.npz",
    "notebooks/zh/**",
    "teaching/*",
    "LICENSE",
)


def main(words: Iterable[str]) -> int:
    """Make the archive from what lies in `dist`; print its address and sum."""
    parser = argparse.ArgumentParser(description="Make an archive for a class without network.")
    parser.add_argument("--download", action="store_true", help="put the pinned wheels into it")
    download = parser.parse_args(list(words)).download
    wheels = list(DIST.glob("ucmt_lite-*.whl"))
    if len(wheels) != 1:
        raise InputError(f"There is no wheel of the kit in {DIST}: run `make bundle`.")
    with TemporaryDirectory() as folder:
        stage = Path(folder)
        stage_kit(stage, wheels[0])
        pinned = stage / "wheels/pinned.txt"
        pinned.write_text(pins(resolved(wheels[0])), encoding="utf-8")
        text = guide(version_of(wheels[0]), "+cpu " in pinned.read_text(encoding="utf-8"))
        (stage / "README.md").write_text(text, encoding="utf-8")
        if download:
            fetch(pinned)
        archive = pack(stage, DIST / f"ucmt-lite-class-{version_of(wheels[0])}.tar.gz")
    print(f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive}")
    return 0


def version_of(wheel: Path) -> str:
    """Return the version in the name of a wheel.

    >>> version_of(Path("dist/ucmt_lite-0.1.0-py3-none-any.whl"))
    '0.1.0'
    """
    return wheel.name.split("-")[1]


def stage_kit(stage: Path, wheel: Path) -> None:
    """Lay wheel, pages, recorded runs and site into `stage`."""
    (stage / "wheels").mkdir()
    shutil.copy(wheel, stage / "wheels")
    # As in the commit, whatever lies beside it.
    specs = [f":(glob){pattern}" for pattern in TAKEN]
    command = ["git", "archive", "--format=tar", "HEAD", "--", *specs]
    committed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(committed)) as tar:
        # Python 3.10 and 3.11 have filters since a later patch than some systems ship
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(stage)
    if SITE.is_dir():
        shutil.copytree(SITE, stage / "site")


def guide(version: str, without_gpu: bool) -> str:
    """Return the archive's README, for machines like this one."""
    template = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    return template.format(
        version=version,
        python=".".join(platform.python_version_tuple()[:2]),
        least=platform.python_version(),  # packages were chosen for this one: older may lack some
        platform=f"{platform.system()} ({platform.machine()})",
        index=f", after `export PIP_EXTRA_INDEX_URL={CPU}`" if without_gpu else "",
    )


def resolved(wheel: Path) -> dict[str, Any]:
    """Return what pip would install of the kit, its lab and `constraints.txt` here: its report.

    Metadata is asked for, no wheel is installed.
    """
    constraints = ROOT / "constraints.txt"
    options = ["--quiet", "--dry-run", "--ignore-installed", "--only-binary=:all:", "--report", "-"]
    wanted = ["-c", constraints, f"ucmt-lite[lab] @ {wheel.resolve().as_uri()}"]
    command = [sys.executable, "-m", "pip", "install", *options, *wanted]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise InputError("The pinned packages could not be looked up: is there a network?")
    return json.loads(done.stdout)


def pins(report: dict[str, Any]) -> str:
    """Return a line with version and hash for each package of a report but the kit itself.

    >>> print(pins({"install": [{"metadata": {"name": "PyYAML", "version": "6.0.4"},
    ...     "download_info": {"url": "https://x/y.whl", "archive_info": {"hash": "sha256=ab"}}}]}),
    ...     end="")
    pyyaml==6.0.4 --hash=sha256:ab
    """
    lines = []
    for item in report["install"]:
        name = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
        if name != "ucmt-lite":
            digest = hash_of(item["download_info"])
            lines.append(f"{name}=={item['metadata']['version']} --hash=sha256:{digest}\n")
    return "".join(sorted(lines))


def hash_of(info: dict[str, Any]) -> str:
    """Return the sum of a wheel as the index gives it; of one that lies here, its own."""
    given = info["archive_info"].get("hash", "").removeprefix("sha256=")
    if given:
        return given
    return hashlib.sha256(Path(unquote(urlsplit(info["url"]).path)).read_bytes()).hexdigest()


def fetch(pinned: Path) -> None:
    """Download the pinned wheels beside their list."""
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "-r", pinned]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", pinned.parent]
    if subprocess.run(command, check=False).returncode:
        raise InputError("The pinned wheels could not be downloaded: is there a network?")


def pack(stage: Path, archive: Path) -> Path:
    """Write the sums of all files into `SHA256SUMS`, and everything into an archive.

    Names are sorted, every time is that of the commit, and nobody owns anything.
    """
    sums = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {name}\n" for name, f in files(stage)]
    (stage / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    top = archive.name.removesuffix(".tar.gz")
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    with atomic(archive) as temporary, open(temporary, "wb") as raw:
        with (
            gzip.GzipFile("", "wb", fileobj=raw, mtime=seconds) as zipped,
            tarfile.open(fileobj=zipped, mode="w") as tar,
        ):
            for name, file in files(stage):
                member = tarfile.TarInfo(f"{top}/{name}")
                member.size, member.mtime = file.stat().st_size, seconds
                with open(file, "rb") as content:
                    tar.addfile(member, content)
    return archive


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file below a folder with its name there, sorted."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    yield from ((name, path) for name, path in sorted(found.items()) if path.is_file())


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        sys.exit(str(error))
