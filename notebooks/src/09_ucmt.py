# %% [markdown]
# # UCMT: two students, one teacher, and images mixed by doubt
#
# This lesson puts the course together. **UCMT** (Shen et al., IJCAI 2023) keeps two students apart, so that they can
# correct each other; gives both a calm teacher, so that pseudo labels are good; and mixes the images by the networks' own
# **uncertainty**, so that there is always something left to learn.
#
# In this lesson you will
#
# - compute an **uncertainty map** and see where it is high;
# - write **UMIX**, which replaces the cells the networks doubt by cells they are sure of;
# - read the whole method, and see that it is CMT twice;
# - compare it with everything before, at equal iterations and at equal gradient steps.

# %% tags=["parameters"]
iterations = 200
top_k = 4
grid = 8
seed = 0

# %% [markdown]
# ## The question
#
# > Two networks agree more and more. How do we keep them learning, without feeding them nonsense?
#
# The answer of the paper has two parts. **CMT**, the collaborative mean teacher, adds to CPS a teacher that follows both
# students and gives both a second pseudo label. **UMIX** makes a second, harder image out of each one.
#
# First we need networks with an opinion. A short UCMT run:

# %%
from ucmt_lite.experiment import RunConfig, train as train_run

settings = {"top_k": top_k, "grid": grid}
run = train_run(RunConfig(method="ucmt", iterations=iterations, seed=seed, settings=settings))

# %%
from ucmt_lite.explore import training

training.figure(run.trace, image=2)

# %% [markdown]
# ## Uncertainty
#
# Average the probabilities of a student and the teacher, and take the **entropy** of the average, in nats:
#
# $$U = -\sum_k \bar p_k \ln \bar p_k, \qquad \bar p = \tfrac{1}{2}\big(\operatorname{softmax} s + \operatorname{softmax} t\big)$$
#
# It is high where each of the two is undecided, and also where both are sure but contradict each other. It is at most
# $\ln K$: 0.69 for two classes, 1.39 for the four here.
#
# ### Exercise 1: write it
#
# *Medium, about 7 minutes.* From two logits `B K *S` to one map `B 1 *S`, without a gradient.

# %% tags=["exercise"]
import torch


@torch.no_grad()
def my_entropy_of_mean(logits1, logits2):
    # solution
    mean = (logits1.softmax(dim=1) + logits2.softmax(dim=1)) / 2
    return -(mean * torch.log(mean + 1e-6)).sum(dim=1, keepdim=True)


# %% tags=["check"]
from ucmt_lite.checks import check_entropy_of_mean

check_entropy_of_mean(my_entropy_of_mean)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Average the probabilities first. The mean of two entropies would miss contradiction.
# </details>
# <details><summary>Hint 2</summary>
#
# The logarithm of 0 is minus infinity: add a millionth inside it.
# </details>
# <details><summary>Hint 3</summary>
#
# `sum(dim=1, keepdim=True)` keeps an axis of length 1, so the map can be treated like an image.
# </details>

# %% [markdown]
# Where is a network unsure, and is it right to be? On the phantoms the truth is known, and so is how undecided each border
# really is. Drop the pixels above a threshold: how many are left, and how many of their pseudo labels are right?

# %% tags=["explorer"]
from ucmt_lite import traces
from ucmt_lite.explore import uncertainty

uncertainty.widget(traces.recorded("heart_ucmt_2"))

# %% [markdown]
# ## UMIX
#
# Cut the image into a grid of cells. By the mean of a map in each cell, find the $k$ most uncertain cells and the $k$ most
# certain ones. Then
#
# $$\text{cells}[\text{top}_1] \leftarrow \text{cells}[\text{bottom}_2], \qquad
#   \text{cells}[\text{top}_2] \leftarrow \text{cells}[\text{bottom}_1]$$
#
# where 1 and 2 are the maps of student 1 and of student 2, each with the teacher. Mask and pseudo label move alike. Here it
# is on the networks just trained and on images they have not seen. Change the image, the number of cells, the grid:

# %% tags=["explorer"]
from ucmt_lite.data import cases
from ucmt_lite.explore import umix_lab

validation = cases(run.source.splits["validation"])
umix_lab.widget(run.nets, validation, image=2, top_k=top_k, grid=grid)

# %% [markdown]
# Red cells are the most uncertain, green ones the most certain. What moves into the red cells is usually background: blank,
# and certain. The students then have to outline a heart with parts of its border gone.
#
# ### Exercise 2: write UMIX
#
# *Hard, about 20 minutes.* Return a function that mixes an image `B C H W` or a mask `B H W`. Both lists in **falling**
# order of uncertainty: the most uncertain cell receives the $k$-th most certain one. Where a cell is in both tops, the
# second paste wins.

# %% tags=["exercise"]
def my_umix(u1, u2, top_k, grid):
    # solution
    from ucmt_lite.mixing import cell_means, gather_cells

    rank1 = cell_means(u1, grid).argsort(dim=1, descending=True, stable=True)
    rank2 = cell_means(u2, grid).argsort(dim=1, descending=True, stable=True)
    cells = rank1.shape[1]
    source = torch.arange(cells).repeat(len(u1), 1)
    source.scatter_(1, rank1[:, :top_k], rank2[:, cells - top_k :])
    source.scatter_(1, rank2[:, :top_k], rank1[:, cells - top_k :])
    return lambda image: gather_cells(image, source, (grid, grid))


