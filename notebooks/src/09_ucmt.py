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

# %% [markdown] lang="zh" english="37e653ee"
# # UCMT：两个学生，一位教师，以及按怀疑来混合的图像
#
# 本课把整门课合在一起。**UCMT**（Shen et al., IJCAI 2023）想做三件事：让两个学生更久地保持不同，好让它们互相纠正；给两者一位沉稳的教师，好让伪标签更平稳；按网络自己的**不确定性**来混合图像，好让伪标签更可靠。
#
# 本课中你将
#
# - 计算一张**不确定性图**，看看它在哪里高；
# - 写出 **UMIX**，用网络有把握的格子替换网络怀疑的格子；
# - 读完整的方法，看出它就是把一种更简单的方法 CMT 做两遍；
# - 在迭代次数相等的条件下，把它与前面的所有方法比较，并看出为什么这还不是公平的比较。

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
# students (how equally, we will see) and gives both a second pseudo label, in the hope that an average is calmer than either and so more often right. **UMIX** makes a second image out of each one.
#
# $$L = \sum_{i=1,2} \ell\big(s_i(x_i), y\big) + w\,r\,\Big(\ell\big(s_1(u_1), \hat y_2\big) + \ell\big(s_2(u_2), \hat y_1\big) +
#   \sum_{i=1,2} \ell\big(s_i(u_i), \hat y_t\big)\Big)$$
#
# is CMT: the labels, the cross of [lesson 05](05_cross_pseudo_supervision.ipynb), and the teacher's label $\hat y_t$ for both. Here $x_i$ and $u_i$ are strong
# views of labeled and unlabeled images, $y$ the masks, $w$ the weight of everything unsupervised and $r$ its ramp-up from almost 0
# to 1 (`clock.ramp`). As code:

# %% [markdown] lang="zh" english="39675d92"
# ## 问题
#
# > 两个网络越来越一致。怎样让它们继续学习，又不喂给它们胡话？
#
# 论文的回答有两部分。**CMT**，即协同平均教师，在 CPS 之上加了一位跟随两个学生的教师（跟随得有多平均，下面会看到），它给两个学生各一份第二个伪标签，希望平均出来的教师比任何一个学生更平稳，因而更常判对。**UMIX** 则由每张图像再造出一张。
#
# $$L = \sum_{i=1,2} \ell\big(s_i(x_i), y\big) + w\,r\,\Big(\ell\big(s_1(u_1), \hat y_2\big) + \ell\big(s_2(u_2), \hat y_1\big) +
#   \sum_{i=1,2} \ell\big(s_i(u_i), \hat y_t\big)\Big)$$
#
# 这就是 CMT：真实的标签、[第 05 课](05_cross_pseudo_supervision.ipynb)的交叉，以及教师给两个学生的标签 $\hat y_t$。其中 $x_i$ 和 $u_i$ 是有标注图像和无标注图像的强增强视图，$y$ 是掩膜，$w$ 是全部无监督项的权重，$r$ 是它的爬升系数，从接近 0 升到 1（`clock.ramp`）。写成代码：

# %%
from ucmt_lite.explore.draw.picture import show_source
from ucmt_lite.methods.cmt import cmt, collaborative_terms

show_source(cmt)
show_source(collaborative_terms)

# %% [markdown]
# First we need networks with an opinion. A short UCMT run:

# %% [markdown] lang="zh" english="a740e79d"
# 首先需要有主见的网络。来一次 UCMT 的短训练：

# %%
from ucmt_lite import RunConfig, train

settings = {"top_k": top_k, "grid": grid}
common = {"iterations": iterations, "seed": seed}
run = train(RunConfig(method="ucmt", **common, settings=settings))

# %%
from ucmt_lite.explore import training

training.figure(run.trace, image=2)

# %% [markdown] lang="zh" english="061fdccd"
# > **图：** UCMT 训练 {1} 次迭代后，在探针图像 {2} 上：学生 {3} 的 Dice 为 {4}，学生 {5} 为 {6}，教师为 {7}。学生 {8} 与学生 {9} 在 {10} % 的像素上不同。平均不确定性为 {11} 奈特，在距真实边界两个像素以内为 {12}。

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

# %% [markdown] lang="zh" english="495fc0b3"
# ## 不确定性
#
# 把一个学生与教师的概率取平均，再求这个平均的**熵**，单位为奈特：
#
# $$U = -\sum_k \bar p_k \ln \bar p_k, \qquad \bar p = \tfrac{1}{2}\big(\operatorname{softmax} s + \operatorname{softmax} t\big)$$
#
# 两者各自犹豫的地方，它高；两者都有把握、却互相矛盾的地方，它也高。它最大为 $\ln K$：两个类别时是 0.69，这里的四个类别时是 1.39。下文用 `*S` 表示空间轴：`H W`，在 3D 中是 `D H W`。
#
# ### 练习 1：写出来
#
# *中等，约 7 分钟。* 由两个 logits `B K *S` 得到一张图 `B 1 *S`，不带梯度。

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

