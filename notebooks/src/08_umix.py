# %% [markdown]
# # UMIX: cell by cell
#
# The second half of UCMT changes the images. Where the networks are unsure, it pastes what they are sure of, and the mask moves along. It sounds like a small trick. This lesson takes it apart with numbers one can check by hand, and then asks what each part is worth.
#
# In this lesson you will
#
# - cut an image into cells and rank them by uncertainty;
# - mix by hand, on paper, and compare;
# - write UMIX's random rival, **CutMix**, and count how much of an image each of them moves;
# - turn every knob on networks that you trained.

# %% tags=["parameters"]
iterations = 200
seed = 0

# %% [markdown]
# ## The question
#
# > Two networks are unsure about a border. Is it better to show them that border again, or to cover it with something they know?
#
# UMIX covers it. The authors' reason: pseudo labels are worst where uncertainty is largest, so take those pixels out of the lesson, and put into their place some whose labels can be believed.
#
# ## Cells
#
# An image of `H x W` pixels is cut into a grid of cells, `grid` along each side. A cell is as uncertain as its pixels are on average.
#
# ### Exercise 1: the mean of each cell
#
# *Medium, about 8 minutes.* `u` is `B 1 H W`, both sides divide by `grid`. Return `B grid*grid`, cells in reading order.

# %% tags=["exercise"]
from einops import reduce


def my_cell_means(u, grid):
    # solution
    return reduce(u, "b 1 (h p) (w q) -> b (h w)", "mean", h=grid, w=grid)


# %% tags=["check"]
from ucmt_lite.course.checks import check_cell_means

check_cell_means(my_cell_means)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `einops.reduce(u, "b 1 (h p) (w q) -> b (h w)", "mean", h=grid, w=grid)` splits a side into `h` cells of `p` pixels each. Which letter is the cell, which the pixel in it?
# </details>
# <details><summary>Hint 2</summary>
#
# Without einops: `torch.nn.functional.avg_pool2d(u, side // grid).flatten(1)`, for a square image.
# </details>

# %% [markdown]
# ## Mix on paper
#
# A grid of 2 x 2, one pixel a cell, `top_k = 1`. Student 1 and the teacher are unsure by $U_1$, student 2 and the teacher by $U_2$:
#
# | $U_1$ | | $U_2$ | | image | |
# |---|---|---|---|---|---|
# | 0.9 | 0.1 | 0.2 | 0.3 | 10 | 20 |
# | 0.5 | 0.3 | 0.8 | 0.1 | 30 | 40 |
#
# The most uncertain cell of $U_1$ receives the content of the most certain cell of $U_2$; then the other way round. Write the mixed image down, then run the cell.

# %%
import torch

from ucmt_lite.core.mixing import umix

u1 = torch.tensor([[[[0.9, 0.1], [0.5, 0.3]]]])
u2 = torch.tensor([[[[0.2, 0.3], [0.8, 0.1]]]])
print(umix(u1, u2, top_k=1, grid=2)(torch.tensor([[[10, 20], [30, 40]]])))

# %% [markdown]
# With `top_k` cells the rule has one more turn: both lists fall in uncertainty, so the *most* uncertain cell receives the *k-th* most certain one. Where both maps pick a cell, the second paste wins. And ties keep their reading order; without such a rule a flat background would be mixed by chance, differently on each machine.
#
# ### Exercise 2: who receives, who gives
#
# *Medium, about 8 minutes.* From the cell means of one map (`L` numbers), return two lists of `top_k` cell numbers: the most uncertain cells and the most certain ones, both in falling order of uncertainty.

# %% tags=["exercise"]
def my_top_and_bottom(means, top_k):
    # solution
    rank = means.argsort(descending=True, stable=True).tolist()
    return rank[:top_k], rank[len(rank) - top_k :]


# %% tags=["check"]
from ucmt_lite.course.checks import check_top_and_bottom

check_top_and_bottom(my_top_and_bottom)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `means.argsort(descending=True, stable=True)` lists the cells from the most uncertain to the most certain; `stable` keeps ties in order.
# </details>
# <details><summary>Hint 2</summary>
#
# `rank[-top_k:]` is all of them when `top_k` is 0. `rank[len(rank) - top_k:]` is none.
# </details>

# %% [markdown]
# That last trap is real: in the public code `top_k = 0` moves every cell. Here is the kit's version; `gather_cells` then copies cells by that list in one go.

# %%
from ucmt_lite.core.mixing import umix_source
from ucmt_lite.explore.draw.picture import show_source

show_source(umix_source)

# %% [markdown]
# ## How much moves?
#
# *Before you compute:* with the paper's setting, `top_k = 2` on a grid of 16 x 16, which share of an image can change?
#
# ### Exercise 3: the largest share
#
# *Easy, about 4 minutes.* Return the largest share of an image (or of a volume, `dims=3`) that UMIX can change.

