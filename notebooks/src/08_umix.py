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

# %% [markdown] lang="zh" english="be612aaa"
# # UMIX：逐格来看
#
# UCMT 的后一半改动的是图像。网络拿不准的地方，它用网络有把握的内容盖住，掩膜也跟着一起移动。听起来是个小技巧。本课用手算就能核对的数字把它拆开，再问每一部分值多少。
#
# 本课中你将
#
# - 把图像切成格子，按不确定性排序；
# - 在纸上手工混合一次，再作比较；
# - 写出 UMIX 的随机对手 **CutMix**，数一数两者各移动了图像的多少；
# - 在你自己训练的网络上，把每个旋钮都转一转。

# %% tags=["parameters"]
iterations = 200
seed = 0

# %% [markdown]
# ## The question
#
# > Two networks are unsure about a border. Is it better to show them that border again, or to cover it with something they know?
#
# UMIX covers it. (That the other way is worse has to be tried, not assumed: [lesson 15](15_capstone.ipynb) offers it as a question.) The authors' reason: pseudo labels are worst where uncertainty is largest, so take those pixels out of the lesson, and put into their place some whose labels can be believed.
#
# ## Cells
#
# An image of `H x W` pixels is cut into a grid of cells, `grid` along each side. A cell is as uncertain as its pixels are on average.
#
# ### Exercise 1: the mean of each cell
#
# *Medium, about 8 minutes.* `u` is `B 1 H W`, both sides divide by `grid`. Return `B grid*grid`, cells in reading order.

# %% [markdown] lang="zh" english="1a4059cd"
# ## 问题
#
# > 两个网络都对一段边界拿不准。是再让它们看一次这段边界好，还是用它们熟悉的东西把它盖住好？
#
# UMIX 选择盖住。（反过来是否更差，要试了才知道，不能想当然：[第 15 课](15_capstone.ipynb)把它列为题目。）作者的理由是：不确定性最大的地方，伪标签最差，所以把这些像素移出课堂，换上一些标签可信的像素。
#
# ## 格子
#
# 一张 `H x W` 像素的图像被切成格子，每边 `grid` 格。一个格子的不确定性，是其中像素的平均。
#
# ### 练习 1：每格的均值
#
# *中等，约 8 分钟。* `u` 的形状是 `B 1 H W`，两边都能被 `grid` 整除。返回 `B grid*grid`，格子按阅读顺序排列。

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

# %% [markdown] lang="zh" english="adbc3615"
# <details><summary>提示 1</summary>
#
# `einops.reduce(u, "b 1 (h p) (w q) -> b (h w)", "mean", h=grid, w=grid)` 把一边分成 `h` 个格子，每格 `p` 个像素。哪个字母是格子，哪个是格子里的像素？
# </details>
# <details><summary>提示 2</summary>
#
# 不用 einops：对正方形图像，可写 `torch.nn.functional.avg_pool2d(u, side // grid).flatten(1)`。
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

# %% [markdown] lang="zh" english="85ab6515"
# ## 在纸上混合
#
# 一个 2 x 2 的网格，一格一个像素，`top_k = 1`。学生 1 与教师合起来的不确定性是 $U_1$，学生 2 与教师的是 $U_2$：
#
# | $U_1$ | | $U_2$ | | 图像 | |
# |---|---|---|---|---|---|
# | 0.9 | 0.1 | 0.2 | 0.3 | 10 | 20 |
# | 0.5 | 0.3 | 0.8 | 0.1 | 30 | 40 |
#
# $U_1$ 中最不确定的格子，接收 $U_2$ 中最确定的格子的内容；然后反过来再做一次。先写下混合后的图像，再运行单元格。

# %% tags=["hide-output"]
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

