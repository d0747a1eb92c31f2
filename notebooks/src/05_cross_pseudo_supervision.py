# %% [markdown]
# # Cross pseudo supervision: two networks teach each other
#
# A network that learns from its own guesses believes its own mistakes. A second network has opinions of its own. **Cross
# pseudo supervision** (CPS; Chen et al., 2021) lets each learn from the other: what one decides, sure or not, becomes
# the label for the other.
#
# In this lesson you will
#
# - see two networks, trained on the same four labels, and compare their mistakes;
# - write the **pseudo label** and the cross loss, and have both checked;
# - measure **disagreement**, the curve that the UCMT paper is built on;
# - watch what happens to it over training, and why that is a danger.

# %% [markdown] lang="zh" english="87944766"
# # 交叉伪监督：两个网络互相教学
#
# 只向自己的猜测学习的网络，会相信自己的错误。第二个网络有自己的看法。**交叉伪监督**（CPS；Chen et al., 2021）让它们互相学习：一个网络的判断，不管有没有把握，都成为另一个网络的标签。
#
# 本课中你将
#
# - 看到用同样四个标注训练的两个网络，并比较它们的错误；
# - 写出**伪标签**和交叉损失，并让程序检查；
# - 测量**分歧**，UCMT 论文立论所依据的那条曲线；
# - 观察它在训练中怎样变化，以及为什么其中有危险。

# %% tags=["parameters"]
iterations = 200
seed = 0

# %% [markdown]
# ## The question
#
# > Two networks, same labels, same architecture, another random start. Do they make the same mistakes?
#
# We train two networks that get the same labeled images in the same order, but other first weights and other random changes
# of contrast, and let both outline the same unseen heart.

# %% [markdown] lang="zh" english="bbede69d"
# ## 问题
#
# > 两个网络，标注相同，结构相同，随机起点不同。它们会犯同样的错误吗？
#
# 我们训练两个网络：它们以相同的次序看到相同的有标注图像，但初始权重不同，随机的对比度改变也不同。然后让两者勾画同一颗没见过的心脏。

# %%
from ucmt_lite import RunConfig, train

common = {"method": "cps", "iterations": iterations, "seed": seed}
run = train(RunConfig(**common, settings={"weight": 0.0}))

# %% [markdown]
# A weight of 0 takes the unlabeled images out of the loss, so these two never meet: they are called CPS below, and are two baselines, **strangers**.

# %% [markdown] lang="zh" english="4b8e9ab4"
# 权重为 0，无标注图像就不进入损失，所以这两个网络从未相遇：下图称它们为 CPS，其实是两个基线，两个**陌生人**（strangers）。

# %%
from ucmt_lite.explore import training

training.figure(run.trace, image=1)

# %% [markdown] lang="zh" english="39ddb25d"
# > **图：** CPS 训练 {1} 次迭代后，在探针图像 {2} 上：学生 {3} 的 Dice 为 {4}，学生 {5} 为 {6}。学生 {7} 与学生 {8} 在 {9} % 的像素上不同。平均不确定性为 {10} 奈特，在距真实边界两个像素以内为 {11}。

# %% [markdown]
# <details><summary>Answer</summary>
#
# In part. After so short a training both still miss much of this large heart. Where they differ, on 8.9 % of the pixels, at least one is
# wrong and the other may know better: that is what there is to gain. Where both are wrong together, neither can help.
# </details>
#
# ## Pseudo labels
#
# A **pseudo label** is a network's own decision, used as if an expert had drawn it:
#
# $$\hat y_1 = \arg\max_k\; s_1(u_1)_k, \qquad \hat y_2 = \arg\max_k\; s_2(u_2)_k$$
#
# for the two networks $s_1$, $s_2$ and two strong views $u_1$, $u_2$ of one unlabeled image (they came up in the lesson on
# Mean Teacher). It is a target, so no gradient may flow back through it.
#
# ### Exercise 1: write it
#
# *Easy, about 3 minutes.* From logits `B K H W` (or `B K D H W`) to class indices `B H W` (or `B D H W`).

