# %% [markdown]
# # Mean Teacher: learn from your own past
#
# How can an image without a label teach anything? By an old trick: whatever is in the image, the answer should not
# change when the contrast does. **Mean Teacher** (Tarvainen & Valpola, 2017) asks a *student* network to say the same about
# a changed image as a calmer network, its *teacher*, says about the plain one. And the teacher is nothing but the
# average of the student's own past.
#
# In this lesson you will
#
# - see the **views** of an image that consistency is built on;
# - write the teacher's update and the consistency loss, and have both checked;
# - train a Mean Teacher on four labels, and look at where student and teacher differ;
# - see what the average does when it follows too fast or too slowly.

# %% [markdown] lang="zh" english="437a06a0"
# # Mean Teacher（平均教师）：向自己的过去学习
#
# 没有标注的图像能教什么？靠一个老办法：无论图像里是什么，改变对比度，答案不应该跟着变。**Mean Teacher**（Tarvainen & Valpola, 2017）让*学生*网络看改动过的图像，让更沉稳的*教师*网络看原样的图像，要求两者说法一致。而教师不是别的，正是学生自己过去的平均。
#
# 本课中你将
#
# - 看到一致性所依据的东西：一张图像的几个**视图**；
# - 写出教师的更新和一致性损失，并让程序检查；
# - 用四个标注训练 Mean Teacher，看看学生与教师在哪里不同；
# - 看看平均跟得太快或太慢时会怎样。

# %% tags=["parameters"]
iterations = 200
ema_decay = 0.99
seed = 0

# %% [markdown]
# ## The question
#
# > Nobody outlined these hearts. Can a network still be wrong about them, in a way we can measure?
#
# It can contradict itself. Below, one unlabeled image three times: as it is up to a flip, a turn, a little zoom and shift (the
# **weak view**), and twice with changed contrast, brightness, sharpness and noise (**strong views**). The anatomy is the same in all
# three, so three different outlines cannot all be right.

# %% [markdown] lang="zh" english="da1d6c90"
# ## 问题
#
# > 没有人画过这些心脏的轮廓。网络对它们仍会出错吗？而且是以我们量得出来的方式？
#
# 它可能自相矛盾。下面是同一张无标注图像的三个样子：一个只经过翻转、旋转、少许缩放和平移（**弱增强视图**），另两个还改变了对比度、亮度、清晰度并加了噪声（**强增强视图**）。三者的解剖结构相同，所以三条不同的轮廓不可能都对。

# %%
from ucmt_lite.data import Batches, cases, load, split_labeled

source = load("phantom_heart", size=64)
train_set = cases(source.splits["train"])
labeled, unlabeled = split_labeled(train_set.ids, train_set.groups, labeled=4, seed=seed)
batch = Batches(train_set.select(labeled), train_set.select(unlabeled), seed=seed)(0)

# %%
from ucmt_lite.explore.draw.picture import images

images({"weak view u": batch.u[0], "strong view u1": batch.u1[0], "strong view u2": batch.u2[0]})

# %% [markdown] lang="zh" english="4676b041"
# > **图：** 并排的几张图像：弱增强视图 u（平均亮度 {1}，明亮部分在纵向 {2} 至 {3} %、横向 {4} 至 {5} % 处）、强增强视图 u{6}（平均亮度 {7}，明亮部分在纵向 {8} 至 {9} %、横向 {10} 至 {11} % 处）和强增强视图 u{12}（平均亮度 {13}，明亮部分在纵向 {14} 至 {15} %、横向 {16} 至 {17} % 处）。

# %% [markdown]
# All three share one flip, turn, zoom and shift. Grey values change from view to view, positions do not. That is why a **pseudo label**, a label that a network made, is
# still valid on the other views.
#
# ## The teacher
#
# Let $\theta_s$ be the student's weights and $\theta_t$ the teacher's. After each step of the student the teacher moves a
# little towards it, an **exponential moving average** (EMA):
#
# $$\theta_t \leftarrow \alpha\,\theta_t + (1 - \alpha)\,\theta_s, \qquad
#   \alpha = \min\!\left(1 - \frac{1}{n + 1},\ \alpha_{\max}\right)$$
#
# $n$ counts the steps from 0, and $\alpha_{\max}$ is 0.99 here. At $n = 0$ the teacher simply becomes the student. The student's
# weights of $1 / (1 - \alpha)$ steps ago count about a third as much as today's: at 0.99, a hundred steps. No gradient is involved: the teacher
# is not trained, it follows. (Why the minimum? A teacher that started from weights of its own would still hold 37 % of them after a hundred steps, $0.99^{100}$. With it, it is the plain average of all students so far,
# until $1/(n + 1)$ has fallen to $1 - \alpha_{\max}$.)
#
# ### Exercise 1: write the update
#
# *Medium, about 8 minutes.* Change the teacher's parameters in place. Both networks have the same `.parameters()`.

