"""Where a result comes from: the code's commit and the environment it ran in."""

import platform
import subprocess
from pathlib import Path

from ucmt_lite import __version__


def environment(device: str) -> dict:
    """Return what a result depends on beside its configuration."""
    import numpy
    import torch

    name = (
        torch.cuda.get_device_name(device)
        if device.startswith("cuda")
        else platform.processor() or platform.machine()
    )
    return {
        "ucmt_lite": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "device": f"{device} ({name})",
        "threads": torch.get_num_threads(),
    }


def commit() -> str:
    """Return the commit of the clone this package runs from, the version outside a clone.

    With + where files differ from the commit.
    """
    folder = Path(__file__).parents[1]
    if not (folder.parent / ".git").exists():
        # Installed: a repository further up is somebody else's.
        return f"version {__version__}"
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return f"version {__version__}"
    return described.stdout.strip()