# %% [markdown] lang="zh" english="dcd97873"
# <details><summary>提示 1</summary>
#
# 先对概率取平均。如果取两个熵的平均，就看不到矛盾。
# </details>
# <details><summary>提示 2</summary>
#
# 0 的对数是负无穷：在对数里面加上百万分之一。
# </details>
# <details><summary>提示 3</summary>
#
# `sum(dim=1, keepdim=True)` 保留一个长度为 1 的轴，这样就可以像图像一样处理这张图。
# </details>

# %% [markdown]
# Where is a network unsure, and is it right to be? On the phantoms the truth is known, and so is how undecided each border
# really is: the phantom blurs some borders on purpose, and keeps how much as its *ambiguity*. Drop the pixels above a threshold, and keep the certain ones: are their pseudo labels right? Below is a recorded run, on a heart it finds difficult.

# %% [markdown] lang="zh" english="de70eb48"
# 网络在哪里拿不准，它拿不准得有道理吗？对仿真体模，真值是已知的，每段边界究竟有多难定也是已知的：体模有意把一些边界弄模糊，并把模糊的程度记作*模糊度*。去掉高于阈值的像素，只留下确定的：它们的伪标签对吗？下面是一次已记录的训练，用的是一颗它觉得困难的心脏。

# %% tags=["explorer"]
from ucmt_lite.explore import uncertainty
from ucmt_lite.explore.predict_first import a_choice, a_number, predict_first, which_cells_move
from ucmt_lite.training import traces

recorded = traces.recorded("heart_ucmt_50")
kept = uncertainty.kept_share(recorded, threshold=0.2, image=1)
wrong = f"At the end {100 * (1 - kept.everywhere):.0f} % of the pseudo labels of image 1 are wrong."
question = f"{wrong} And of those with at most 0.2 nats?"
answer = a_number(question, 100 * (1 - kept.accuracy), (0, 30), "%")
predict_first(uncertainty.widget(recorded, image=1), answer)

# %% [markdown] lang="zh" english="de6e6a38"
# > **图：** 训练结束时，图像 {2} 的伪标签有 {1} % 是错的。不确定性不超过 {3} 奈特的那些里，错的有多少？
# >
# > <details><summary>答案</summary>{4} %，标尺从 {5} 到 {6}。UCMT 训练 {7} 次迭代后，在探针图像 {8} 上：{9} % 的像素不确定性不超过 {10} 奈特，它们的伪标签有 {11} % 是对的，而全部像素是 {12} %。在边界确实模糊之处（模糊度大于 {13}），平均不确定性为 {14} 奈特，其他地方为 {15}。</details>

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
# Mask and pseudo label move alike. Here it is on the networks just trained and on images they have not seen. Choose the cells that you expect to move; then change the image, the number of cells, the grid:

# %% [markdown] lang="zh" english="0b21f8e1"
# ## UMIX
#
# 把图像切成格子，再取两张不确定性图：$U_1$ 来自学生 1 与教师，$U_2$ 来自学生 2 与教师。按 $U_i$ 在每格中的均值，设 $\text{top}_i$ 为最不确定的 $m$ 个格子，$\text{bottom}_i$ 为最确定的 $m$ 个格子，两者都按不确定性从高到低排列（$m$ 即 `top_k`）。于是
#
# $$\text{cells}[\text{top}_1] \leftarrow \text{cells}[\text{bottom}_2], \qquad
#   \text{cells}[\text{top}_2] \leftarrow \text{cells}[\text{bottom}_1]$$
#
# 掩膜和伪标签也同样移动。下面用刚训练好的网络和它们没见过的图像来演示。先选出你认为会移动的格子，再换一换图像、格子的个数和网格：

# %% tags=["explorer"]
from ucmt_lite.data import cases
from ucmt_lite.explore import umix_lab

validation = cases(run.source.splits["validation"])
lab = umix_lab.widget(run.nets, validation, image=2, top_k=top_k, grid=grid)
predict_first(lab, which_cells_move(lab.sample))