# %% [markdown] lang="zh" english="8d3dc406"
# 三者用的是同一次翻转、旋转、缩放和平移。灰度在各视图之间不同，位置不变。所以**伪标签**，也就是由网络给出的标签，在其他视图上依然有效。
#
# ## 教师
#
# 设 $\theta_s$ 为学生的权重，$\theta_t$ 为教师的权重。学生每走一步，教师就向它靠近一点，这叫**指数滑动平均**（EMA）：
#
# $$\theta_t \leftarrow \alpha\,\theta_t + (1 - \alpha)\,\theta_s, \qquad
#   \alpha = \min\!\left(1 - \frac{1}{n + 1},\ \alpha_{\max}\right)$$
#
# $n$ 是从 0 数起的步数，$\alpha_{\max}$ 在这里是 0.99。$n = 0$ 时，教师就直接成为学生。学生在 $1 / (1 - \alpha)$ 步之前的权重，分量约为今天的三分之一：取 0.99 时，就是一百步之前。这里没有梯度：教师不是训练出来的，它只是跟随。（为什么要取最小值？若教师从自己的权重出发，一百步之后仍会留下其中的 37 %，即 $0.99^{100}$。取了最小值，在 $1/(n + 1)$ 降到 $1 - \alpha_{\max}$ 之前，它就是至今所有学生的普通平均。）
#
# ### 练习 1：写出更新
#
# *中等，约 8 分钟。* 就地修改教师的参数。两个网络的 `.parameters()` 一一对应。

# %% tags=["exercise"]
import torch


@torch.no_grad()
def my_ema_update(teacher, student, decay, step):
    # solution
    alpha = min(1 - 1 / (step + 1), decay)
    for t, s in zip(teacher.parameters(), student.parameters(), strict=True):
        t.copy_(alpha * t + (1 - alpha) * s)


# %% tags=["check"]
from ucmt_lite.course.checks import check_ema_update

check_ema_update(my_ema_update)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# First compute alpha from `step` and `decay`. Test it in your head: 0 at step 0, 0.5 at step 1, never above `decay`.
# </details>
# <details><summary>Hint 2</summary>
#
# `zip(teacher.parameters(), student.parameters())` gives the pairs.
# </details>
# <details><summary>Hint 3</summary>
#
# `t = ...` would only rename a variable. `t.copy_(...)` writes into the teacher's own memory. Keep `@torch.no_grad()`: torch
# forbids changing weights in place while it records for gradients.
# </details>

# %% [markdown] lang="zh" english="4d999f4e"
# <details><summary>提示 1</summary>
#
# 先由 `step` 和 `decay` 算出 alpha。在心里验算一下：第 0 步为 0，第 1 步为 0.5，从不超过 `decay`。
# </details>
# <details><summary>提示 2</summary>
#
# `zip(teacher.parameters(), student.parameters())` 给出成对的参数。
# </details>
# <details><summary>提示 3</summary>
#
# `t = ...` 只是让变量名指向别处；`t.copy_(...)` 才写进教师自己的内存。保留 `@torch.no_grad()`：torch 在为梯度做记录时，不允许就地修改权重。
# </details>

# %% [markdown]
# The kit's version does the same for one student or several, which is how UCMT will use it:

# %% [markdown] lang="zh" english="1a033981"
# 工具包的写法相同，只是既可以跟随一个学生，也可以跟随几个；UCMT 就是这样用它的：

# %%
from ucmt_lite.core.ema import ema_update
from ucmt_lite.explore.draw.picture import show_source

show_source(ema_update)