# %% [markdown] lang="zh" english="18db16f2"
# `top_k` 大于一时，规则还多一个转折：两份名单都按不确定性从高到低排，所以*最*不确定的格子接收的是第 *k* 确定的格子。两张图选中同一格时，后贴的算数。不确定性相同的格子保持阅读顺序；没有这条规则，一片平坦的背景就会随机混合，每台机器各不相同。
#
# ### 练习 2：谁接收，谁给出
#
# *中等，约 8 分钟。* 给定一张图各格的均值（`L` 个数），返回两个列表，各有 `top_k` 个格子编号：最不确定的格子和最确定的格子，都按不确定性从高到低排列。

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

# %% [markdown] lang="zh" english="f2a38596"
# <details><summary>提示 1</summary>
#
# `means.argsort(descending=True, stable=True)` 把格子从最不确定排到最确定；`stable` 让相同的保持原来的次序。
# </details>
# <details><summary>提示 2</summary>
#
# 当 `top_k` 为 0 时，`rank[-top_k:]` 是全部格子；`rank[len(rank) - top_k:]` 则一个也没有。
# </details>

# %% [markdown]
# That last trap is real: in the public code `top_k = 0` moves every cell. Here is the kit's version; `gather_cells` then copies cells by that list in one go.

# %% [markdown] lang="zh" english="e3650dc0"
# 最后这个陷阱真实存在：在公开代码中，`top_k = 0` 会移动每一个格子。下面是本工具包的写法；之后 `gather_cells` 按这份名单一次复制所有格子。

# %%
from ucmt_lite.core.mixing import umix_source
from ucmt_lite.explore.draw.picture import show_source

show_source(umix_source)

# %% [markdown]
# ## How much moves?
#
# *Before you compute:* with the public code's setting, `top_k = 2` on a grid of 16 x 16, which share of an image can change?
#
# ### Exercise 3: the largest share
#
# *Easy, about 4 minutes.* Return the largest share of an image (or of a volume, `dims=3`) that UMIX can change.

# %% [markdown] lang="zh" english="d76f074e"
# ## 移动了多少？
#
# *计算之前先想：* 按公开代码的设置，在 16 x 16 的网格上取 `top_k = 2`，一张图像最多有多少会改变？
#
# ### 练习 3：最大的比例
#
# *简单，约 4 分钟。* 返回 UMIX 最多能改变一张图像（或一个三维体，`dims=3`）的多大比例。

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

# %% [markdown] lang="zh" english="73efd745"
# <details><summary>提示 1</summary>
#
# 两张图各让 `top_k` 个格子接收，其他都不变。
# </details>
# <details><summary>提示 2</summary>
#
# 在 3D 中有 `grid ** 3` 个格子。
# </details>

# %% [markdown]
# <details><summary>Answer</summary>
#
# At most four cells of 256: 1.6 %. In practice it is fewer, because the two maps resemble each other and pick the same cells. (Of a volume with 8 cells a side they are 4 of 512: 0.8 %.)
# </details>
#
# ## Its rivals
#
# If one claims that *uncertainty* makes the difference, one needs a rival that is equal in all but that. **CutMix** here may move as many cells, chosen at random. It does move more: two random choices rarely meet, while the two maps resemble each other and UMIX picks the same cells twice. So name both numbers. (In the literature it pastes a rectangle from *another* image; this one stays in the image, as UMIX does.) `noise` changes pixels and moves nothing, `identity` does nothing.
#
# ### Exercise 4: the random rival
#
# *Medium, about 8 minutes.* Return a mask `grid x grid` of booleans with exactly `cells` true entries at places that `generator` draws.

