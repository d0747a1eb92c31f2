# %% [markdown]
# # UCMT: two students, one teacher, and images mixed by doubt
#
# This lesson puts the course together. **UCMT** (Shen et al., IJCAI 2023) is meant to keep two students apart for longer, so
# that they can correct each other; to give both a calm teacher, so that pseudo labels are steadier; and to mix the images by
# the networks' own **uncertainty**, so that pseudo labels are safer.
#
# In this lesson you will
#
# - compute an **uncertainty map** and see where it is high;
# - write **UMIX**, which replaces the cells the networks doubt by cells they are sure of;
# - read the whole method, and see that it is one simpler method, CMT, done twice;
# - compare it with everything before at equal iterations, and see why that is not yet a fair comparison.

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
# students (how equally, we will see) and gives both a second pseudo label. **UMIX** makes a second image out of each one.
#
# $$L = \sum_{i=1,2} \ell\big(s_i(x_i), y\big) + w\,r\,\Big(\ell\big(s_1(u_1), \hat y_2\big) + \ell\big(s_2(u_2), \hat y_1\big) +
#   \sum_{i=1,2} \ell\big(s_i(u_i), \hat y_t\big)\Big)$$
#
# is CMT: the labels, the cross of the last lesson, and the teacher's label $\hat y_t$ for both. Here $x_i$ and $u_i$ are strong
# views of labeled and unlabeled images, $y$ the masks, $w$ the weight of everything unsupervised and $r$ its ramp-up from almost 0
# to 1 (`clock.ramp`). As code:

# %%
from ucmt_lite.explore.draw.picture import show_source
from ucmt_lite.methods.cmt import cmt, collaborative_terms

show_source(cmt)
show_source(collaborative_terms)

# %% [markdown]
# First we need networks with an opinion. A short UCMT run:

# %%
from ucmt_lite import RunConfig, train

settings = {"top_k": top_k, "grid": grid}
common = {"iterations": iterations, "seed": seed}
run = train(RunConfig(method="ucmt", **common, settings=settings))

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
# $\ln K$: 0.69 for two classes, 1.39 for the four here. Below, `*S` stands for the spatial axes: `H W`, or `D H W` in 3D.
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
from ucmt_lite.course.checks import check_entropy_of_mean

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
# really is: the phantom blurs some borders on purpose, and keeps how much as its *ambiguity*. Drop the pixels above a threshold: how many are left, and how many of their pseudo labels are right?

# %% tags=["explorer"]
from ucmt_lite.training import traces
from ucmt_lite.explore import uncertainty

uncertainty.widget(traces.recorded("heart_ucmt_50"))

# %% [markdown]
# ## UMIX
#
# Cut the image into a grid of cells, and take two uncertainty maps: $U_1$ of student 1 and the teacher, $U_2$ of student 2 and
# the teacher. By the mean of $U_i$ in each cell, let $\text{top}_i$ be the $m$ most uncertain cells and $\text{bottom}_i$ the $m$ most
# certain ones, both from most to least uncertain ($m$ is `top_k`). Then
#
# $$\text{cells}[\text{top}_1] \leftarrow \text{cells}[\text{bottom}_2], \qquad
#   \text{cells}[\text{top}_2] \leftarrow \text{cells}[\text{bottom}_1]$$
#
# Mask and pseudo label move alike. Here it is on the networks just trained and on images they have not seen. Change the image, the number of cells, the grid:

# %% tags=["explorer"]
from ucmt_lite.data import cases
from ucmt_lite.explore import umix_lab

validation = cases(run.source.splits["validation"])
umix_lab.widget(run.nets, validation, image=2, top_k=top_k, grid=grid)

# %% [markdown]
# Red cells are the most uncertain, green ones the most certain. What moves into the red cells is usually background: blank,
# and certain. The label moves with the image, so what is covered counts as background now, and the students outline what is
# left of the heart, without leaning on its usual shape.
#
# Odd at first: the hard places are taken away. The reason is that pseudo labels are least reliable there. Step 1 of UCMT still
# trains on the whole image, step 2 adds a broken one whose labels are safer. The same first author later suspected that fixed
# rules of this kind make images that are easy in a new way
# ([AdaMix, arXiv 2407.21586](https://arxiv.org/abs/2407.21586)).
#
# ### Exercise 2: write UMIX
#
# *Hard, about 20 minutes.* The maps `map1` and `map2` are `B 1 H W`, and each image of the batch is ranked by itself; `grid` is the
# number of cells a side. Return a function that mixes an image `B C H W` or a mask `B H W` into a new tensor. Rank both lists
# from most to least uncertain: the most uncertain cell receives the `top_k`-th most certain one. Among equal cells the earlier in reading order comes first. Where a cell is in both
# tops, the second paste wins; what is pasted always comes from the original image. `top_k` is at most half the cells, and 0 moves
# nothing.

