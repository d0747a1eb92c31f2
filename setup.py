"""Everything about the package is in pyproject.toml; this adds the recorded traces, which lie beside the notebooks."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithTraces(build_py):
    """Put notebooks/traces/*.npz into a wheel as ucmt_lite/recorded/, where `traces.recorded` looks outside a clone."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "ucmt_lite", "recorded")
            target.mkdir(parents=True, exist_ok=True)
            for trace in Path("notebooks/traces").glob("*.npz"):
                shutil.copy(trace, target)


setup(cmdclass={"build_py": WithTraces})