# %% [markdown] lang="zh" english="58af04bb"
# <details><summary>答案</summary>
#
# 有一部分相同。训练这么短，两者都还漏掉了这颗大心脏的许多部分。它们在 8.9 % 的像素上不同；在这些地方，至少有一个错了，而另一个也许懂得更多：能够争取的就在这里。两者一起错的地方，谁也帮不了谁。
# </details>
#
# ## 伪标签
#
# **伪标签**是网络自己的决策，拿来当作专家画的标签使用：
#
# $$\hat y_1 = \arg\max_k\; s_1(u_1)_k, \qquad \hat y_2 = \arg\max_k\; s_2(u_2)_k$$
#
# 其中 $s_1$、$s_2$ 是两个网络，$u_1$、$u_2$ 是同一张无标注图像的两个强增强视图（在 Mean Teacher 那一课讲过）。它是目标，所以不能有梯度经由它往回流。
#
# ### 练习 1：写出来
#
# *简单，约 3 分钟。* 由 logits `B K H W`（或 `B K D H W`）得到类别编号 `B H W`（或 `B D H W`）。

# %% tags=["exercise"]
def my_pseudo_label(logits):
    # solution
    return logits.detach().argmax(dim=1)


# %% tags=["check"]
from ucmt_lite.course.checks import check_pseudo_label

check_pseudo_label(my_pseudo_label)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# The class axis is number 1.
# </details>
# <details><summary>Hint 2</summary>
#
# An argmax has no gradient of its own; `detach` makes it explicit for the next reader.
# </details>

# %% [markdown] lang="zh" english="28022cd7"
# <details><summary>提示 1</summary>
#
# 类别轴是轴 1。
# </details>
# <details><summary>提示 2</summary>
#
# argmax 本来就没有梯度；写上 `detach`，下一位读者就看得明白。
# </details>

# %% [markdown]
# ## The cross
#
# Each network is trained on the other's pseudo label:
#
# $$L_\text{cps} = \ell\big(s_1(u_1), \hat y_2\big) + \ell\big(s_2(u_2), \hat y_1\big)$$
#
# ### Exercise 2: write the loss
#
# *Medium, about 6 minutes.* Take the cross-entropy alone for $\ell$ here (`F.cross_entropy(logits, target)`), and your
# `my_pseudo_label`.

# %% [markdown] lang="zh" english="5fc1662c"
# ## 交叉
#
# 每个网络都用对方的伪标签来训练：
#
# $$L_\text{cps} = \ell\big(s_1(u_1), \hat y_2\big) + \ell\big(s_2(u_2), \hat y_1\big)$$
#
# ### 练习 2：写出损失
#
# *中等，约 6 分钟。* 这里 $\ell$ 只用交叉熵（`F.cross_entropy(logits, target)`），再用上你的 `my_pseudo_label`。

# %% tags=["exercise"]
import torch
import torch.nn.functional as F


def my_cross_pseudo_supervision(logits1, logits2):
    # solution
    to_1 = F.cross_entropy(logits1, my_pseudo_label(logits2))
    to_2 = F.cross_entropy(logits2, my_pseudo_label(logits1))
    return to_1 + to_2


# %% tags=["check"]
from ucmt_lite.course.checks import check_cross_pseudo_supervision

check_cross_pseudo_supervision(my_cross_pseudo_supervision)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Two terms. In the first, network 1 is the one that learns: its logits come first, the target is network 2's.
# </details>
# <details><summary>Hint 2</summary>
#
# The sum, not the mean: the paper adds the two directions.
# </details>

# %% [markdown] lang="zh" english="5d4e3739"
# <details><summary>提示 1</summary>
#
# 一共两项。第一项里学习的是网络 1：它的 logits 放在前面，目标来自网络 2。
# </details>
# <details><summary>提示 2</summary>
#
# 是求和，不是求平均：论文把两个方向相加。
# </details>

# %% [markdown]
# The whole method, as the kit has it:

# %% [markdown] lang="zh" english="bde50887"
# 完整的方法，在工具包里是这样写的：

# %%
from ucmt_lite.explore.draw.picture import show_source
from ucmt_lite.methods.cps import cps

show_source(cps)