# %% [markdown] lang="zh" english="995b1bd6"
# > **图：** {2} x {3} 个格子中，哪 {1} 个会被替换？先选出来，再给出答案。
# >
# > <details><summary>答案</summary>移动的格子（行/列，从左上角数起）：{4}/{5}，{6}/{7}，{8}/{9}，{10}/{11}。umix，`top_k` 为 {12}，网格 {13} x {14}：{15} 个格子被替换，平均不确定性 {16} 奈特；换上的内容来自平均 {17} 奈特的格子。在混合后的图像上，与一同移动的伪标签相比，学生 {18} 的 Dice 为 {19}（混合前 {20}），学生 {21} 的 Dice 为 {22}（混合前 {23}）。</details>

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

# %% [markdown] lang="zh" english="2ac33d7b"
# 红色的格子最不确定，绿色的最确定。移进红色格子的通常是背景：空白，而且确定。标签跟着图像一起移动，所以被盖住的地方现在算作背景，学生要勾画的是心脏剩下的部分，不能再依靠它惯常的形状。
#
# 乍看有些奇怪：困难的地方被拿走了。理由是，伪标签在那里最不可靠。UCMT 的第 1 步仍用完整的图像训练，第 2 步再加上一张残缺的图像，它的标签更可靠。同一位第一作者后来怀疑，这类固定的规则造出来的图像，只是换了一种容易法（[AdaMix, arXiv 2407.21586](https://arxiv.org/abs/2407.21586)）。
#
# ### 练习 2：写出 UMIX
#
# *困难，约 20 分钟。* 图 `map1` 和 `map2` 的形状是 `B 1 H W`，批次中的每张图像各自排序；`grid` 是每边的格子数。返回一个函数，它把图像 `B C H W` 或掩膜 `B H W` 混合成一个新的张量。两份名单都按不确定性从高到低排列：最不确定的格子接收第 `top_k` 确定的格子。不确定性相同的格子，按阅读顺序，靠前的在先。一个格子同时在两个 top 中时，后贴的算数；贴上的内容总是来自原图像。`top_k` 最多是格子总数的一半，为 0 时什么也不移动。

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
# Loops are fine. For each image of the batch, list the cells' means, and sort their numbers by them (`argsort(dim=1, descending=True, stable=True)` keeps equal
# cells in reading order).
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

# %% [markdown] lang="zh" english="319a956c"
# <details><summary>提示 1</summary>
#
# 用循环就可以。对批次中的每张图像，列出各格的均值，再按均值给格子的编号排序（`argsort(dim=1, descending=True, stable=True)` 让相等的格子保持阅读顺序）。
# </details>
# <details><summary>提示 2</summary>
#
# `from ucmt_lite.core.mixing import gather_cells, rank_cells`：`rank_cells(map1, grid)` 给出 `B L` 个格子编号，`gather_cells(image, source, grid)` 造出一张图像，它的第 l 格就是所给图像的第 `source[l]` 格。
# </details>
# <details><summary>提示 3</summary>
#
# 对每张图像，从 `source = torch.arange(L)` 出发：什么也不移动。然后改写两组元素，第二组后写。当 `top_k=0` 时，`x[-0:]` 是全部：要改为从前面数起。
# </details>

# %% [markdown]
# ## The whole method
#
# Step 1 is CMT on the images as they are. Step 2 is CMT again, on the images remixed:

# %% [markdown] lang="zh" english="4c6fb5f9"
# ## 完整的方法
#
# 第 1 步是用原样的图像做 CMT。第 2 步用混合后的图像再做一遍 CMT：

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
# Recorded runs on four labeled hearts, five seeds each: the same network, loss, views and learning rate. UCMT is meant to keep its
# students apart for longer. Does it?

# %% [markdown] lang="zh" english="060782bb"
# 有两点容易忽略。`minimize` 调用了**两次**：UCMT 每次迭代走两个梯度步，所以在迭代次数相等时，它的训练量是 CPS 或 CMT 的两倍。另外，第 2 步里教师不再看图：第 1 步的伪标签跟着图像一起移动。
#
# ## 与前面的所有方法比较
#
# 下面是用四张有标注的心脏图像、各五个种子的已记录训练：网络、损失、视图和学习率都相同。UCMT 想让它的学生更久地保持不同。它做到了吗？

# %% tags=["explorer"]
from ucmt_lite.explore import compare

methods = ("supervised", "mean_teacher", "cps", "cmt", "ucmt")
runs = {
    method: [traces.recorded(f"heart_{method}_{n}") for n in range(50, 55)] for method in methods
}
apart = compare.values_at({m: runs[m] for m in ("cps", "cmt", "ucmt")}, "disagreement", 100)
question = "After 100 iterations, in the mean of five seeds: whose two students differ least?"
answer = a_choice(question, apart, min, "disagreement after 100 iterations")
predict_first(compare.widget(runs), answer)

