# %% [markdown]
# # The left atrium: volumes
#
# The field's favourite volume is the left atrium in MR: a bag of a few hundred thousand voxels in a body of millions. The formulas of Mean Teacher, CPS and UCMT do not change in 3D. (A number does: with 8 cells a side, as in 3D here, UMIX with `top_k = 2` moves at most 4 of 512, 0.8 % of a volume where it was 1.6 % of an image.) What decides whether anything is learned is what comes before them: **resolution**, **patches** and **normalisation**. This lesson computes what the first costs, and measures the other two.
#
# By default it uses phantoms. Where the real volumes lie on your disk (see the [data card](https://github.com/ucmt-lite/ucmt-lite/blob/v0.1.0/data_cards/la2018.md)), set `dataset = "la2018"` and `data` to their folder.
#
# In this lesson you will
#
# - scroll through a volume, and compute how many millilitres its mask has;
# - make volumes smaller, and compute what that costs;
# - place sliding windows so that every voxel is seen;
# - train on four volumes three times, with one thing changed each time.

# %% tags=["parameters"]
dataset = "phantom_atrium"
data = ""
size = 48  # of phantoms
shrink = 1.0  # 3.0 for the real volumes
iterations = 80
seed = 0

# %% [markdown]
# ## The question
#
# > A network sees a cube of 32 voxels a side, cut from the middle of a chest. Could *you* say whether it is left atrium?

# %%
from ucmt_lite.data import cases, load

source = load(dataset, **({"root": data} if data else {"size": size}))
test_set = cases(source.splits["test"])
volume, mask, spacing = test_set.images[0], test_set.masks[0], test_set.spacing[0]
print(volume.shape, "voxels of", spacing or "no known size: phantoms have no millimetres")

# %% tags=["explorer"]
from ucmt_lite.explore import volume as volumes
from ucmt_lite.explore.predict_first import a_number, predict_first

question = "How many percent of the voxels of this volume are left atrium?"
answer = a_number(question, 100 * (mask == 1).mean(), (0, 50), "%")
predict_first(volumes.widget(volume[0], {"truth": mask}, spacing=spacing), answer)

# %% [markdown]
# ### Exercise 1: how many millilitres?
#
# *Easy, about 4 minutes.* A **voxel** has a size, the `spacing`, in millimetres along each axis. `mask` is an array of class numbers. Return the volume of class 1 in millilitres (1 ml = 1,000 mm³).

# %% tags=["exercise"]
import numpy as np


def my_millilitres(mask, spacing):
    # solution
    return (mask == 1).sum() * np.prod(spacing) / 1000


# %% tags=["check"]
from ucmt_lite.course.checks import check_millilitres

check_millilitres(my_millilitres)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# The number of voxels of class 1, times the volume of one voxel, which is the product of the three spacings.
# </details>

# %% [markdown]
# ## Resolution
#
# A volume at full resolution does not fit into a small computer, so networks see **patches**. (A stack of 2D slices does fit, and shows place within a slice; what it cannot know is the slice above, so that its surfaces jump from one to the next. Where slices are thick, 5 to 10 mm as in many cardiac series, the next one shows another part of the heart, and a 2D network is the usual first choice; where voxels are nearly cubes it is 3D. A baseline of each settles it.) Making the volume smaller first loses detail, and lets a patch hold more of the body. Where the object fills a few per cent, many patches cut at random hold none of it and teach "background" alone. The usual remedy is to put a third of the *labeled* ones over an object voxel, as nnU-Net does; of unlabeled ones nobody knows where it is. This kit cuts at random. (Voxels are rarely cubes. Where slices are thick, one shrinks within the slice first, until they nearly are, as nnU-Net does; `shrink` here takes all axes alike.)
#
# ### Exercise 2: make it smaller
#
# *Medium, about 7 minutes.* `volume` is `D H W`, all sides divide by `factor`. Return the volume with each side divided by it; a voxel of the result is the mean of the voxels that it covers.

# %% tags=["exercise"]
from einops import reduce


def my_shrunk(volume, factor):
    # solution
    pattern = "(d a) (h b) (w c) -> d h w"
    return reduce(volume, pattern, "mean", a=factor, b=factor, c=factor)


# %% tags=["check"]
from ucmt_lite.course.checks import check_shrunk