# %% [markdown] lang="zh" english="a7b1edce"
# <details><summary>答案</summary>
#
# 256 格中至多四格：1.6 %。实际还要少，因为两张图彼此相似，会选中同样的格子。（每边 8 格的三维体积里，就是 512 格中的 4 格：0.8 %。）
# </details>
#
# ## 它的对手
#
# 如果有人说起作用的是*不确定性*，就需要一个除此之外完全相同的对手。这里的 **CutMix** 可以移动同样多的格子，但随机选取。它实际移动得更多：两次随机选取很少碰到一起，而两张图彼此相似，UMIX 会两次选中同样的格子。所以两个数都要写出来。（文献中的 CutMix 是从*另一张*图像贴来一个矩形；这里的和 UMIX 一样，只在同一张图像里移动。）`noise` 改变像素而不移动，`identity` 什么也不做。
#
# ### 练习 4：随机的对手
#
# *中等，约 8 分钟。* 返回一个 `grid x grid` 的布尔掩膜，恰有 `cells` 个为真，位置由 `generator` 抽取。

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

# %% [markdown] lang="zh" english="05226edc"
# <details><summary>提示 1</summary>
#
# `torch.randint` 可能抽到同一格两次。`torch.randperm(n, generator=generator)` 是一个随机排列，每格恰好出现一次。
# </details>

# %% [markdown]
# ## On your own networks
#
# Train UCMT for a short while, then turn the knobs. *Before you do:* where will the red frames lie, on the heart's border or elsewhere? And what will fill them?

# %% [markdown] lang="zh" english="0a5ede03"
# ## 在你自己的网络上
#
# 先把 UCMT 训练一小会儿，再转动旋钮。*动手之前先想：* 红框会落在心脏的边界上，还是别处？填进去的又会是什么？

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

# %% [markdown] lang="zh" english="57537e2b"
# > **图：** {2} x {3} 个格子中，哪 {1} 个会被替换？先选出来，再给出答案。
# >
# > <details><summary>答案</summary>移动的格子（行/列，从左上角数起）：{4}/{5}，{6}/{7}，{8}/{9}，{10}/{11}，{12}/{13}。umix，`top_k` 为 {14}，网格 {15} x {16}：{17} 个格子被替换，平均不确定性 {18} 奈特；换上的内容来自平均 {19} 奈特的格子。在混合后的图像上，与一同移动的伪标签相比，学生 {20} 的 Dice 为 {21}（混合前 {22}），学生 {23} 的 Dice 为 {24}（混合前 {25}）。</details>

# %% [markdown]
# <details><summary>What one sees</summary>
#
# On this image the frames lie inside the heart: after so few iterations all three networks doubt the whole cavity of the left ventricle, more than any border. Four of the five fillings are blank background, the fifth is a piece of the bright vessel beside the heart: certain is what networks agree on, blank or not.
# </details>
#
# After the mix both students agree less with the label that moved along (the explorer says how much): a holed heart is a harder heart. So UMIX mainly *removes* difficult pixels. The first author of UCMT later wrote that fixed rules of this kind tend to trivial changes, and lets the difficulty of an image and the progress of training decide how much is mixed (AdaMix, 2024, in [lesson 16](16_after_ucmt.ipynb)).
#
# ## Does it pay?
#
# UCMT takes two steps an iteration: one on the images, one on the mixed images. So there are two candidates for any gain: the mix, and the second step, which trains twice as long. (Labeled images are mixed as well, with their masks.) With `make_mix="identity"` the second step stays and the mix goes. *Before you look at [the results](../results/README.md):* which share of UCMT's gain do you expect from the mix?
#
# Here are four short runs, one seed: enough to see that all of them train, too few to rank them.

# %% [markdown] lang="zh" english="e7d32021"
# <details><summary>看到了什么</summary>
#
# 在这张图像上，红框落在心脏里面：训练还很短，三个网络对左心室的整个内腔都拿不准，胜过对任何边界。填进去的五块中，四块是空白背景，第五块是心脏旁边那根亮血管的一部分：有把握的是网络一致的地方，不一定是空白。
# </details>
#
# 混合之后，两个学生与一同移动的标签都不如先前一致（差多少，互动图里有）：有洞的心脏更难认。所以 UMIX 主要是*移走*困难的像素。UCMT 的第一作者后来写道，这类固定的规则容易带来无关紧要的改动，于是改为由图像的难度和训练的进展来决定混合多少（AdaMix, 2024，见[第 16 课](16_after_ucmt.ipynb)）。
#
# ## 值得吗？
#
# UCMT 每次迭代走两步：一步用原图像，一步用混合后的图像。因此任何提升都有两个可能的来源：混合，以及多走的一步，它使训练量加倍。（有标注的图像也连同掩膜一起混合。）设 `make_mix="identity"`，多走的一步还在，混合没有了。*看[结果](../results/README.md)之前先想：* UCMT 的提升中，你认为有多少来自混合？
#
# 这里是四次短训练，一个随机种子：足以看出它们都在学习，不足以排出名次。