# %% [markdown]
# ## The consistency loss
#
# Student and teacher see different views, and each says how probable every class is at every pixel. The student pays the
# mean squared difference:
#
# $$L_\text{con} = \frac{1}{BKN} \sum_{b,k,i} \big(p_{bki} - q_{bki}\big)^2$$
#
# with $p$ of the student and $q$ of the teacher, over $B$ images, $K$ classes and $N$ pixels. The gradient must reach the student **only**. If the teacher were trained on
# this loss too, the two could agree most cheaply by giving every pixel the same probabilities.
#
# Why squares? Cross-entropy with a soft target, and the Kullback-Leibler divergence too, pull at a logit with $p - q$, however sure the student is. The pull of the square is multiplied once more by the softmax's own slope, $p(1 - p)$ with two classes:
# where the student is sure, a target moves it little, right or wrong. So the weights of the two losses cannot be compared.
#
# ### Exercise 2: write the loss
#
# *Medium, about 6 minutes.* Both arguments are **logits**, the raw outputs before the softmax, of shape `B K H W`.

# %% [markdown] lang="zh" english="fee1f179"
# ## 一致性损失
#
# 学生和教师看到不同的视图，各自说出每个像素属于每个类别的概率。学生要付的代价，是两者之差平方的均值：
#
# $$L_\text{con} = \frac{1}{BKN} \sum_{b,k,i} \big(p_{bki} - q_{bki}\big)^2$$
#
# 其中 $p$ 来自学生，$q$ 来自教师，对 $B$ 张图像、$K$ 个类别和 $N$ 个像素求平均。梯度**只**能到达学生。如果教师也用这个损失来训练，两者要达成一致，最省力的办法就是给所有像素同样的概率。
#
# 为什么用平方？以软目标计算的交叉熵（KL 散度也一样），对 logit 的拉力是 $p - q$，不管学生多有把握。平方的拉力还要再乘上 softmax 自身的斜率，两个类别时为 $p(1 - p)$：学生有把握的地方，错的目标几乎推不动它，对的目标也一样。所以两种损失的权重不能互相比较。
#
# ### 练习 2：写出损失
#
# *中等，约 6 分钟。* 两个参数都是 **logits**，即 softmax 之前的原始输出，形状为 `B K H W`。

# %% tags=["exercise"]
def my_consistency(student_logits, teacher_logits):
    # solution
    p = student_logits.softmax(dim=1)
    q = teacher_logits.detach().softmax(dim=1)
    return ((p - q) ** 2).mean()


# %% tags=["check"]
from ucmt_lite.course.checks import check_consistency

check_consistency(my_consistency)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `logits.softmax(dim=1)` turns logits into probabilities over the class axis.
# </details>
# <details><summary>Hint 2</summary>
#
# `.detach()` cuts a tensor off from the gradient. Which of the two sides needs it?
# </details>

# %% [markdown] lang="zh" english="d65ea8a5"
# <details><summary>提示 1</summary>
#
# `logits.softmax(dim=1)` 沿类别轴把 logits 变成概率。
# </details>
# <details><summary>提示 2</summary>
#
# `.detach()` 把一个张量与梯度隔开。两边之中，哪一边需要它？
# </details>

# %% [markdown]
# ## The whole method
#
# The loss of an iteration is $L = \ell(s(x_1), y) + w\,r\,L_\text{con}$: on labeled images $x_1$ with masks $y$ the loss $\ell$ of
# [lesson 02](02_supervised_baseline.ipynb), half cross-entropy and half Dice, and on unlabeled ones the consistency, with a weight $w$ (`weight`, 0.1 here, 1 in the recorded runs) and a ramp $r$ (`clock.ramp`). With
# both parts written, it fits on one screen; `forward(net, a, b)` sends labeled and unlabeled images through a network together. (A minibatch has four labeled images, and four of all 300. With four labels each labeled heart comes in *every* step, in another view, and any other one once in 75 steps: half of the minibatch is kept for labels, or their masks would be drowned.)

# %% [markdown] lang="zh" english="36087620"
# ## 完整的方法
#
# 一次迭代的损失是 $L = \ell(s(x_1), y) + w\,r\,L_\text{con}$：对有标注的图像 $x_1$ 及其掩膜 $y$，用[第 02 课](02_supervised_baseline.ipynb)的损失 $\ell$，即一半交叉熵、一半 Dice；对无标注的图像，用一致性损失，乘上权重 $w$（即 `weight`，这里为 0.1，已记录的训练中为 1）和爬升系数 $r$（即 `clock.ramp`）。两部分都写好之后，整个方法一屏就放得下；`forward(net, a, b)` 让有标注和无标注的图像一起通过网络。（一个小批量里有四张有标注的图像，以及全部 300 张中的四张。只有四个标注时，每张有标注的心脏*每一步*都会出现，每次是另一个视图；其他图像约 75 步才出现一次：小批量的一半留给标注，否则真实的掩膜会被淹没。）