# %% [markdown]
# ## Disagreement
#
# How far apart are two networks? The UCMT paper draws a Dice loss between the two. The kit takes one minus the Dice of their decisions:
#
# $$D = 1 - \mathrm{Dice}(\hat y_1, \hat y_2)$$
#
# The curves of the kit average this over the images and over all classes, background included; a class that neither network
# sees counts as agreement.
#
# ### Exercise 3: write it for one class
#
# *Easy, about 4 minutes.* Two boolean masks in, a number out. (As before, leave two empty masks aside.)

# %% [markdown] lang="zh" english="19d86bef"
# ## 分歧
#
# 两个网络相距多远？UCMT 论文画出的是两者之间的 Dice 损失。工具包取的是一减去它们的决策的 Dice：
#
# $$D = 1 - \mathrm{Dice}(\hat y_1, \hat y_2)$$
#
# 工具包的曲线对图像和所有类别求平均，背景也包括在内；两个网络都没有看到的类别，算作一致。
#
# ### 练习 3：写出单个类别的分歧
#
# *简单，约 4 分钟。* 输入两个布尔掩膜，输出一个数。（同以前一样，不考虑两个掩膜都为空的情形。）

# %% tags=["exercise"]
def my_disagreement(mask1, mask2):
    # solution
    both = (mask1 & mask2).sum()
    return 1 - 2 * both / (mask1.sum() + mask2.sum())


# %% tags=["check"]
from ucmt_lite.course.checks import check_disagreement

check_disagreement(my_disagreement)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# It is `my_dice` of the first lesson, with two predictions instead of a prediction and the truth.
# </details>

# %% [markdown] lang="zh" english="264e9d74"
# <details><summary>提示 1</summary>
#
# 它就是第一课的 `my_dice`，只是比较的不是预测与真值，而是两个预测。
# </details>

# %% [markdown]
# ## What nobody corrects
#
# Where the two differ, at least one is wrong, and the other may teach it. Where both give the *same* wrong class there is nobody to say so.
#
# ### Exercise 4: the pixels CPS cannot correct
#
# *Easy, about 4 minutes.* Three tensors of class indices in. Return the share of pixels on which both networks name the same class, and it is wrong.

# %% [markdown] lang="zh" english="6659aea9"
# ## 没有人纠正的错误
#
# 两者不同的地方，至少有一个错了，另一个也许能教它。两者给出*同一个*错误类别的地方，就没有人来指出了。
#
# ### 练习 4：CPS 无法纠正的像素
#
# *简单，约 4 分钟。* 输入三个类别编号的张量。返回两个网络给出同一类别、而这个类别又是错的像素所占的比例。

# %% tags=["exercise"]
def my_never_corrected(label1, label2, truth):
    # solution
    return ((label1 == label2) & (label1 != truth)).float().mean()


# %% tags=["check"]
from ucmt_lite.course.checks import check_never_corrected

check_never_corrected(my_never_corrected)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Two conditions at once: `(label1 == label2) & (label1 != truth)`. Two networks may both be wrong and still contradict each other.
# </details>

# %% [markdown] lang="zh" english="06dced6a"
# <details><summary>提示 1</summary>
#
# 两个条件要同时成立：`(label1 == label2) & (label1 != truth)`。两个网络有可能都错了，却仍然互相矛盾。
# </details>

# %% [markdown]
# For the two strangers of above, on the three watched images whose masks the run keeps (8.9 % was one of them):

# %% [markdown] lang="zh" english="e3360813"
# 对上面那两个陌生的网络，在训练保留了掩膜的三张观察图像上（8.9 % 说的是其中一张）：

# %%
strangers = run.trace
last1, last2 = (torch.from_numpy(strangers.predictions[name][-1]) for name in ("student1", "student2"))
truth = torch.from_numpy(strangers.truth)
print(f"differ: {(last1 != last2).float().mean():.1%} of the pixels")
print(f"the same wrong class: {((last1 == last2) & (last1 != truth)).float().mean():.1%}")

# %% [markdown]
# ## Watch it
#
# Student and teacher of a Mean Teacher start as one, the two networks of CPS start as strangers. Which two will be further apart on
# the way, and which in the end? And is coming closer always good?
#
# Below are recorded runs of 600 iterations on four labels. The line is the mean of five seeds, the band spans them. (`supervised` is
# one network, so its disagreement is 0 by definition.)