# %% [markdown] lang="zh" english="cc832ca4"
# > **图：** {1} 次迭代之后，谁的两个学生相差最小（取五个种子的均值）？
# >
# > <details><summary>答案</summary>答案是 UCMT。{2} 次迭代之后的分歧：UCMT {3}，CPS {4}，CMT {5}。训练过程中的曲线，每条线 {6} 次训练。结束时的分歧：有监督 {7}，Mean Teacher {8}，CPS {9}，CMT {10}，UCMT {11}；不确定性：有监督 {12}，Mean Teacher {13}，CPS {14}，CMT {15}，UCMT {16}；Dice：有监督 {17}，Mean Teacher {18}，CPS {19}，CMT {20}，UCMT {21}。</details>

# %% [markdown]
# <details><summary>Answer</summary>
#
# That depends on what is equal. After 100 *iterations* the students of UCMT differ by 0.22, those of CPS by 0.32: they agree sooner. But 100 iterations are 200 *gradient steps* of UCMT. To compare steps, take the UCMT of half the iterations below, whose ramp-up and learning rate are where those of CPS are at the same step: after 200 steps its students differ by 0.20 and those of CPS by 0.15, in the end by 0.09 and 0.05. Step by step UCMT keeps them apart for longer. Its pseudo labels also weigh 0.15 where those of CPS weigh 1; that alone might do it. (A common teacher by itself should rather pull two students together, for both hear the same. What may hold them apart is that each sees views of its own, and images mixed by doubts that it does not share. CMT, which has the teacher and not the mix, ends at 0.08.)
# </details>
#
# On the 200 test images:

# %% [markdown] lang="zh" english="9b1a8c28"
# <details><summary>答案</summary>
#
# 这要看让什么相等。100 次*迭代*之后，UCMT 的学生相差 0.22，CPS 的两个网络相差 0.32：它们更早达成一致。但 UCMT 的 100 次迭代是 200 个*梯度步*。要按步数比较，就看下文迭代减半的 UCMT，它的权重爬升和学习率在同一步上与 CPS 相同：200 步之后，它的学生相差 0.20，CPS 的相差 0.15；最后是 0.09 和 0.05。按步数来看，UCMT 确实让它们更久地保持不同。不过它的伪标签权重是 0.15，CPS 的是 1；单凭这一点也可能如此。（共同的教师本身应当把两个学生拉近，因为两者听到的是同一句话。能让它们保持不同的，也许是各自看到的视图，以及按彼此不尽相同的怀疑混合的图像。CMT 有教师而不混合，终点是 0.08。）
# </details>
#
# 在 200 张测试图像上：

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
# | CMT below CPS | in 5 of 5, by 0.03 to 0.11 |
# | UCMT above CPS | in 2 of 5, by 0.01; below it in 3, by up to 0.03 |
#
# In the paper the order is supervised < Mean Teacher < CPS < UCMT. (Its abstract, introduction, figures and public code were at hand here, its tables of ablations were not: read them beside ours.) The *means* here agree with it but for the last two, which stand the other way round; and that Mean Teacher is above the baseline, five seeds do not show. And UCMT took *twice* the gradient steps. With half
# its iterations, so with as many steps as the others:

# %% [markdown] lang="zh" english="0acd74de"
# | 说法 | 五个种子，各 600 次迭代 |
# |---|---|
# | CPS 高于基线 | 5 个中有 5 个，高出 0.07 至 0.23 |
# | UCMT 高于基线 | 5 个中有 5 个，高出 0.06 至 0.21 |
# | CMT 高于基线 | 5 个中有 5 个，高出 0.01 至 0.13 |
# | Mean Teacher 高于基线 | 5 个中有 2 个（[第 03 课](03_mean_teacher.ipynb)） |
# | UCMT 高于 CMT | 5 个中有 5 个，高出 0.01 至 0.08 |
# | CMT 低于 CPS | 5 个中有 5 个，低 0.03 至 0.11 |
# | UCMT 高于 CPS | 5 个中有 2 个，高出 0.01；3 个低于它，最多低 0.03 |
#
# 论文中的次序是 有监督 < Mean Teacher < CPS < UCMT。（我们手头有论文的摘要、引言、插图和公开的代码，没有它的消融实验表：请与我们的对照着读。）这里的*均值*与它相符，只是最后两个的次序相反；至于 Mean Teacher 高于基线，五个种子还看不出来。而且 UCMT 走的梯度步是*两倍*。如果迭代次数减半，步数就与其他方法相同：

