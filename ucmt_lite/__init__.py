"""Semi-supervised medical image segmentation, one paper a file: Mean Teacher, UA-MT, CPC, GCT, CPS,
CMT, UMIX and UCMT, and what came after: FixMatch, UniMatch, BCP and AdaMix.

| for | look into |
|---|---|
| the command `ucmt-lite` | `cli` |
| configurations, runs, sweeps, comparisons | `experiments` |
| explorers and pictures | `explore` |
| lessons, their notebooks, the checks of their exercises | `course` |
| the training loop, schedules, traces | `training` |
| from networks to masks and scores | `predict` |
| the methods, one paper a file | `methods` |
| phantoms, readers, splits, views, minibatches | `data` |
| U-Net, V-Net, DeepLabv3+ | `nets` |
| losses, uncertainty, UMIX, the teacher's average | `core` |
| errors and files | `common` |
"""

from ucmt_lite.common import lazy

__version__ = "0.1.0"

# From the top floor down: a room uses rooms below it, and none above.
ROOMS = (
    "cli",
    "experiments",
    "explore",
    "course",
    "training",
    "predict",
    "methods",
    "data",
    "nets",
    "core",
    "common",
)

# Loaded when asked for, so that `import ucmt_lite` takes no seconds.
HOMES = {
    "METHODS": "methods",
    "RECIPE_OF_BEFORE": "experiments.config",
    "RunConfig": "experiments.config",
    "cases": "data",
    "evaluate": "predict",
    "fit": "training.fit",
    "load": "data",
    "run": "experiments.run",
    "segment": "predict",
    "split_labeled": "data",
    "train": "experiments.run",
}
__getattr__ = lazy(__name__, HOMES)
