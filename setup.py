"""Add to a wheel the recorded traces and results, which lie beside the package.

Everything else about the package is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithRecords(build_py):
    """Put notebooks/traces/*.npz and results/NAME/*.parquet into ucmt_lite/recorded/ of a wheel."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "ucmt_lite", "recorded")
            target.mkdir(parents=True, exist_ok=True)
            for trace in Path("notebooks/traces").glob("*.npz"):
                shutil.copy(trace, target)
            for table in Path("results").glob("*/*.parquet"):
                (target / table.parent.name).mkdir(exist_ok=True)
                shutil.copy(table, target / table.parent.name)


setup(cmdclass={"build_py": WithRecords})