# %%
from ucmt_lite.experiments import evidence, results

runs_kept = results.load_runs(results.kept("recipe_heart") / "runs.parquet")
evidence.plot_scores(runs_kept)

# %% [markdown] lang="zh" english="73fc2392"
# > **图：** 各个变体的 Dice，种子间的均值与 {1} % 区间；phantom_heart，{2} 张有标注，边长 {3}，测试图像：有监督 {4}（{5} 至 {6}），Mean Teacher {7}（{8} 至 {9}），CPS {10}（{11} 至 {12}），CMT {13}（{14} 至 {15}），UCMT {16}（{17} 至 {18}），迭代次数减半的 UCMT {19}（{20} 至 {21}）。

# %% [markdown]
# At equal steps CPS is above UCMT in each of the five seeds, by 0.05 in the mean. These runs are short, of one network on small phantoms, and
# no method's settings were searched far (CPS has the weight 1; CMT and UCMT 0.15 on every pseudo-label term, so they are not simply CPS with a teacher added. On validation images of two other seeds the weights 0.15, 0.5 and 1 gave CMT 0.782, 0.776 and 0.789 and UCMT 0.807, 0.817 and 0.828; on the five seeds of above UCMT with the weight 1 then had 0.821 where it has 0.822 with 0.15, [recipe_settings](../results/recipe_settings/README.md)). What is *known* is narrow: on these hearts, at this length, a second network's decisions are enough for the gain, and
# a teacher and a mix have added nothing to it that five seeds can show. (Whether its *probabilities*, CPC, would have been enough as well was not run over seeds; [lesson 04](04_two_networks.ipynb) has one of each.) [The page of results](../results/README.md) has other data.
#
# Side by side on one image: which method's networks stay apart longest, and where? (In iterations; of UCMT each has two steps.)

# %% [markdown] lang="zh" english="e01a2ab5"
# 步数相等时，五个种子中每一个都是 CPS 高于 UCMT，平均高 0.05。这些训练很短，只用一种网络和小小的体模，每种方法的设置都没有经过充分的搜索（CPS 的权重为 1；CMT 和 UCMT 的每个伪标签项为 0.15，所以它们并不只是 CPS 加上一位教师。在另外两个种子的验证图像上，权重 0.15、0.5 和 1 让 CMT 得到 0.782、0.776 和 0.789，让 UCMT 得到 0.807、0.817 和 0.828；而在上面的五个种子上，权重为 1 的 UCMT 是 0.821，权重为 0.15 时是 0.822，见 [recipe_settings](../results/recipe_settings/README.md)）。*已知*的范围很窄：对这些心脏，在这样的训练长度下，第二个网络的决策已经足以带来提升；教师和混合再添了什么，五个种子看不出来。（换成它的*概率*，也就是 CPC，是否也足够，没有用多个种子跑过；[第 04 课](04_two_networks.ipynb)里两者各跑了一次。）其他数据见[结果页](../results/README.md)。
#
# 在同一张图像上并排比较：哪种方法的网络保持不同最久，又在哪里？（按迭代次数算；UCMT 的每次迭代有两步。）

# %% tags=["explorer"]
methods = ("mean_teacher", "cps", "ucmt")
three = [runs[method][0] for method in methods]
question = "In these three runs, whose two networks stay more than 0.1 apart for longest?"
answer = a_choice(
    question, compare.settled(three, "disagreement", 0.1), max, "iterations until they are closer"
)
predict_first(training.widget(three), answer)

# %% [markdown] lang="zh" english="69c2cc0f"
# > **图：** 在这三次训练中，谁的两个网络相差 {1} 以上的时间最久？
# >
# > <details><summary>答案</summary>答案是 CPS。靠近之前的迭代次数：CPS {2}，UCMT {3}，Mean Teacher {4}。Mean Teacher 训练 {5} 次迭代后，在探针图像 {6} 上：学生 {7} 的 Dice 为 {8}，教师为 {9}。学生 {10} 与教师在 {11} % 的像素上不同。平均不确定性为 {12} 奈特，在距真实边界两个像素以内为 {13}。CPS 训练 {14} 次迭代后，在探针图像 {15} 上：学生 {16} 的 Dice 为 {17}，学生 {18} 为 {19}。学生 {20} 与学生 {21} 在 {22} % 的像素上不同。平均不确定性为 {23} 奈特，在距真实边界两个像素以内为 {24}。UCMT 训练 {25} 次迭代后，在探针图像 {26} 上：学生 {27} 的 Dice 为 {28}，学生 {29} 为 {30}，教师为 {31}。学生 {32} 与学生 {33} 在 {34} % 的像素上不同。平均不确定性为 {35} 奈特，在距真实边界两个像素以内为 {36}。</details>