# %%
from ucmt_lite.methods.mean_teacher import mean_teacher

show_source(mean_teacher)

# %% [markdown]
# `minimize` takes one gradient step on the sum of the terms it is given. `clock.ramp` rises from almost 0 to 1 over the
# first half of the run: a network that knows nothing yet should not be asked to agree with itself.
#
# ### Exercise 3: the ramp-up
#
# *Easy, about 4 minutes.* With $n$ iterations done and a ramp-up of length $N$ the factor is
#
# $$r = e^{-5\,(1 - \tau)^2}, \qquad \tau = \min\left(\frac{n}{N},\ 1\right)$$
#
# (Laine & Aila, 2017). Return it as a number.

# %% [markdown] lang="zh" english="1a4cb431"
# `minimize` 对给它的各项之和走一个梯度步。`clock.ramp` 在训练的前一半里从接近 0 升到 1：一个还什么都不懂的网络，不应该被要求与自己一致。
#
# ### 练习 3：权重爬升
#
# *简单，约 4 分钟。* 已完成 $n$ 次迭代、爬升长度为 $N$ 时，系数是
#
# $$r = e^{-5\,(1 - \tau)^2}, \qquad \tau = \min\left(\frac{n}{N},\ 1\right)$$
#
# （Laine & Aila, 2017）。请返回这个数。

# %% tags=["exercise"]
import math


def my_ramp(step, length):
    # solution
    passed = min(step / length, 1)
    return math.exp(-5 * (1 - passed) ** 2)


# %% tags=["check"]
from ucmt_lite.course.checks import check_ramp

check_ramp(my_ramp)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# At the start it is $e^{-5}$, less than a hundredth; from `length` on it is 1.
# </details>
# <details><summary>Hint 2</summary>
#
# `min(step / length, 1)` first. The square belongs to one minus that.
# </details>

# %% [markdown] lang="zh" english="0cdada58"
# <details><summary>提示 1</summary>
#
# 开始时它是 $e^{-5}$，不到百分之一；从 `length` 起它是 1。
# </details>
# <details><summary>提示 2</summary>
#
# 先算 `min(step / length, 1)`。要平方的，是一减去它。
# </details>

# %% [markdown]
# ## Train it
#
# *Before you run:* who will be better in the end, the student or its average?

# %% [markdown] lang="zh" english="f9dbe578"
# ## 训练
#
# *运行之前先想：* 最后谁更好，是学生，还是它的平均？

# %% tags=["hide-output"]
from ucmt_lite import RunConfig, train

settings = {"ema_decay": ema_decay}
config = RunConfig(method="mean_teacher", iterations=iterations, seed=seed, settings=settings)
run = train(config)
curves = run.trace.curves
print({name: round(float(curves[f"dice/{name}"][-1]), 2) for name in ("student1", "teacher")})

# %% tags=["hide-output"]
from ucmt_lite.explore import training

training.figure(run.trace)

# %% [markdown] lang="zh" english="d24e8e46"
# > **图：** 先想好答案，再展开。
# >
# > <details><summary>图中的数字</summary>Mean Teacher 训练 {1} 次迭代后，在探针图像 {2} 上：学生 {3} 的 Dice 为 {4}，教师为 {5}。学生 {6} 与教师在 {7} % 的像素上不同。平均不确定性为 {8} 奈特，在距真实边界两个像素以内为 {9}。</details>

# %% [markdown]
# <details><summary>What we got</summary>
#
# In this short run the student is ahead, 0.51 to 0.45: its average still holds networks that knew less. In the recorded runs of 600 iterations the two end within 0.01 of each other in each of five seeds: the
# learning rate falls to 0, the student comes to rest, and its average with it.
# </details>
#
# Now a recorded run of 600 iterations. Give your guess; then drag through it, and watch where student and teacher differ
# first and last.