# %% tags=["check"]
from ucmt_lite.checks import check_umix

check_umix(my_umix)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Loops are fine. For each image of the batch, list the cells' means, and sort their numbers by them.
# </details>
# <details><summary>Hint 2</summary>
#
# The library has two helpers: `cell_means(u, grid)` gives `B L` means, and `gather_cells(image, source, (grid, grid))`
# builds an image whose cell l is cell `source[l]` of the given one.
# </details>
# <details><summary>Hint 3</summary>
#
# Start with `source = torch.arange(L)` for each image: nothing moves. Then overwrite two sets of entries, the second set
# last. With `top_k=0`, `x[-0:]` is everything: count from the front instead.
# </details>

# %% [markdown]
# ## The whole method
#
# Step 1 is CMT on the images as they are. Step 2 is CMT again, on the images remixed:

# %%
from ucmt_lite.explore.picture import show_source
from ucmt_lite.methods import ucmt

show_source(ucmt)

# %% [markdown]
# Two things are easy to miss. `minimize` is called **twice**: UCMT takes two gradient steps an iteration, so at equal
# iterations it has trained twice as long as CPS or CMT. And in step 2 the teacher does not look again: its pseudo label of
# step 1 is moved with the image.
#
# ## Against everything before
#
# Recorded runs on four labeled hearts, three seeds each: the same network, loss, views and learning rate. The students of
# one method are as far apart as its curve of disagreement says.

# %% tags=["explorer"]
from ucmt_lite.explore import compare

methods = ("supervised", "mean_teacher", "cps", "cmt", "ucmt")
runs = {method: [traces.recorded(f"heart_{method}_{n}") for n in (2, 3, 4)] for method in methods}
compare.widget(runs)

# %% [markdown]
# RESULT_09
#
# Side by side on one image: which method's networks stay apart longest, and where?

# %% tags=["explorer"]
training.widget([traces.recorded(f"heart_{method}_2") for method in ("mean_teacher", "cps", "ucmt")])

# %% [markdown]
# ### Exercise 3: is it UMIX, or is it the second step?
#
# *Medium, about 10 minutes, most of it waiting.* Predict, then run: UCMT with `make_mix="identity"` takes its second step
# on the image as it is. What remains of the difference is what mixing gives. One short run is no proof: name what you would
# need for one.

# %%
names = ("umix", "cutmix", "identity")
configs = [RunConfig(iterations=iterations, seed=seed, settings={**settings, "make_mix": name}) for name in names]
compare.figure({name: [train_run(config).trace] for name, config in zip(names, configs, strict=True)}, ["disagreement", "dice"])

# %% [markdown]
# RESULT_09_MIX
#
# ## What can go wrong
#
# The teacher follows **both** students, but not equally: 0.99 of student 1 and 0.01 of student 2. Why not halves? Two
# networks that started apart have their hidden units in different order, so the average of their weights is the average
# of two different programs:

# %%
halves = RunConfig(iterations=iterations, seed=seed, settings={**settings, "ema_share": (0.5, 0.5)})
trace = train_run(halves).trace
print({name: round(float(trace.curves[f"dice/{name}"][-1]), 2) for name in ("student1", "student2", "teacher")})

# %% [markdown]
# RESULT_09_HALVES
#
# The smallest network that shows why has two weights, $f(x) = w_1 w_2 x$. Two students can be right in two different
# valleys, at $(1, 1)$ and at $(-1, -1)$, and halfway between them lies $(0, 0)$, which knows nothing:

# %% tags=["explorer"]
from ucmt_lite.explore import ema

ema.widget(share=[0.5, 0.5])

# %% [markdown]
# So the "collaborative" teacher of UCMT is, to a hundredth, student 1's mean teacher.
#
# ## Paper, reference code, here
#
# | | paper (figure) | reference code | here |
# |---|---|---|---|
# | loss | not known to us | Dice alone | half cross-entropy, half Dice, for every method |
# | unsupervised terms | plain sums | halves of the sums times 0.1 | plain sums times 0.25 |
# | labeled views in step 1 | one X | weak (2D), strong (3D) | strong |
# | teacher's label in step 2 | predicted on the mixed image | moved from step 1 | moved from step 1 |
# | teacher | follows both students | 0.99 and 0.01 | 0.99 and 0.01 |
#
# ## Recap
#
# - Uncertainty is the entropy of the mean of two predictions: doubt and contradiction both count.
# - UMIX pastes certain cells over uncertain ones, in image, mask and pseudo label alike.
# - UCMT is CMT twice an iteration, the second time on remixed images.
# - A comparison must say whether iterations or gradient steps are equal.
#
# **Questions.** Why does entropy of the mean see contradiction and the mean of entropies not? What is UMIX with
# `top_k=0`? Which of the paper's parts would you remove first, and how would you test it?
#
# **References.** Shen et al., *Co-training with High-Confidence Pseudo Labels for Semi-supervised Medical Image
# Segmentation*, IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465).