# %% tags=["exercise"]
def my_umix(map1, map2, top_k, grid):
    # solution
    from ucmt_lite.core.mixing import gather_cells, rank_cells

    rank1 = rank_cells(map1, grid)
    rank2 = rank_cells(map2, grid)
    cells = rank1.shape[1]
    source = torch.arange(cells).repeat(len(map1), 1)
    source.scatter_(1, rank1[:, :top_k], rank2[:, cells - top_k :])
    source.scatter_(1, rank2[:, :top_k], rank1[:, cells - top_k :])
    return lambda image: gather_cells(image, source, grid)


# %% tags=["check"]
from ucmt_lite.course.checks import check_umix

check_umix(my_umix)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Loops are fine. For each image of the batch, list the cells' means, and sort their numbers by them.
# </details>
# <details><summary>Hint 2</summary>
#
# `from ucmt_lite.core.mixing import gather_cells, rank_cells`: `rank_cells(map1, grid)` gives `B L` numbers of cells, and `gather_cells(image, source, grid)`
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
from ucmt_lite.methods.ucmt import ucmt

show_source(ucmt)

# %% [markdown]
# Two things are easy to miss. `minimize` is called **twice**: UCMT takes two gradient steps an iteration, so at equal
# iterations it has trained twice as long as CPS or CMT. And in step 2 the teacher does not look again: its pseudo label of
# step 1 is moved with the image.
#
# ## Against everything before
#
# Recorded runs on four labeled hearts, five seeds each: the same network, loss, views and learning rate. Look at the
# disagreement: whose students agree sooner, those of CPS or of UCMT?

# %% tags=["explorer"]
from ucmt_lite.explore import compare

methods = ("supervised", "mean_teacher", "cps", "cmt", "ucmt")
runs = {
    method: [traces.recorded(f"heart_{method}_{n}") for n in range(50, 55)] for method in methods
}
compare.widget(runs)

# %% [markdown]
# Their disagreement ends at 0.06 for UCMT and at 0.05 for CPS: nearly the same, although the students of UCMT were kept apart on purpose. On the 200 test
# images:

# %%
from ucmt_lite.experiments import scores

scores.table(runs)

# %% [markdown]
# | claim | five seeds of 600 iterations |
# |---|---|
# | CPS above the baseline | in 5 of 5, by 0.07 to 0.23 |
# | UCMT above the baseline | in 5 of 5, by 0.06 to 0.21 |
# | CMT above the baseline | in 5 of 5, by 0.01 to 0.13 |
# | Mean Teacher above the baseline | in 2 of 5 ([lesson 03](03_mean_teacher.ipynb)) |
# | UCMT above CMT | in 5 of 5, by 0.01 to 0.08 |
# | UCMT above CPS | in 2 of 5, by 0.01; below it in 3, by up to 0.03 |
#
# That is the paper's order, supervised < Mean Teacher < CPS < UCMT, except for its last step. And UCMT took *twice* the gradient steps. With half
# its iterations, so with as many steps as the others:

# %%
from ucmt_lite.experiments import evidence, results

runs_kept = results.load_runs(results.kept("recipe_heart") / "runs.parquet")
evidence.plot_scores(runs_kept)

# %% [markdown]
# At equal steps CPS is above UCMT in each of the five seeds, by 0.05 in the mean. These runs are short, of one network on small phantoms, and
# no method's settings were searched far. What is *known* is narrow: on these hearts, at this length, decisions of a second network explain the gain, and
# a teacher and a mix have added nothing to it that five seeds can show. [The page of results](../results/README.md) has other data.
#
# Side by side on one image: which method's networks stay apart longest, and where?

# %% tags=["explorer"]
methods = ("mean_teacher", "cps", "ucmt")
training.widget([traces.recorded(f"heart_{method}_50") for method in methods])

# %% [markdown]
# ### Exercise 3: is it UMIX, or is it the second step?
#
# *Medium, about 10 minutes, most of it waiting.* Predict, then run. CMT has no second step. UCMT with `make_mix="identity"` takes its second step on the
# image as it is; `cutmix` chooses its cells blindly; and the reference code's share of cells is smaller, at most 4 of 256, here
# called *gentle*, against 8 of 64.