# %% [markdown] lang="zh" english="696bae06"
# <details><summary>我们得到的结果</summary>
#
# 在这次短训练中，学生领先，0.51 对 0.45：它的平均里还留着那些懂得更少的网络。在 600 次迭代的已记录训练中，五个种子里的每一个，两者最后相差都不到 0.01：学习率降到 0，学生停了下来，它的平均也随之停下。
# </details>
#
# 下面是一次 600 次迭代的已记录训练。先给出你的猜测；再拖动滑块走过它，看看学生与教师最先在哪里不同，最后又在哪里不同。

# %% tags=["explorer"]
from ucmt_lite.explore import compare
from ucmt_lite.explore.predict_first import a_number, predict_first
from ucmt_lite.training import traces

recorded = traces.recorded("heart_mean_teacher_50")
(student,) = compare.values_at(recorded, "dice/student1", 100)["Mean Teacher"]
teacher = compare.values_at(recorded, "dice/teacher", 100)["Mean Teacher"]
question = f"After 100 iterations the student's Dice is {student:.2f}. What is its teacher's?"
predict_first(training.widget(recorded), a_number(question, teacher, (0, 1)))

# %% [markdown] lang="zh" english="3578dddb"
# > **图：** {1} 次迭代之后，学生的 Dice 是 {2}。它的教师是多少？
# >
# > <details><summary>答案</summary>{3}，标尺从 {4} 到 {5}。Mean Teacher 训练 {6} 次迭代后，在探针图像 {7} 上：学生 {8} 的 Dice 为 {9}，教师为 {10}。学生 {11} 与教师在 {12} % 的像素上不同。平均不确定性为 {13} 奈特，在距真实边界两个像素以内为 {14}。</details>

# %% [markdown]
# ## What can go wrong
#
# The average is a question of pace. The smallest network that shows it has two weights: $f(x) = w_1 w_2 x$, and it is to
# learn $f(x) = x$. Its student jumps about, as every student does that sees a few images at a time. What does an average of
# these jumps achieve? After your guess, turn the decay: too small, and the teacher repeats every jump; too large, and it
# lives in the past.

# %% [markdown] lang="zh" english="f67880f4"
# ## 可能出什么错
#
# 平均的关键在于快慢。能看出这一点的最小网络只有两个权重：$f(x) = w_1 w_2 x$，它要学的是 $f(x) = x$。它的学生跳来跳去，凡是一次只看几张图像的学生都是这样。对这些跳动取平均，能得到什么？先猜一猜，再转动衰减率：太小，教师就重复每一次跳动；太大，教师就活在过去。

# %% tags=["explorer"]
from ucmt_lite.explore import ema

lab = ema.widget(decay=0.99, share=[1.0])
losses = ema.last_losses(lab.paths)
question = f"Over the last {ema.WINDOW} steps the student's loss is {losses['student1']:.3f}. And its teacher's?"
predict_first(lab, a_number(question, losses["teacher"], (0, 0.1)))

# %% [markdown] lang="zh" english="f1360287"
# > **图：** 最后 {1} 步里，学生的损失是 {2}。它的教师呢？
# >
# > <details><summary>答案</summary>{3}，标尺从 {4} 到 {5}。衰减率为 {6} 的教师（大约记得 {7} 步），{8} % 跟随它的学生。最后 {9} 步的平均损失：学生 {10} 为 {11}，教师为 {12}。教师比它的学生好。</details>

# %% [markdown]
# ## Does it help here?
#
# The honest way to ask: several seeds, the same labels, the same network, the same number of iterations, and no choice
# made on the images that score.

# %% [markdown] lang="zh" english="1462f230"
# ## 在这里有用吗？
#
# 公平的问法是：多个种子，相同的标注，相同的网络，相同的迭代次数，并且不在打分的图像上做任何选择。

# %%
runs = {
    method: [traces.recorded(f"heart_{method}_{n}") for n in range(50, 55)]
    for method in ("supervised", "mean_teacher")
}
compare.figure(runs)

# %% [markdown] lang="zh" english="27fe66ae"
# > **图：** 训练过程中的曲线，每条线 {1} 次训练。结束时的分歧：有监督 {2}，Mean Teacher {3}；不确定性：有监督 {4}，Mean Teacher {5}；Dice：有监督 {6}，Mean Teacher {7}。

# %% [markdown]
# Those are the 16 validation images watched during training. On the 200 test images:

# %% [markdown] lang="zh" english="84f76dc9"
# 这些是训练中一直观察的 16 张验证图像。在 200 张测试图像上：