# %% tags=["hide-output"]
import dataclasses

from ucmt_lite.explore import compare

traces = {"umix": [run.trace]}  # the run above
for mix in ("cutmix", "noise", "identity"):
    traces[mix] = [train(dataclasses.replace(config, settings={"make_mix": mix})).trace]
compare.figure(traces, ["dice"])

# %% [markdown] lang="zh" english="7cb52f54"
# > **图：** 先想好答案，再展开。
# >
# > <details><summary>图中的数字</summary>训练过程中的曲线，每条线一次训练。结束时的 Dice：umix {1}，cutmix {2}，noise {3}，identity {4}。</details>

# %% [markdown]
# <details><summary>Answer</summary>
#
# All four end within 0.005 of each other, on the 16 images watched in training. What longer runs and five seeds say of it, and of the second step, is in [the next lesson](09_ucmt.ipynb): keep your guess until then.
# </details>

# %% [markdown] lang="zh" english="4dad8c2f"
# <details><summary>答案</summary>
#
# 四次训练的终点相差不超过 0.005（在训练中观察的 16 张图像上）。更长的训练和五个种子对它、对第二步怎么说，见[下一课](09_ucmt.ipynb)：把你的猜测留到那时。
# </details>

# %% [markdown]
# ## Recap
#
# - A cell is as uncertain as its pixels on average; the most uncertain receive from the most certain of the *other* map.
# - Image, mask and pseudo label move alike, or the labels lie.
# - At most $2k$ cells change: 1.6 % of an image in the public code's setting.
# - A claim about the choice of cells needs a rival that moves as many cells, or both numbers named. A claim about the mix needs a rival with the same number of steps.
#
# **References.** Shen et al., IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465). Yun et al., *CutMix*, ICCV 2019, [arXiv 1905.04899](https://arxiv.org/abs/1905.04899). French et al., *Semi-supervised semantic segmentation needs strong, varied perturbations*, BMVC 2020, [arXiv 1906.01916](https://arxiv.org/abs/1906.01916). Shen et al., *AdaMix*, [arXiv 2407.21586](https://arxiv.org/abs/2407.21586).
#
# **Next:** everything together, in [UCMT](09_ucmt.ipynb).

# %% [markdown] lang="zh" english="073450de"
# ## 小结
#
# - 一个格子的不确定性是其中像素的平均；最不确定的格子从*另一张*图中最确定的格子那里接收内容。
# - 图像、掩膜和伪标签要一起移动，否则标签就在说谎。
# - 至多改变 $2k$ 个格子：按公开代码的设置，是一张图像的 1.6 %。
# - 要说格子的选法有用，就需要一个移动同样多格子的对手，或者把两个数都写出来；要说混合有用，就需要一个步数相同的对手。
#
# **参考文献：** Shen et al., IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465). Yun et al., *CutMix*, ICCV 2019, [arXiv 1905.04899](https://arxiv.org/abs/1905.04899). French et al., *Semi-supervised semantic segmentation needs strong, varied perturbations*, BMVC 2020, [arXiv 1906.01916](https://arxiv.org/abs/1906.01916). Shen et al., *AdaMix*, [arXiv 2407.21586](https://arxiv.org/abs/2407.21586).
#
# **下一课：** 合在一起，见 [UCMT](09_ucmt.ipynb)。