# %% [markdown] lang="zh" english="2eb4f3b3"
# ## 观察它
#
# Mean Teacher 的学生和教师起初是同一个网络，CPS 的两个网络起初互不相识。途中哪两个相距更远，最后又是哪两个？靠近总是好事吗？
#
# 下面是用四个标注、各 600 次迭代的已记录训练。线是五个种子的均值，色带是它们的范围。（`supervised` 只有一个网络，所以按定义，它的分歧是 0。）

# %% tags=["explorer"]
from ucmt_lite.explore import compare
from ucmt_lite.explore.predict_first import a_choice, predict_first, where_they_differ
from ucmt_lite.training import traces

methods = ("supervised", "mean_teacher", "cps")
runs = {m: [traces.recorded(f"heart_{m}_{n}") for n in range(50, 55)] for m in methods}
apart = compare.values_at({m: runs[m] for m in methods[1:]}, "disagreement", 200)
question = "After 200 of the 600 iterations: which two differ more, in the mean of five seeds?"
answer = a_choice(question, apart, max, "disagreement after 200 iterations")
predict_first(compare.widget(runs), answer)

# %% [markdown] lang="zh" english="6e05268f"
# > **图：** 在 {2} 次迭代中的第 {1} 次之后，哪两个网络相差更大（取五个种子的均值）？
# >
# > <details><summary>答案</summary>答案是 Mean Teacher。{3} 次迭代之后的分歧：Mean Teacher {4}，CPS {5}。训练过程中的曲线，每条线 {6} 次训练。结束时的分歧：有监督 {7}，Mean Teacher {8}，CPS {9}；不确定性：有监督 {10}，Mean Teacher {11}，CPS {12}；Dice：有监督 {13}，Mean Teacher {14}，CPS {15}。</details>

# %%
from ucmt_lite.experiments import scores

scores.table(runs)

# %% [markdown]
# CPS, scored by its student 1, ends above the baseline in each of the five seeds, by 0.07 to 0.23. Mean Teacher does so in two. (Only one of its two networks is scored. The mean of both, an **ensemble**, would be better still, most likely; whoever scores that owes the baseline the same: two strangers, averaged.)
#
# Look at disagreement again. Does a teacher differ from its student as a second network does?
#
# <details><summary>Answer</summary>
#
# A teacher starts as its student, but it lags within twenty steps, and around step 200 the two differ *more* than the
# two networks of CPS do (0.24 against 0.15). And the meaning is another: a lagging teacher differs because it is
# *late*, a second network because it is *other*. And whatever the meaning, the curves fall: by the end the two networks of
# CPS differ by 0.05, student and teacher by 0.02.
# </details>
#
# Now both kinds of run side by side, on one image. Draw first, then drag, and look for what no curve of disagreement shows: where
# are both networks of CPS wrong together?

# %% [markdown] lang="zh" english="be206055"
# CPS 由它的学生 1 来评分，五个种子中每一个都高于基线，高出 0.07 至 0.23。Mean Teacher 只在两个种子上做到。（评分的只是两个网络中的一个。取两者的平均，即**集成**，多半还会更好；谁用它来评分，就应当让基线也这样做：把两个陌生人平均起来。）
#
# 再看分歧。教师与学生的不同，和第二个网络的不同，是一回事吗？
#
# <details><summary>答案</summary>
#
# 教师起初就是学生，但不到二十步就已落后；在第 200 步前后，两者的差别比 CPS 的两个网络*更大*（0.24 对 0.15）。含义也不同：落后的教师之所以不同，是因为它来得*晚*；第二个网络之所以不同，是因为它是*另一个*。无论含义如何，曲线都在下降：到最后，CPS 的两个网络相差 0.05，学生与教师相差 0.02。
# </details>
#
# 下面在同一张图像上并排比较这两种训练。先画，再拖动滑块，看看分歧曲线显示不了的东西：CPS 的两个网络在哪里一起错了？