# %%
from ucmt_lite.experiments import scores

scores.table(runs)

# %% [markdown]
# The Mean Teacher is above the baseline in two of the five seeds, by 0.09 and 0.03, and below it in three, by 0.02 to 0.05: in the mean it is where
# the baseline is. *Before you open the box:* which of these could be the reason, and how would you find out by changing one thing?
#
# - The teacher lags behind.
# - The consistency weighs too little.
# - Its target knows too little that the student does not know.
#
# <details><summary>What we found</summary>
#
# The lag is gone at the end, where teacher and student are within 0.01 of each other; but then the learning rate is 0. On the way there is one, 0.60 against 0.46 after 100 iterations of the run above, and it may well do harm there: with a decay of 0.9 and nothing else changed the same five seeds end at 0.740 in the mean, where they had 0.718 and the baseline 0.712, above the baseline in four of five ([recipe_settings](../results/recipe_settings/README.md)). Against the slow teacher that is three seeds of five, so open. It is not a small weight: on validation images, in single
# runs with seed 0 (not kept), the weight 10 gave 0.69 and the weight 100 gave 0.58, where 1 and the baseline were at 0.77. And decisions of the teacher in place of its
# probabilities (`hard_consistency`) gave 0.76. The third may play its part, which these runs do not prove: an average of its own past may know little that the student does not know. It fits that in
# [lesson 05](05_cross_pseudo_supervision.ipynb), where the target comes from *another* network at a third more time, the gain is large.
# </details>
#
# Things to take along:
#
# - One data set supports a claim about that data set.
# - A poor score of a method may be the score of something else. Switch one part off at a time. Under batch norm, for instance, which
#   normalises labeled and unlabeled images *together*, a Mean Teacher was below the baseline in each of three seeds, and was so even
#   with the weight 0 ([the runs](../results/heart_batchnorm/README.md); [lesson 02](02_supervised_baseline.ipynb) has the reason).
# - Disagreement and uncertainty fall all the same. Low curves alone do not show that a network is right.
#
# The supervised network has a single branch, so its disagreement is 0 by definition.
#
# ## Paper, reference code, here
#
# | | paper | public code for segmentation (SSL4MIS) | here |
# |---|---|---|---|
# | student's view | any perturbation | the image itself | strong view u1 |
# | teacher's view | another perturbation | image + noise, clipped at 0.2 | weak view; of labeled images, too, so that both networks normalise the same kind of minibatch |
# | who predicts | teacher | student | teacher |
# | start | ramp-up | no consistency for 1,000 iterations (2D) | ramp-up over half of the run |
# | what is averaged | parameters | parameters | parameters; batch-norm statistics are the teacher's own |
# | mode while it labels | training | training | training: batch norm takes the minibatch's statistics, dropout (units switched off at random) makes the label vary; with instance norm and no dropout, as here, the two modes are one |
#
# An easy mistake is to give both networks the same view: the loss is then almost nothing, and nothing looks broken. The kit
# has a test for it.
#
# ## Recap
#
# - An unlabeled image teaches by **consistency**: changed contrast, same answer.
# - The teacher is an average of the student's past; no gradient reaches it.
# - Its pace is the decay: a memory of about $1 / (1 - \alpha)$ steps.
#
# **Questions.** What is the teacher at step 0? What could go wrong if the
# teacher were trained on the consistency loss as well? Why may a strong view change colours
# but not positions?
#
# <details><summary>Answers</summary>
#
# At step 0 it is the student: alpha is 0. Trained on the loss too, both could agree on equal probabilities everywhere, and this term would cost them
# nothing. A colour mostly says little about where a border is; a position is what the mask is about, so it may change only where the
# mask changes with it. (Where the grey value itself is the finding, as with Hounsfield units or contrast agent, make strong views weaker: a view that changes the diagnosis teaches a false sameness.)
# </details>
#
# **References.** Tarvainen & Valpola, *Mean teachers are better role models*, NeurIPS 2017,
# [arXiv 1703.01780](https://arxiv.org/abs/1703.01780).
#
# **Next:** two networks instead of one, and [whom to trust where they differ](04_two_networks.ipynb).