check_shrunk(my_shrunk)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# As with UMIX's cells: `"(d a) (h b) (w c) -> d h w"`, where `a`, `b`, `c` are as long as the factor.
# </details>
# <details><summary>Hint 2</summary>
#
# `volume[::2, ::2, ::2]` takes one voxel of eight and throws away seven: noise stays, thin walls vanish. The mean keeps what they say together.
# </details>

# %% [markdown]
# What is lost? Shrink the *truth*, enlarge it again by copying voxels, and compare it with itself: a mask of that resolution scores about so much, however well it was made.

# %%
from ucmt_lite.data.shrink import shrink as shrunk
from ucmt_lite.predict.metrics import dice

for factor in (2, 3, 4, 8):
    small = shrunk(test_set.select(test_set.ids[:1]), factor).masks[0]
    places = np.ix_(*(np.arange(n) * s // n for n, s in zip(mask.shape, small.shape, strict=True)))
    print(f"smaller by {factor}: {small.shape}, at best a Dice of {dice(small[places], mask):.3f}")

# %% [markdown]
# (The kit enlarges *probabilities*, which are smooth, and does better. And real atria have two to four times as many voxels a side, so being made smaller by three costs them far less.)
#
# ## Windows
#
# Where a volume is larger than the patch, a trained network is moved over it: a **sliding window**. Each voxel must be seen. Those near a window's edge should be seen by a second window, too, since the first does not know what lies beyond it. So windows overlap, and probabilities are averaged.
#
# ### Exercise 3: where the windows start
#
# *Medium, about 9 minutes.* Along one axis of `side` voxels, windows of `window` voxels start every `step` voxels from 0. The last one ends exactly at the side. Return the starts, in rising order, each once. (`window` is at most `side`.)


# %% tags=["exercise"]
def my_starts(side, window, step):
    # solution
    starts = list(range(0, side - window, step))
    return [*starts, side - window]


# %% tags=["check"]
from ucmt_lite.course.checks import check_starts

check_starts(my_starts)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# The last window starts at `side - window`, whether or not that is a multiple of the step.
# </details>
# <details><summary>Hint 2</summary>
#
# `range(0, side - window, step)` stops *before* that start; append it.
# </details>

# %% [markdown]
# Each axis has such a list, and windows are all combinations. Where they overlap the kit takes the mean; a weight that falls towards the borders of a window, where a network has seen least around, is common, too. A median atrium of 190 x 142 x 88 voxels, with windows of 112 x 112 x 80 and the field's usual steps of 18, 18 and 4, takes 6 x 3 x 3 = 54 windows for one volume.
#
# The field's rules for the real set: 80 volumes to train on, 16 or 8 of them with masks, 20 to test on, a V-Net. Know its faults before you quote it. All 100 scans, unlabeled and test ones too, were cut to a box around their *label*, so the mask has told where to look; several test scans are probably of patients who are in the training set as well; there is no validation set, and much public code
# chose its checkpoint on the 20 test scans ([card](https://github.com/ucmt-lite/ucmt-lite/blob/v0.1.0/data_cards/la2018.md)).
#
# ## Train it: one thing at a time
#
# Four labeled volumes, a small **V-Net** (a U-Net for volumes, which adds where that one concatenates), the same labels and iterations. *Before you run, put them in order:* volumes seen whole with instance norm; the same with batch norm; patches of 32 x 32 x 16 voxels.

# %%
from ucmt_lite import RunConfig, train

common = {
    "dataset": dataset, "data": data, "size": size, "method": "supervised", "network": "vnet_small",
    "labeled": 4, "batch": 2, "iterations": iterations, "seed": seed,
}  # fmt: skip
kinds = {
    "whole, instance norm": {"shrink": shrink},
    "whole, batch norm": {"shrink": shrink, "norm": "batch"},
    "patches, instance norm": {"shrink": 1.0, "patch": (32, 32, 16)},
}
runs = {name: train(RunConfig(**common, **kind)) for name, kind in kinds.items()}

# %% tags=["hide-output"]
from ucmt_lite.predict import evaluate

for name, run in runs.items():
    scored = shrunk(test_set.select(test_set.ids[:4]), run.prepared.shrink)
    mean = evaluate(run.net, scored, patch=run.prepared.patch, distances=False)["mean"]
    print(f"{name:24} Dice {mean['dice']:.3f} at full resolution")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Volumes seen whole, with instance norm, are ahead by far, and each single change costs much: batch norm on two volumes a minibatch, or patches that show a seventh of the volume. It is one seed and four test volumes. But real atria said the same (four labels, 200 iterations): a Dice of 0.18 through patches of full resolution with batch norm, and then, in trials whose runs were not kept, 0.5 to 0.6 at half the resolution, 0.6 to 0.7 with instance norm as well, 0.7 to 0.8 when no view stood on its head, about 0.8 with a higher learning rate, and 0.85 after 600 iterations
# ([la2018_4](../results/la2018_4/README.md) tells the story, and withdraws what was said before: that the seed decides).
#
# And do unlabeled volumes help, with that recipe? Four of 20 real atria labeled, 300 iterations, 24 test volumes, five seeds. The baseline ends at a mean Dice of 0.774, CPS at 0.811, ahead in all five seeds ([recipe_la2018](../results/recipe_la2018/README.md)). By the rule of lesson 10 that was *open* all the same: one seed made most of the difference, and the interval covered 0. Five more seeds settled it: with ten, CPS is above the baseline by 0.045 (0.020 to 0.070), in all of them, and above one that trains twice as long by 0.030 (0.006 to 0.053); CMT is *level* with the baseline (-0.002, -0.015 to +0.011; [la2018_ten](../results/la2018_ten/README.md)). Mean Teacher and UCMT, with as many gradient steps, end at 0.759 and 0.778 with five: not told apart from the baseline. UCMT with as many *iterations*, so twice the steps, ends at 0.807; a baseline of as many steps has 0.783, and UCMT is above it in each of the five seeds, by 0.019 to 0.028. Here its gain is more than its second step. (UniMatch, which [lesson 16](16_after_ucmt.ipynb) explains, has 0.829 after 300 steps: above that longer baseline in all five seeds, and with ten above CPS, too.)
# </details>

# %%
from ucmt_lite.predict import segment

net, patch = runs["whole, instance norm"].net, runs["whole, instance norm"].prepared.patch
small = shrunk(test_set.select(test_set.ids[:1]), shrink)
truth = small.masks[0]
prediction = segment(net, small.images[0], patch=patch)
volumes.figure(small.images[0][0], {"truth": truth, "student1": prediction})

# %% [markdown]
# ## One prediction, three numbers
#
# Some papers score the volume as a whole. Others cut it into slices and average the Dice of the slices, all of them, or those that show something. *Before you run:* which of the three will be the highest for the prediction above? And which the lowest?

# %% tags=["hide-output"]
by_slice = np.array([dice(prediction[..., z], truth[..., z]) for z in range(truth.shape[-1])])
shows = truth.any(axis=(0, 1))
print(f"the volume: {dice(prediction, truth):.3f}")
print(f"all {len(shows)} slices: {by_slice.mean():.3f}")
print(f"the {shows.sum()} that show something: {by_slice[shows].mean():.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The volume and the mean of all slices are level here, by luck: two faults cancel. The 20 slices without atrium count as 1 where nothing was found in them, and lift the mean; those at both ends of the atrium hold a few voxels each, are hard, and count as much as the large ones in the middle. Without the empty slices the same prediction has 0.10 less. A table of volumes and a table of slices cannot be compared, and "mean Dice" says neither which nor what became of empty slices.
# </details>
#
# ## Recap
#
# - Spacing turns voxels into millilitres. Scores in voxels mean nothing across scanners.
# - Make volumes smaller before you make networks larger: a patch should see where it is.
# - Score at the resolution of the labels, whatever the network saw.
# - Dice by volume and by slice are different numbers: say which.
# - Small minibatches and batch norm do not go together, least of all in 3D.
#
# **References.** Xiong et al., *A global benchmark of algorithms for segmenting the left atrium*, Medical Image Analysis 2021, [arXiv 2004.12314](https://arxiv.org/abs/2004.12314). Milletari et al., *V-Net*, 3DV 2016, [arXiv 1606.04797](https://arxiv.org/abs/1606.04797). Isensee et al., *nnU-Net*, Nature Methods 2021, [arXiv 1904.08128](https://arxiv.org/abs/1904.08128).
#
# **Next:** images of your own, in [your own data](12_your_own_data.ipynb).