# %% tags=["explorer"]
pair = [runs["mean_teacher"][0], runs["cps"][0]]
question = "Where will the two networks of CPS still differ at the end? Draw it, then give your answer."
predict_first(training.widget(pair, image=1), where_they_differ(pair[1], image=1), question)

# %% [markdown] lang="zh" english="0ed261d2"
# > **图：** CPS 的两个网络到最后还会在哪里不同？先画出来，再给出答案。
# >
# > <details><summary>答案</summary>两个学生在 {1} % 的像素上有分歧；其中十分之九位于图像从上往下 {2} 至 {3} % 之间，十分之九位于从左往右 {4} 至 {5} % 之间。Mean Teacher 训练 {6} 次迭代后，在探针图像 {7} 上：学生 {8} 的 Dice 为 {9}，教师为 {10}。学生 {11} 与教师在 {12} % 的像素上不同。平均不确定性为 {13} 奈特，在距真实边界两个像素以内为 {14}。CPS 训练 {15} 次迭代后，在探针图像 {16} 上：学生 {17} 的 Dice 为 {18}，学生 {19} 为 {20}。学生 {21} 与学生 {22} 在 {23} % 的像素上不同。平均不确定性为 {24} 奈特，在距真实边界两个像素以内为 {25}。</details>

# %% [markdown]
# ## What can go wrong
#
# Once the two agree everywhere, each hears only itself: **co-training**, two networks that teach each other, has become **self-training**, and a mistake both make
# is never corrected. The authors of UCMT start from this observation. Does it happen here? In one pair (*eager*) the ramp-up is switched off and the
# weight is ten times as high, beside the usual CPS (*calm*) and the two *strangers* from the start of this lesson, which never met. Which
# of the three curves below would you trust? (Disagreement and Dice are those of the 16 probe images.)

# %% [markdown] lang="zh" english="37f6a2a6"
# ## 可能出什么错
#
# 一旦两者处处一致，每一个听到的就只有自己：**协同训练**（两个网络互相教）变成了**自训练**，两者共有的错误再也不会得到纠正。UCMT 的作者正是从这一观察出发的。这里会发生吗？其中一对关掉权重爬升，权重加大到十倍，称为*急切的*一对（eager）；旁边放上平常的 CPS，称为*平静的*一对（calm），以及本课开头那两个从未相遇的*陌生人*（strangers）。下面三条曲线中，你会相信哪一条？（分歧和 Dice 都来自 16 张探针图像。）

# %% tags=["hide-output"]
eager = train(RunConfig(**common, ramp=0.0, settings={"weight": 10.0}))
calm = train(RunConfig(**common))
runs = {"strangers": [run.trace], "calm": [calm.trace], "eager": [eager.trace]}
compare.figure(runs, ["disagreement", "loss/sup", "dice"])

# %% [markdown] lang="zh" english="f262d48f"
# > **图：** 先想好答案，再展开。
# >
# > <details><summary>图中的数字</summary>训练过程中的曲线，每条线一次训练。结束时的分歧：陌生人 {1}，平静 {2}，急切 {3}；有标注图像上的损失（loss/sup）：陌生人 {4}，平静 {5}，急切 {6}；Dice：陌生人 {7}，平静 {8}，急切 {9}。</details>