# %% [markdown] lang="zh" english="fb3553d0"
# 五个种子中，Mean Teacher 有两个高于基线，高出 0.09 和 0.03；有三个低于基线，低 0.02 至 0.05：平均起来，它与基线不相上下。*展开答案之前先想：* 下面哪一条可能是原因？只改变一样东西，你会怎样查明？
#
# - 教师落在后面。
# - 一致性的权重太小。
# - 它的目标所知道的，学生自己差不多也都知道。
#
# <details><summary>我们的发现</summary>
#
# 最后没有落后，教师与学生相差不到 0.01；但那时学习率已是 0。途中是有的：上面那次训练在 100 次迭代之后是 0.60 对 0.46，而且很可能在那里有害：把衰减率改成 0.9，其他都不变，同样五个种子的均值是 0.740，原来是 0.718，基线是 0.712；五个种子中有四个高于基线（[recipe_settings](../results/recipe_settings/README.md)）。与慢的教师相比，五个种子中三个更高，所以尚无定论。不是因为权重小：在验证图像上，用种子 0 各训练一次（没有保留），权重 10 得到 0.69，权重 100 得到 0.58，而权重 1 和基线都是 0.77。用教师的决策代替它的概率（`hard_consistency`），得到 0.76。第三条也可能起作用，这些训练没有证明它：学生过去的平均所知道的，学生自己也许差不多都知道。与此相符的是：在[第 05 课](05_cross_pseudo_supervision.ipynb)中，目标来自*另一个*网络，时间只多三分之一，提升却很大。
# </details>
#
# 值得记住的几点：
#
# - 一个数据集，只能支持关于这个数据集的结论。
# - 一种方法得分低，原因可能在别处。一次只关掉一部分。例如使用批归一化时，有标注和无标注的图像会*一起*归一化，Mean Teacher 在三个种子上都低于基线，连权重为 0 时也是如此（[这些训练](../results/heart_batchnorm/README.md)；[第 02 课](02_supervised_baseline.ipynb)讲了原因）。
# - 尽管如此，分歧和不确定性照样下降。单凭曲线低，并不能说明网络是对的。
#
# 有监督的网络只有一个分支，所以按定义，它的分歧是 0。
#
# ## 论文、参考代码与本工具包
#
# | | 论文 | 公开的分割代码（SSL4MIS） | 本工具包 |
# |---|---|---|---|
# | 学生的视图 | 任意扰动 | 图像本身 | 强增强视图 u1 |
# | 教师的视图 | 另一种扰动 | 图像加噪声，噪声截断在 0.2 | 弱增强视图；有标注的图像也一样，好让两个网络归一化同一种小批量 |
# | 由谁预测 | 教师 | 学生 | 教师 |
# | 开始阶段 | 权重爬升 | 前 1,000 次迭代不用一致性（2D） | 前一半训练中权重爬升 |
# | 对什么求平均 | 参数 | 参数 | 参数；批归一化的统计量由教师自己计算 |
# | 给出标签时的模式 | 训练 | 训练 | 训练：批归一化用小批量的统计量，dropout（随机把单元置零）会让标签抖动；像这里用实例归一化而没有 dropout，两种模式是一回事 |
#
# 一个容易犯的错误，是给两个网络同样的视图：这时损失几乎为零，看上去却什么也没坏。工具包有一个测试专门检查这一点。
#
# ## 小结
#
# - 无标注图像靠**一致性**来教：对比度变了，答案不变。
# - 教师是学生过去的平均；没有梯度到达它。
# - 它的快慢由衰减率决定：记忆约为 $1 / (1 - \alpha)$ 步。
#
# **思考题：** 第 0 步的教师是什么？如果教师也用一致性损失来训练，可能出什么错？为什么强增强视图可以改变颜色，却不可以改变位置？
#
# <details><summary>答案</summary>
#
# 第 0 步的教师就是学生：alpha 为 0。如果教师也用这个损失来训练，两者可以处处给出相等的概率，从而达成一致，这一项不付任何代价。颜色与边界在哪里通常关系不大；位置正是掩膜要说的事，所以只有掩膜跟着一起变，位置才可以变。（若灰度值本身就是所见，例如 CT 值或造影剂，就把强增强调弱：一个会改变诊断的视图，教的是虚假的相同。）
# </details>
#
# **参考文献：** Tarvainen & Valpola, *Mean teachers are better role models*, NeurIPS 2017, [arXiv 1703.01780](https://arxiv.org/abs/1703.01780).
#
# **下一课：** 不是一个网络，而是两个，[两者不同时该信谁](04_two_networks.ipynb)。