# %% tags=["exercise"]
def my_largest_share(top_k, grid, dims=2):
    # solution
    return 2 * top_k / grid**dims


# %% tags=["check"]
from ucmt_lite.course.checks import check_largest_share

check_largest_share(my_largest_share)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Each of the two maps lets `top_k` cells receive. Nothing else changes.
# </details>
# <details><summary>Hint 2</summary>
#
# In 3D there are `grid ** 3` cells.
# </details>

# %% [markdown]
# At most four cells of 256: 1.6 %. In practice it is fewer, because the two maps resemble each other and pick the same cells. Remember that number when you read that UMIX brings so and so many points.
#
# ## Its rivals
#
# If one claims that *uncertainty* makes the difference, one needs a rival that is equal in all but that. **CutMix** here moves as many cells, chosen at random. (In the literature it pastes a rectangle from *another* image; this one stays in the image, so that nothing but the choice differs.) `noise` changes pixels and moves nothing, `identity` does nothing.
#
# ### Exercise 4: the random rival
#
# *Medium, about 8 minutes.* Return a mask `grid x grid` of booleans with exactly `cells` true entries at places that `generator` draws.

# %% tags=["exercise"]
def my_random_cells(cells, grid, generator):
    # solution
    order = torch.randperm(grid * grid, generator=generator)
    mask = torch.zeros(grid * grid, dtype=torch.bool)
    mask[order[:cells]] = True
    return mask.view(grid, grid)


# %% tags=["check"]
from ucmt_lite.course.checks import check_random_cells

check_random_cells(my_random_cells)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `torch.randint` may draw a cell twice. `torch.randperm(n, generator=generator)` is a random order in which each comes once.
# </details>

# %% [markdown]
# ## On your own networks
#
# Train UCMT for a short while, then turn the knobs. *Before you do:* where will the red frames lie, on the heart's border or elsewhere? And what will fill them?

# %%
from ucmt_lite import RunConfig, train
from ucmt_lite.data import cases, load

config = RunConfig(method="ucmt", labeled=4, seed=seed, iterations=iterations)
run = train(config)
validation = cases(load("phantom_heart", size=64).splits["validation"])

# %% tags=["explorer"]
from ucmt_lite.explore import umix_lab
from ucmt_lite.explore.predict_first import predict_first, which_cells_move

lab = umix_lab.widget(run.nets, validation, image=1, top_k=4, grid=8)
predict_first(lab, which_cells_move(lab.sample))

# %% [markdown]
# The frames lie on the heart, mostly at its borders, and what fills them is blank background: that is what networks are most certain of. After the mix both students agree far less with the label that moved along (the sentence of the picture says how much): a holed heart is a harder heart. So UMIX mainly *removes* difficult pixels. The first author of UCMT later wrote that fixed rules of this kind tend to trivial changes, and learns where and how much to mix instead (AdaMix, 2024).
#
# ## Does it pay?
#
# UCMT takes two steps an iteration: one on the images, one on the mixed images. So there are three candidates for any gain: the mix, the second step, and the longer training. With `make_mix="identity"` the second step stays and the mix goes. *Before you look at [the results](../results/README.md):* which share of UCMT's gain do you expect from the mix?
#
# Here are four short runs, one seed: enough to see that all of them train, too few to rank them. They end within a few hundredths of each other.

# %%
from ucmt_lite.explore import compare

mixes = ("umix", "cutmix", "noise", "identity")
traces = {
    mix: [train(RunConfig(**{**config.as_dict(), "settings": {"make_mix": mix}})).trace]
    for mix in mixes
}
compare.figure(traces, ["dice"])

# %% [markdown]
# ## Recap
#
# - A cell is as uncertain as its pixels on average; the most uncertain receive from the most certain of the *other* map.
# - Image, mask and pseudo label move alike, or the labels lie.
# - At most $2k$ cells change: 1.6 % of an image in the paper's setting.
# - A claim about the choice of cells needs a rival with the same number of cells. A claim about the mix needs a rival with the same number of steps.
#
# **References.** Shen et al., IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465). Yun et al., *CutMix*, ICCV 2019, [arXiv 1905.04899](https://arxiv.org/abs/1905.04899). French et al., *Semi-supervised semantic segmentation needs strong, varied perturbations*, BMVC 2020, [arXiv 1906.01916](https://arxiv.org/abs/1906.01916). Shen et al., *AdaMix*, [arXiv 2407.21586](https://arxiv.org/abs/2407.21586).
#
# **Next:** everything together, in [UCMT](09_ucmt.ipynb).