# %% [markdown]
# <details><summary>Answer</summary>
#
# The eager pair soon agrees on nearly every pixel, and is wrong on nearly all of the heart: each confirms the other. Disagreement praises it. The
# loss on the four *labeled* images tells on it: look there before you trust agreement. The calm pair is ahead of the strangers already
# after these few iterations (0.66 against 0.52).
# </details>
#
# Two things were changed at once for the eager pair. Which of them is it? Change one back.
#
# <details><summary>What we got with seed 0</summary>
#
# The weight. With the ramp-up and ten times the weight the pair is nearly as blind (Dice 0.16, a disagreement of 0.06); with the usual weight and no
# ramp-up it ends where the calm pair does (0.64 against 0.66).
# </details>
#
# ## Paper, reference code, here
#
# | | paper and its code (TorchSemiSeg) | SSL4MIS | here |
# |---|---|---|---|
# | images | labeled and unlabeled | unlabeled | unlabeled; the labeled ones are among them |
# | loss on pseudo labels | cross-entropy | cross-entropy | the kit's one loss, half cross-entropy and half Dice |
# | weight | 1.5 on PASCAL VOC (photographs of 20 kinds of objects), from the start | 0.1, after a long ramp-up | 1, after a ramp-up |
# | views | CutMix (pieces pasted from another image, [lesson 08](08_umix.ipynb)) in its best setting | one view | two strong views |
#
# ## Recap
#
# - Two networks with different starts err partly in different places, and there they can correct each other.
# - A pseudo label is a decision without a gradient.
# - Disagreement is one minus the Dice of the two decisions.
# - Agreement is not truth: two networks that agree too early stop learning from each other.
#
# **Questions.** Why must the two networks start apart? What would CPS be if both had the same weights? Which pixels can
# CPS never correct?
#
# <details><summary>Answers</summary>
#
# From one start, with one view, they would make the same mistakes and have nothing to tell each other. With the same weights it
# would be self-training: learning one's own decisions. Those on which both are wrong in the same way.
# </details>
#
# **References.** Chen et al., *Semi-supervised semantic segmentation with cross pseudo supervision*, CVPR 2021,
# [arXiv 2106.01226](https://arxiv.org/abs/2106.01226).
#
# **Next:** what a network knows of its own errors, in [disagreement and uncertainty](06_disagreement_and_uncertainty.ipynb).

# %% [markdown] lang="zh" english="d129c12a"
# <details><summary>答案</summary>
#
# 急切的一对很快就在几乎每个像素上达成一致，而对心脏几乎处处判错：它们互相肯定。分歧这条曲线却在夸奖它们。四张*有标注*图像上的损失揭穿了它们：在相信一致之前，先看看那里。只经过这么少的迭代，平静的一对就已经领先于陌生人（0.66 对 0.52）。
# </details>
#
# 急切的一对同时改了两样东西。起作用的是哪一样？把其中一样改回去试试。
#
# <details><summary>我们用种子 0 得到的结果</summary>
#
# 是权重。有权重爬升而权重为十倍时，这一对几乎同样盲目（Dice 为 0.16，分歧为 0.06）；权重如常而没有权重爬升时，它的终点与平静的一对相当（0.64 对 0.66）。
# </details>
#
# ## 论文、参考代码与本工具包
#
# | | 论文及其代码（TorchSemiSeg） | SSL4MIS | 本工具包 |
# |---|---|---|---|
# | 图像 | 有标注和无标注 | 无标注 | 无标注；有标注的图像也在其中 |
# | 伪标签上的损失 | 交叉熵 | 交叉熵 | 工具包统一的损失，一半交叉熵，一半 Dice |
# | 权重 | 在 PASCAL VOC（20 类物体的照片）上为 1.5，从头开始 | 0.1，经过很长的权重爬升 | 1，经过权重爬升 |
# | 视图 | 最好的设置中用 CutMix（从另一张图像贴来的块，[第 08 课](08_umix.ipynb)） | 一个视图 | 两个强增强视图 |
#
# ## 小结
#
# - 起点不同的两个网络，犯错的地方有一部分不同，在那里可以互相纠正。
# - 伪标签是不带梯度的决策。
# - 分歧等于一减去两者决策之间的 Dice。
# - 一致不等于正确：过早达成一致的两个网络，就不再互相学习了。
#
# **思考题：** 为什么两个网络必须从不同的起点出发？如果两者权重相同，CPS 会是什么？哪些像素是 CPS 永远纠正不了的？
#
# <details><summary>答案</summary>
#
# 如果起点相同，视图也只有一个，它们会犯同样的错误，没有什么可以告诉对方。权重相同时，它就是自训练：学习自己的决策。纠正不了的，是两者错得一样的像素。
# </details>
#
# **参考文献：** Chen et al., *Semi-supervised semantic segmentation with cross pseudo supervision*, CVPR 2021, [arXiv 2106.01226](https://arxiv.org/abs/2106.01226).
#
# **下一课：** 网络对自己的错误知道多少，见[分歧与不确定性](06_disagreement_and_uncertainty.ipynb)。