# %% [markdown]
# ### Exercise 3: is it UMIX, or is it the second step?
#
# *Medium, about 10 minutes, most of it waiting.* Here is the question that [lesson 08](08_umix.ipynb) left open. Put the five in order, CMT among them, then run. CMT has no second step. UCMT with `make_mix="identity"` takes its second step on the
# image as it is; `cutmix` chooses its cells blindly; and the reference code's share of cells is smaller, at most 4 of 256, here
# called *gentle*, against 8 of 64. (The curves are those of the 16 probe images.)

# %% [markdown] lang="zh" english="266ccdd4"
# ### 练习 3：是 UMIX，还是第二步？
#
# *中等，约 10 分钟，大部分时间在等待。* [第 08 课](08_umix.ipynb)留下的问题就在这里。先给五种做法排个次序，CMT 也在内，再运行。CMT 没有第二步。`make_mix="identity"` 的 UCMT 用原样的图像走第二步；`cutmix` 盲目地选格子；参考代码改变的格子更少，256 格中至多 4 格，这里称为*温和*（gentle），而此处是 64 格中的 8 格。（曲线来自 16 张探针图像。）

# %%
variants = {
    "UMIX, gentle": {"top_k": 2, "grid": 16},
    "CutMix": {**settings, "make_mix": "cutmix"},
    "no mix": {**settings, "make_mix": "identity"},
}
configs = {name: RunConfig(**common, settings=own) for name, own in variants.items()}
configs["CMT"] = RunConfig(method="cmt", **common)
mixed = {"UMIX": [run.trace]}  # the run above
mixed |= {name: [train(config).trace] for name, config in configs.items()}

# %% tags=["hide-output"]
compare.figure(mixed, ["disagreement", "dice"])

# %% [markdown] lang="zh" english="d47cd2f6"
# > **图：** 先想好答案，再展开。
# >
# > <details><summary>图中的数字</summary>训练过程中的曲线，每条线一次训练。结束时的分歧：UMIX {1}，温和的 UMIX {2}，CutMix {3}，不混合 {4}，CMT {5}；Dice：UMIX {6}，温和的 UMIX {7}，CutMix {8}，不混合 {9}，CMT {10}。</details>

# %% [markdown]
# <details><summary>What we got with seed 0</summary>
#
# CMT, with half the gradient steps, is at 0.48, every variant of UCMT from 0.70 to 0.74. What is mixed does not show. Nor is the whole gap the second step: CMT
# is scored by its teacher, which still lags at this length, and its students are at 0.55 and 0.68 in [lesson 07](07_collaborative_mean_teacher.ipynb). Compare students with students before you credit a step. UMIX has 0.711, its gentle share 0.709, CutMix, which chooses its cells blindly, 0.738, and no mix at all 0.705. Two
# seeds differ by more, and so may two processors: another one had 0.719, 0.726, 0.726 and 0.719 for the same four.
# </details>
# <details><summary>What would be a proof?</summary>
#
# Several fresh seeds, the same labels for all variants, runs long enough to settle, scores on images used for no choice, and
# every variant's settings searched with the same effort.
# </details>
#
# We tried it: five seeds that no choice has seen, 600 iterations, scored on the test images. Each dot is a run, the bar
# their mean:

# %% [markdown] lang="zh" english="43df8abe"
# <details><summary>我们用种子 0 得到的结果</summary>
#
# CMT 的梯度步只有一半，是 0.48；UCMT 的各个变体在 0.70 与 0.74 之间。混进去的是什么，看不出来。差距也不全是第二步的作用：CMT 由它的教师来评分，而教师在这个长度上仍然落后；在[第 07 课](07_collaborative_mean_teacher.ipynb)中，它的学生为 0.55 和 0.68。先让学生与学生相比，再谈哪一步的功劳。UMIX 为 0.711，温和的比例为 0.709，盲目选格子的 CutMix 为 0.738，完全不混合为 0.705。两个种子之间的差别都比这大，两种处理器之间也可能如此：在另一种处理器上，同样的四次训练为 0.719、0.726、0.726、0.719。
# </details>
# <details><summary>怎样才算证明？</summary>
#
# 几个全新的种子；各个变体用相同的标注；训练长到稳定下来；用没有参与任何选择的图像来打分；每个变体的设置都以同样的力度搜索过。
# </details>
#
# 我们试过：五个没有参与任何选择的种子，各 600 次迭代，在测试图像上打分。每个点是一次训练，横线是它们的均值：

