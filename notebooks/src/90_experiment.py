# %% [markdown]
# # One experiment
#
# This notebook is the experiment itself: page, program and report in one. Change the parameters below and run all cells,
# or let papermill run it with other values and keep the executed page as the record of that run:
#
# ```
# papermill notebooks/90_experiment.ipynb page.ipynb -p method cps -p seed 3 -p out runs/cps_3
# ```
#
# The command `ucmt-lite run --method cps --seed 3 --out runs/cps_3 --page page.ipynb` does the same; without `--page`
# it keeps the results and no page.

# %% tags=["parameters"]
dataset: str = "phantom_heart"  # a phantom, a real set, or folder, hdf5, nifti for your own data
data: str = ""  # folder that holds a real set or your own data
classes: int = 2  # classes of your own data, background included; phantoms and real sets know theirs
group: str = ""  # patients of your own data: a regular expression with one bracket, folder or none
size: int = 64  # side in pixels that 2D images are drawn at or resized to
shrink: float = 0.0  # factor that volumes are made smaller by; 0: until their longest side is near 64
patch: tuple = ()  # voxels per axis that volumes are cropped to; none: about the whole volume
method: str = "ucmt"  # method to train with
labeled: int = 4  # training images whose masks are used
labeled_by: str = "images"  # what labeled counts: images, or patients with all images of each
unlabeled: int = 0  # training images besides the labeled ones that are seen without masks; 0: all
seed: int = 0  # draws the labeled images, the first weights and all that is random in training
draw: int = -1  # number that draws the labeled images apart from the seed; -1: the seed draws them
network: str = "unet_small"  # network that every student and teacher is; also monai:CLASS or smp:CLASS/ENCODER
network_settings: dict = {}  # of a network of another package, for instance channels and strides
norm: str = "instance"  # normalisation in the networks
statistics: str = "running"  # of batch norm: running, or estimated anew after training
network2: str = ""  # student 2, where it is to be another network
iterations: int = 600  # minibatches to train on
batch: int = 4  # labeled images in a minibatch, and as many of all training images without their masks
lr: float = 0.003  # learning rate at the start; it falls to 0
weight_decay: float = 0.01  # weight decay of AdamW
ramp: float = 0.5  # share of the iterations over which the unsupervised terms rise
labeled_views: str = "strong"  # what labeled images get: weak (moves) or strong (colours, too) views
views: dict = {}  # how far views go, for instance degrees and contrast
settings: dict = {}  # the method's own settings, for instance top_k, grid, weight, make_mix
precision: str = "auto"  # float32, bfloat16, float16 or auto
device: str = "auto"  # cpu, cuda, mps or auto
split: str = "test"  # images that are scored: validation while you search, test once at the end
score_size: str = "own"  # what size pictures are scored at: own, or network, the one they are resized to
distances: bool = True  # also HD95 and ASD, which take longer than Dice and Jaccard
out: str = "runs/experiment"  # folder for the results, made by the run

# %% [markdown]
# ## Configuration
#
# Names and types are checked here, before anything is loaded or trained: a misspelt parameter is an error, not a run with
# other settings.

# %%
from ucmt_lite.experiments.config import RunConfig, refuse_unknown

refuse_unknown(globals())

# %% [markdown]
# Runs with the same fingerprint are the same run.

# %%
config = RunConfig(
    dataset=dataset, data=data, classes=classes, group=group, size=size, shrink=shrink, patch=patch,
    method=method, labeled=labeled, labeled_by=labeled_by, unlabeled=unlabeled, seed=seed, draw=draw,
    network=network, network_settings=network_settings, norm=norm, statistics=statistics, network2=network2,
    labeled_views=labeled_views, views=views, iterations=iterations, batch=batch, lr=lr,
    weight_decay=weight_decay, ramp=ramp, settings=settings, precision=precision, device=device,
    split=split, score_size=score_size, distances=distances,
)
print("fingerprint", config.fingerprint)

# %% [markdown]
# ## Run
#
# A run that was interrupted goes on from its last checkpoint; a finished one is read, not repeated.

# %%
from ucmt_lite.experiments.run import run

result = run(config, out)

# %% [markdown]
# ## Scores of the last network

# %%
from ucmt_lite.experiments.run import show_scores

show_scores(result)

# %% [markdown]
# ## How it went

# %%
from ucmt_lite.explore import compare

compare.figure({config.method: [result.trace]})

# %%
from ucmt_lite.explore import training

training.figure(result.trace)
