"""Add to a wheel what lies beside the package in a clone: lessons, recorded runs, kept results.

Everything else about the package is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

KEPT = (
    "notebooks/*.ipynb",
    "notebooks/zh/*.*",
    "notebooks/src/*.*",
    "notebooks/traces/*.npz",
    "results/*/*.parquet",
)


class WithLessons(build_py):
    """Copy what `KEPT` names into ucmt_lite/recorded/ of a wheel, under the same names."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for file in sorted(path for pattern in KEPT for path in Path().glob(pattern)):
                target = Path(self.build_lib, "ucmt_lite", "recorded", file)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)


setup(cmdclass={"build_py": WithLessons})