# %%
variants = {
    "UMIX": settings,
    "UMIX, gentle": {"top_k": 2, "grid": 16},
    "CutMix": {**settings, "make_mix": "cutmix"},
    "no mix": {**settings, "make_mix": "identity"},
}
configs = {name: RunConfig(**common, settings=own) for name, own in variants.items()}
configs["CMT"] = RunConfig(method="cmt", **common)
mixed = {name: [train(config).trace] for name, config in configs.items()}

# %%
compare.figure(mixed, ["disagreement", "dice"])

# %% [markdown]
# <details><summary>What we got with seed 0</summary>
#
# CMT, with half the gradient steps, is at 0.48, every variant of UCMT between 0.70 and 0.74: after 200 iterations it is the second step that shows, and
# not what is mixed into it. UMIX has 0.711, its gentle share 0.709, CutMix, which chooses its cells blindly, 0.738, and no mix at all 0.705. Two
# seeds differ by more.
# </details>
# <details><summary>What would be a proof?</summary>
#
# Several fresh seeds, the same labels for all variants, runs long enough to settle, scores on images used for no choice, and
# every variant's settings searched with the same effort.
# </details>
#
# We tried it under an earlier recipe, whose networks had batch norm: five seeds of 600 iterations, scored on the test images. Each dot is a run, the bar
# their mean:

# %%
ablation = results.load_runs(results.kept("heart_ablation") / "runs.parquet")
evidence.plot_scores(ablation)

# %% [markdown]
# Nothing to choose between the mixes: UMIX 0.770, no mix 0.773, CutMix 0.780, *noise* (added in place of moved cells) 0.767. Five seeds would have
# missed a difference of 0.04 either way. CMT, which takes no second step, was at 0.738 with as many iterations and at 0.785 with as many steps. Would it be
# so with more classes, larger images, longer runs? A sweep of yours can tell ([lesson 91](91_results.ipynb)). How many cells should move, and how
# large, is [kept as well](../results/heart_umix/README.md): where more than 3 % of the image may change, the means are lower.
#
# ## What can go wrong
#
# The teacher follows **both** students, but in the public code not equally: 0.99 of student 1 and 0.01 of student 2. Why not
# halves? Try:

# %%
halves = RunConfig(**common, settings={**settings, "ema_share": (0.5, 0.5)})
curves = train(halves).trace.curves
networks = ("student1", "student2", "teacher")
print({name: round(float(curves[f"dice/{name}"][-1]), 2) for name in networks})

# %% [markdown]
# The teacher finds nothing at all, while its students are on their way. (After 600 iterations, under the earlier recipe, such a teacher was at 0.08 in the mean of five seeds, where 0.99 and 0.01 gave 0.77: [the
# runs](../results/heart_share/README.md).) A likely reason: networks that started apart have their
# hidden units in different order, so the average of their weights is the average of two different programs. The smallest
# network that shows it has two weights, $f(x) = w_1 w_2 x$. Two students can be right in two different
# valleys, at $(1, 1)$ and at $(-1, -1)$, and halfway between them lies $(0, 0)$, which knows nothing:

# %% tags=["explorer"]
from ucmt_lite.explore import ema

ema.widget(share=[0.5, 0.5])

# %% [markdown]
# Let both start in the same valley: does averaging hurt now? (No: the teacher is then better than either.) Students of a UCMT
# start apart on purpose. So in the public code, and here, the "collaborative" teacher is, to a hundredth, student 1's mean
# teacher.
#
# ## Paper, reference code, here
#
# | | paper (figure) | reference code | here |
# |---|---|---|---|
# | loss | not known to us | Dice alone | half cross-entropy, half Dice, for every method |
# | unsupervised terms | plain sums | halves of the sums times 0.1, so 0.05 on plain sums | plain sums times 0.15 |
# | cells that change | not known to us | at most 4 of 256 | at most 4 of 256; 8 of 64 in this lesson's pictures |
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
# <details><summary>Answers</summary>
#
# Two sure networks have no entropy each, so the mean of the two is nothing; the mean of their probabilities is split where they
# contradict each other. A second step on the image as it is, without a mix. For the last one: on fresh seeds, with one thing
# changed at a time, scored on images that chose nothing.
# </details>
#
# **References.** Shen et al., *Co-training with High-Confidence Pseudo Labels for Semi-supervised Medical Image
# Segmentation*, IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465).
#
# **Next:** what such a comparison can and cannot say, in [a fair comparison](10_fair_comparison.ipynb).