# %%
ablation = results.load_runs(results.kept("recipe_mixes") / "runs.parquet")
evidence.plot_scores(ablation)

# %% [markdown] lang="zh" english="0881a6e0"
# > **图：** 各个变体的 Dice，种子间的均值与 {1} % 区间；phantom_heart，{2} 张有标注，边长 {3}，测试图像：不混合 {4}（{5} 至 {6}），UMIX {7}（{8} 至 {9}），CutMix {10}（{11} 至 {12}），噪声 {13}（{14} 至 {15}）。

# %% [markdown]
# UMIX 0.822, CutMix 0.820, no mix 0.811, *noise* (added in place of moved cells) 0.794. Noise is behind both mixes that move cells in all five seeds, by 0.028 and
# 0.026 in the mean. The rest is not told apart: UMIX minus no mix is +0.010, from -0.016 to +0.037, and whether cells are chosen, as by UMIX, or drawn, as by CutMix, does not show. CMT, which takes no second step, has
# 0.773 with as many iterations: most of what UCMT has over it comes with the second step ([recipe_mixes](../results/recipe_mixes/README.md)). Under an earlier recipe (batch norm, no small moves of the images) no mix was ahead of another, noise neither. Would it be
# so with more classes, larger images, longer runs? A sweep of yours can tell ([lesson 91](91_results.ipynb)). How many cells should move, and how
# large, was asked under that recipe ([heart_umix](../results/heart_umix/README.md)): where more than 3 % of the image may change, the means are lower. At an equal share, an eighth, cells of 4, 8 and 16 pixels ended at 0.722, 0.719 and 0.715 (three seeds): no size stood out. (The pictures of this lesson move up to an eighth: one sees more.)
#
# ## What can go wrong
#
# The teacher follows **both** students, but in the public code not equally: 0.99 of student 1 and 0.01 of student 2. Why not
# halves? Try:

# %% [markdown] lang="zh" english="f63e630c"
# UMIX 0.822，CutMix 0.820，不混合 0.811，*噪声*（不移动格子，而是加上噪声）0.794。在全部五个种子中，噪声都落后于两种移动格子的混合，平均差 0.028 和 0.026。其余的分不出高下：UMIX 减不混合为 +0.010，区间从 -0.016 到 +0.037；UMIX 挑选格子而 CutMix 不挑，也看不出差别。CMT 没有第二步，迭代次数相同时为 0.773：UCMT 比它多出的，大半来自第二步（[recipe_mixes](../results/recipe_mixes/README.md)）。在以前的一套配方下（批归一化，图像不作小幅移动），没有哪种混合领先，噪声也不落后。如果类别更多、图像更大、训练更长，还会这样吗？你自己做一次扫描就能知道（[第 91 课](91_results.ipynb)）。应该移动多少格子、格子要多大，是在那套配方下问的（[heart_umix](../results/heart_umix/README.md)）：图像可能改变的部分超过 3 % 时，均值更低。在同样的比例（八分之一）下，4、8、16 像素的格子终点为 0.722、0.719、0.715（三个种子）：没有哪种大小特别突出。（本课的图中至多移动八分之一：看得更清楚。）
#
# ## 可能出什么错
#
# 教师跟随**两个**学生，但在公开代码中并不平均：学生 1 占 0.99，学生 2 占 0.01。为什么不各占一半？试试看：

# %% tags=["hide-output"]
half = {**settings, "ema_share": (0.5, 0.5)}
curves = train(RunConfig(iterations=iterations // 2, seed=seed, settings=half)).trace.curves
networks = ("student1", "student2", "teacher")
print({name: round(float(curves[f"dice/{name}"][-1]), 2) for name in networks})

# %% [markdown]
# The teacher finds nothing at all, while its students are on their way. (After 600 iterations, under the earlier recipe, such a teacher was at 0.08 in the mean of five seeds, where 0.99 and 0.01 gave 0.77: [the
# runs](../results/heart_share/README.md).) A likely reason: networks that started apart have their
# hidden units in different order, so the average of their weights is the average of two different programs. The smallest
# network that shows it has two weights, $f(x) = w_1 w_2 x$. Two students can be right in two different
# valleys, at $(1, 1)$ and at $(-1, -1)$, and halfway between them lies $(0, 0)$, which knows nothing:

# %% [markdown] lang="zh" english="ee4d1dd8"
# 教师什么也没找到，而它的学生都已上路。（在以前的那套配方下，600 次迭代之后，这样的教师在五个种子上平均为 0.08，而 0.99 与 0.01 的份额得到 0.77：见[这些训练](../results/heart_share/README.md)。）可能的原因是：起点不同的网络，隐藏单元的次序也不同，所以对它们的权重取平均，就是对两个不同的程序取平均。能看出这一点的最小网络有两个权重，$f(x) = w_1 w_2 x$。两个学生可以在两个不同的山谷里都对，一个在 $(1, 1)$，一个在 $(-1, -1)$；两者正中间是 $(0, 0)$，它什么也不知道：

# %% tags=["explorer"]
from ucmt_lite.explore import ema

lab = ema.widget(share=(0.5, 0.5), same_valley=True)
measure = f"mean loss of the last {ema.WINDOW} steps"
question = "If both students start in the same valley instead: whose loss is the smallest in the end?"
predict_first(lab, a_choice(question, ema.last_losses(lab.paths), min, measure))

# %% [markdown] lang="zh" english="44f2ae98"
# > **图：** 如果两个学生改为从同一个山谷出发：最后谁的损失最小？
# >
# > <details><summary>答案</summary>答案是教师。最后 {1} 步的平均损失：教师 {2}，学生 {3} 为 {4}，学生 {5} 为 {6}。衰减率为 {7} 的教师（大约记得 {8} 步），以 {9} % 和 {10} % 跟随两个学生，它们从同一个山谷出发。最后 {11} 步的平均损失：学生 {12} 为 {13}，学生 {14} 为 {15}，教师为 {16}。教师比它的两个学生都好。</details>

# %% [markdown]
# Take the tick from *start in the same valley*, and see the teacher of our run. Students of a UCMT start apart on purpose. So in the public code, and here, the "collaborative" teacher is, to a hundredth, student 1's mean
# teacher.
#
# ## Paper, reference code, here
#
# | | paper (figure) | reference code | here |
# |---|---|---|---|
# | loss | its section on methods was not at hand | Dice alone | half cross-entropy, half Dice, for every method |
# | unsupervised terms | plain sums | halves of the sums times 0.1, so 0.05 on plain sums | plain sums times 0.15 |
# | cells that change | its section on methods was not at hand | at most 4 of 256 | at most 4 of 256; at most 8 of 64 in this lesson's pictures |
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

# %% [markdown] lang="zh" english="2da9d2dd"
# 去掉“start in the same valley”（从同一个山谷出发）前的勾，看看我们那次训练里的教师。UCMT 的学生是有意从不同的起点出发的。所以，在公开代码中，在这里也一样，“协同”的教师其实就是学生 1 的平均教师，相差只在百分之一。
#
# ## 论文、参考代码与本工具包
#
# | | 论文（图） | 参考代码 | 本工具包 |
# |---|---|---|---|
# | 损失 | 手头没有方法部分 | 只用 Dice | 一半交叉熵，一半 Dice，每种方法都一样 |
# | 无监督项 | 直接求和 | 和的一半乘以 0.1，相当于直接求和乘以 0.05 | 直接求和乘以 0.15 |
# | 改变的格子 | 手头没有方法部分 | 256 格中至多 4 格 | 256 格中至多 4 格；本课的图中是 64 格中至多 8 格 |
# | 第 1 步中有标注图像的视图 | 一个 X | 弱（2D），强（3D） | 强 |
# | 第 2 步中教师的标签 | 在混合后的图像上预测 | 由第 1 步移动而来 | 由第 1 步移动而来 |
# | 教师 | 跟随两个学生 | 0.99 和 0.01 | 0.99 和 0.01 |
#
# ## 小结
#
# - 不确定性是两个预测的均值的熵：犹豫和矛盾都算在内。
# - UMIX 把确定的格子贴到不确定的格子上，图像、掩膜和伪标签都一样。
# - UCMT 是每次迭代做两遍 CMT，第二遍用混合后的图像。
# - 比较时必须说明，相等的是迭代次数还是梯度步数。
#
# **思考题：** 为什么均值的熵看得到矛盾，而熵的均值看不到？`top_k=0` 的 UMIX 是什么？论文的各个部分中，你会先去掉哪一个，又怎样检验？
#
# <details><summary>答案</summary>
#
# 两个有把握的网络，各自的熵都为零，所以熵的均值也为零；而在它们互相矛盾的地方，概率的均值一分为二。它就是用原样的图像走第二步，不作混合。最后一问：用全新的种子，每次只改变一样东西，在没有参与任何选择的图像上打分。
# </details>
#
# **参考文献：** Shen et al., *Co-training with High-Confidence Pseudo Labels for Semi-supervised Medical Image Segmentation*, IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465).
#
# **下一课：** 这样的比较能说明什么，不能说明什么，见[公平的比较](10_fair_comparison.ipynb)。
