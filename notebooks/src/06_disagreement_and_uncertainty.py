# %% [markdown]
# # Disagreement and uncertainty: what a network knows of its own errors
#
# UCMT's first figure holds three curves: how much two networks **disagree**, how **uncertain** their pseudo labels are, and how good the
# result is. The paper argues with them: networks that agree too soon stop teaching each other. This lesson draws the curves from recorded runs, takes the two words apart, and
# asks a question the curves do not answer: is a network uncertain *where it is wrong*?
#
# In this lesson you will
#
# - draw disagreement, uncertainty and Dice over training, for four methods;
# - split uncertainty into *both are unsure* and *both are sure, and contradict each other*;
# - measure **risk and coverage**, and count **confident errors**;
# - measure **calibration**: of the pixels called 80 % certain, are 80 % right?
# - and tell it from *order*: do the wrong pixels come first?

# %% [markdown] lang="zh" english="a96e0fe3"
# # 分歧与不确定性：网络对自己的错误知道多少
#
# UCMT 论文的第一张图画了三条曲线：两个网络有多大**分歧**，它们的伪标签有多**不确定**，结果又有多好。论文拿这些曲线立论：过早达成一致的网络，就不再能互相学习。本课用已记录的训练把曲线重画一遍，把这两个词分开来看，再问一个曲线回答不了的问题：网络感到不确定的*地方*，正是它出错的地方吗？
#
# 本课中你将
#
# - 画出四种方法在训练过程中的分歧、不确定性和 Dice；
# - 把不确定性拆成两种：*两个网络都拿不准*，以及*两个网络都很有把握，却互相矛盾*；
# - 测量**风险与覆盖率**，数一数**自信的错误**；
# - 测量**校准**：网络称有 80 % 把握的像素里，真有 80 % 是对的吗？
# - 并把它与*顺序*区分开：错误的像素排在前面吗？

# %% tags=["parameters"]
threshold = 0.2

# %% [markdown]
# ## The question
#
# > A pseudo label is a guess. Could you tell a good guess from a bad one without knowing the truth?
#
# *Before you look:* of the four methods below, whose two branches (the two networks that are compared) will be the most certain in the end? And will they be the ones that agree most? (CMT and UCMT are built in lessons 07 to 09.)

# %% [markdown] lang="zh" english="34246c91"
# ## 问题
#
# > 伪标签只是猜测。不知道真值时，你能分辨好的猜测和坏的猜测吗？
#
# *看图之前先想：* 下面四种方法，训练结束时哪一种的两个分支（相互比较的两个网络）最确定？它们也是最一致的吗？（CMT 和 UCMT 在第 07 至 09 课搭建。）

# %% tags=["explorer"]
from ucmt_lite.explore import compare
from ucmt_lite.explore.predict_first import a_choice, predict_first, where_they_differ
from ucmt_lite.training import traces

methods = ("mean_teacher", "cps", "cmt", "ucmt")
runs = {m: [traces.recorded(f"heart_{m}_{seed}") for seed in range(50, 55)] for m in methods}
doubts = compare.values_at(runs, "uncertainty")
question = "Whose two branches are the most certain in the end, in the mean of five seeds?"
answer = a_choice(question, doubts, min, "uncertainty at the end (nats)")
predict_first(compare.widget(runs, ["disagreement", "uncertainty", "dice"]), answer)

# %% [markdown] lang="zh" english="0647c7d9"
# > **图：** 最后谁的两个分支最确定（取五个种子的均值）？
# >
# > <details><summary>答案</summary>答案是 UCMT。结束时的不确定性（奈特）：UCMT {1}，CPS {2}，CMT {3}，Mean Teacher {4}。训练过程中的曲线，每条线 {5} 次训练。结束时的分歧：Mean Teacher {6}，CPS {7}，CMT {8}，UCMT {9}；不确定性：Mean Teacher {10}，CPS {11}，CMT {12}，UCMT {13}；Dice：Mean Teacher {14}，CPS {15}，CMT {16}，UCMT {17}。</details>

# %% [markdown]
# These are recorded runs on four labeled hearts. The line is the mean of five seeds, the band spans them. **Disagreement** is one minus the Dice of two branches' decisions (student and
# teacher for Mean Teacher, the two students otherwise). **Uncertainty**, in nats, measures how undecided the branches are *together*. Both are of the **probe images**, the 16 validation images that are watched in training; maps are kept of the first three of them.
#
# <details><summary>And do the most certain agree most?</summary>
#
# No: student and teacher of a Mean Teacher decide nearly alike in the end, and are the least certain together.
# </details>
#
# Two students start far apart; student and teacher start as one and part at once. From then on both curves fall in every method, if not always straight. Low curves are no proof of anything: a network that gives every image the same answer has a disagreement of 0 and an uncertainty of 0.
#
# ## Two kinds of doubt
#
# Two networks give a pixel the probabilities $p$ and $q$. The map of this lesson is the entropy $H$ of their mean, here of the two students. (UMIX asks each student and the teacher in the same way, [lesson 08](08_umix.ipynb).) It can be large for two reasons, and it splits exactly:
#
# $$\underbrace{H\!\left(\tfrac{p+q}{2}\right)}_{\text{uncertainty}} = \underbrace{\tfrac{1}{2}\big(H(p) + H(q)\big)}_{\text{each is unsure}} + \underbrace{I}_{\text{they contradict each other}}$$
#
# $I$ is called the **mutual information** (Houlsby et al., 2011): 0 where both say the same, however unsure, and $\ln 2 = 0.69$ where both are sure of different classes. The literature calls the first kind **aleatoric** (the image itself is ambiguous, as the phantom's blurred borders) and the second **epistemic** (other weights would say something else). With one network the second takes several passes with **dropout** left on, which switches some of the network's units off at random (MC dropout; Gal and Ghahramani, 2016); here two networks give it. Both are *estimates*: after four labels much of the first is missing knowledge, too, and two networks that share a mistake do not contradict each other.
#
# Which of the two should choose pseudo labels? Where the image itself is ambiguous more training will not help, and to leave such pixels out is to leave out borders. Where the networks contradict each other at least one of them is wrong, and there is something to learn. (That is an argument; this page does not measure it.)
#
# ### Exercise 1: the contradiction
#
# *Medium, about 8 minutes.* Logits `B K H W` of two networks in, $I$ as `B 1 H W` out, without a gradient. Put `1e-6` inside the logarithms, so that sure networks give numbers.

# %% [markdown] lang="zh" english="d9e21090"
# 这些是已记录的训练，只用四张有标注的心脏图像。线是五个随机种子的均值，色带是它们的范围。**分歧**等于一减去两个分支的决策之间的 Dice（Mean Teacher 是学生与教师，其余方法是两个学生）。**不确定性**以奈特（nat）为单位，衡量两个分支*合在一起*有多犹豫。两者都在**探针图像**上测量，也就是训练中一直观察的 16 张验证图像；图只保留其中前三张的。
#
# <details><summary>最确定的也最一致吗？</summary>
#
# 不：Mean Teacher 的学生与教师最后的决策几乎相同，合在一起却最不确定。
# </details>
#
# 两个学生一开始就相距很远；学生与教师起初是同一个网络，随即分开。从那以后，两条曲线在每种方法中都下降，只是并不总是一路向下。曲线低并不能证明什么：一个对任何图像都给出同一答案的网络，分歧是 0，不确定性也是 0。
#
# ## 两种怀疑
#
# 两个网络对一个像素给出概率 $p$ 和 $q$。本课的不确定性图，是两者均值的熵 $H$，这里的两者是两个学生。（UMIX 用同样的办法问每个学生和教师，见[第 08 课](08_umix.ipynb)。）它大有两种原因，而且可以精确地拆开：
#
# $$\underbrace{H\!\left(\tfrac{p+q}{2}\right)}_{\text{uncertainty}} = \underbrace{\tfrac{1}{2}\big(H(p) + H(q)\big)}_{\text{each is unsure}} + \underbrace{I}_{\text{they contradict each other}}$$
#
# （三项从左到右：不确定性；各自拿不准；互相矛盾。）$I$ 称为**互信息**（Houlsby et al., 2011）：两者说法相同时为 0，无论各自多么没有把握；两者都确信、却认定不同的类别时，为 $\ln 2 = 0.69$。文献把第一种称为**偶然不确定性**（aleatoric：图像本身就有歧义，例如仿真体模中模糊的边界），把第二种称为**认知不确定性**（epistemic：换一组权重，说法就不同）。只有一个网络时，第二种要靠保留 **dropout**（随机把网络的一部分单元置零）的多次前向传播来得到（MC dropout；Gal and Ghahramani, 2016）；这里由两个网络给出。两者都只是*估计*：只用四个标注训练之后，第一种里也有许多只是知识不足；而犯同样错误的两个网络，彼此并不矛盾。
#
# 该用哪一种来挑选伪标签？图像本身有歧义的地方，多训练也没有用，略去这些像素，就是略去边界。两个网络互相矛盾的地方，至少有一个错了，那里有东西可学。（这只是推理，本课没有测量它。）
#
# ### 练习 1：矛盾
#
# *中等，约 8 分钟。* 输入两个网络的 logits，形状 `B K H W`；输出 $I$，形状 `B 1 H W`，不带梯度。在对数里加上 `1e-6`，这样网络十分确信时也能算出数来。

# %% tags=["exercise"]
import torch


@torch.no_grad()
def my_contradiction(logits1, logits2):
    # solution
    def entropy(p):
        return -(p * (p + 1e-6).log()).sum(dim=1, keepdim=True)

    p, q = logits1.softmax(dim=1), logits2.softmax(dim=1)
    return entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2


# %% tags=["check"]
from ucmt_lite.course.checks import check_contradiction

check_contradiction(my_contradiction)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# A function `entropy(p)` inside yours saves writing it three times: $-\sum_k p_k \ln p_k$ over axis 1.
# </details>
# <details><summary>Hint 2</summary>
#
# The entropy of the mean, minus the mean of the entropies. The other way round it is negative.
# </details>

# %% [markdown] lang="zh" english="569d77b8"
# <details><summary>提示 1</summary>
#
# 在你的函数里写一个 `entropy(p)`，就不必写三遍：沿轴 1 求 $-\sum_k p_k \ln p_k$。
# </details>
# <details><summary>提示 2</summary>
#
# 均值的熵，减去熵的均值。反过来减，结果是负的。
# </details>

# %% [markdown]
# Now look at a run. First say where its students will disagree. Then drag through training, and watch where the map is bright, and where pseudo labels are wrong (the explorer shows both): are the bright places where the errors are? (Of a phantom it is also known how *ambiguous* each pixel is: 0 where one class is certain, 1 where two are equally likely.)

# %% [markdown] lang="zh" english="4947a789"
# 现在看一次训练。先说说两个学生会在哪里有分歧。再拖动滑块走过训练过程，看看图在哪里亮，伪标签又在哪里错（两者在交互图中都有）：亮的地方就是出错的地方吗？（对仿真体模，还知道每个像素有多*模糊*：某一类别确定无疑时为 0，两个类别同样可能时为 1。）

# %% tags=["explorer"]
from ucmt_lite.explore import uncertainty

ucmt = runs["ucmt"][0]
question = "Where will the students disagree after 200 iterations? Draw it, then give your answer."
explorer = uncertainty.widget(ucmt, threshold=threshold)
predict_first(explorer, where_they_differ(ucmt, step=200), question)

# %% [markdown] lang="zh" english="542d34a2"
# > **图：** {1} 次迭代之后，两个学生会在哪里有分歧？先画出来，再给出答案。
# >
# > <details><summary>答案</summary>两个学生在 {2} % 的像素上有分歧；其中十分之九位于图像从上往下 {3} 至 {4} % 之间，十分之九位于从左往右 {5} 至 {6} % 之间。UCMT 训练 {7} 次迭代后，在探针图像 {8} 上：{9} % 的像素不确定性不超过 {10} 奈特，它们的伪标签有 {11} % 是对的，而全部像素是 {12} %。在边界确实模糊之处（模糊度大于 {13}），平均不确定性为 {14} 奈特，其他地方为 {15}。</details>

# %% [markdown]
# ## Keep the certain ones?
#
# An obvious idea: believe a pseudo label only where the entropy is at most a threshold. Two numbers describe what one gets. **Coverage** is the share of pixels that are kept, **risk** the share of the kept ones
# whose label is wrong.
#
# ### Exercise 2: risk and coverage
#
# *Easy, about 6 minutes.* `entropy` and `wrong` are arrays of one shape, floats and booleans. Return coverage and risk at a threshold; where nothing is kept, the risk is 0.

# %% [markdown] lang="zh" english="ed319625"
# ## 只留下确定的？
#
# 一个容易想到的办法：只有当熵不超过某个阈值时，才相信伪标签。结果可以用两个数来描述。**覆盖率**是留下的像素所占的比例，**风险**是留下的像素中标签错误的比例。
#
# ### 练习 2：风险与覆盖率
#
# *简单，约 6 分钟。* `entropy` 和 `wrong` 是形状相同的数组，分别为浮点数和布尔值。返回给定阈值下的覆盖率和风险；一个像素也没有留下时，风险为 0。

# %% tags=["exercise"]
def my_risk_coverage(entropy, wrong, threshold):
    # solution
    kept = entropy <= threshold
    return kept.mean(), wrong[kept].mean() if kept.any() else 0.0


# %% tags=["check"]
from ucmt_lite.course.checks import check_risk_coverage

check_risk_coverage(my_risk_coverage)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `kept = entropy <= threshold` is a boolean array, `wrong[kept]` are the kept ones.
# </details>
# <details><summary>Hint 2</summary>
#
# The mean of a boolean array is the share that is true. Of an empty one it is not a number: ask `kept.any()` first.
# </details>

# %% [markdown] lang="zh" english="0549e2de"
# <details><summary>提示 1</summary>
#
# `kept = entropy <= threshold` 是布尔数组，`wrong[kept]` 就是留下的那些。
# </details>
# <details><summary>提示 2</summary>
#
# 布尔数组的均值就是其中为真的比例。空数组的均值不是数：先问 `kept.any()`。
# </details>

# %%
import numpy as np

entropy, wrong = np.asarray(ucmt.uncertainty[-1], float), uncertainty.wrong_labels(ucmt)[-1]
levels = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.69])
for level, share, risk in zip(levels, *uncertainty.risk_coverage(entropy, wrong, levels), strict=True):
    print(f"at most {level:.2f} nats: {share:6.1%} kept, {risk:6.2%} of them wrong")

# %% [markdown]
# (Of the three images whose maps this run keeps, at its end; *wrong* are pseudo labels of the teacher. The explorer above shows one image, and an easy one.) Risk falls with the threshold, so the map knows something. But five pixels in six are background and easy, and they decide these percentages. The errors that hurt are the ones nobody suspects.
#
# ### Exercise 3: confident errors
#
# *Easy, about 5 minutes.* Of all *wrong* pixels, which share has an entropy of at most `threshold`? Return 0 where nothing is wrong.

# %% [markdown] lang="zh" english="6eddc546"
# （这里统计的是这次训练结束时保留了图的三张图像；*错误*指教师的伪标签出错。上面的交互图只显示其中一张，而且是容易的一张。）阈值越低，风险越低，可见这张图确实知道些什么。不过六个像素里有五个是容易判断的背景，这些百分比由它们说了算。真正有害的，是谁也没有起疑的错误。
#
# ### 练习 3：自信的错误
#
# *简单，约 5 分钟。* 在所有*错误*的像素中，熵不超过 `threshold` 的占多少？没有错误时返回 0。

# %% tags=["exercise"]
def my_confident_errors(entropy, wrong, threshold):
    # solution
    return (entropy[wrong] <= threshold).mean() if wrong.any() else 0.0


# %% tags=["check"]
from ucmt_lite.course.checks import check_confident_errors

check_confident_errors(my_confident_errors)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Start from the wrong pixels, `entropy[wrong]`, and ask how many of them are certain.
# </details>

# %% [markdown] lang="zh" english="a9214f12"
# <details><summary>提示 1</summary>
#
# 从错误的像素 `entropy[wrong]` 出发，看其中有多少是确定的。
# </details>

# %% [markdown]
# With your function: `my_confident_errors(entropy, wrong, threshold)`. The kit's number for the end of this run:

# %% [markdown] lang="zh" english="2cc803f1"
# 用你的函数是 `my_confident_errors(entropy, wrong, threshold)`。对这次训练的结尾，工具包算出的数是：

# %%
print(f"{(entropy[wrong] <= threshold).mean():.0%} of the wrong pixels have at most {threshold} nats")

# %% [markdown]
# A threshold keeps those errors, whatever it throws away. Confident errors are what networks that teach each other confirm in each other. It is the reason why methods look for *another* opinion and not only for a surer one.
#
# ## Calibration
#
# A network is **calibrated** if its probabilities mean what they say. Sort pixels into bins by the probability of the class that was chosen, its **confidence**; in each bin compare the mean confidence with the share
# that is right. The **expected calibration error** (ECE; Guo et al., 2017) is the mean gap, weighted by how many pixels a bin has:
#
# $$\mathrm{ECE} = \sum_b \frac{n_b}{n} \,\big|\,\overline{\text{confidence}}_b - \overline{\text{right}}_b\,\big|$$
#
# (Drawn as the share that is right over the confidence, bin by bin, it is a **reliability diagram**: a network that is too sure lies below the diagonal.)
#
# ### Exercise 4: write it
#
# *Medium, about 10 minutes.* `confidence` and `right` are arrays of one shape; `bins` equal bins divide 0 to 1. A confidence of exactly 1 belongs to the last bin.

# %% [markdown] lang="zh" english="088ab643"
# 无论阈值丢掉了什么，这些错误都会留下。互相教学的网络，彼此加固的正是自信的错误。所以各种方法要找的是*另一种*意见，而不只是更有把握的意见。
#
# ## 校准
#
# 如果一个网络的概率名副其实，就说它是**校准**的。按所选类别的概率，也就是**置信度**，把像素分到若干区间；在每个区间里，比较平均置信度与判断正确的比例。**期望校准误差**（ECE；Guo et al., 2017）是两者差距的平均，以区间里的像素数加权：
#
# $$\mathrm{ECE} = \sum_b \frac{n_b}{n} \,\big|\,\overline{\text{confidence}}_b - \overline{\text{right}}_b\,\big|$$
#
# （逐个区间画出正确的比例随置信度的变化，就是**可靠性图**（reliability diagram）：过于自信的网络落在对角线下方。）
#
# ### 练习 4：写出来
#
# *中等，约 10 分钟。* `confidence` 和 `right` 是形状相同的数组；`bins` 个等宽区间把 0 到 1 分开。恰好为 1 的置信度属于最后一个区间。

# %% tags=["exercise"]
def my_calibration_error(confidence, right, bins=10):
    # solution
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = place == b
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return error


# %% tags=["check"]
from ucmt_lite.course.checks import check_calibration_error

check_calibration_error(my_calibration_error)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# The bin of a pixel is `int(confidence * bins)`, at most `bins - 1`.
# </details>
# <details><summary>Hint 2</summary>
#
# `inside.mean()` is $n_b / n$. Skip empty bins: their means are not numbers.
# </details>
# <details><summary>Hint 3</summary>
#
# The absolute value belongs to each bin. Taken after the sum, too much here and too little there would cancel.
# </details>

# %% [markdown] lang="zh" english="ca6ecb7d"
# <details><summary>提示 1</summary>
#
# 一个像素的区间是 `int(confidence * bins)`，最大为 `bins - 1`。
# </details>
# <details><summary>提示 2</summary>
#
# `inside.mean()` 就是 $n_b / n$。跳过空区间：它们的均值不是数。
# </details>
# <details><summary>提示 3</summary>
#
# 绝对值要在每个区间里取。如果求和之后才取，这里的偏高和那里的偏低就会抵消。
# </details>

# %% [markdown]
# Background flatters the ECE as it flatters accuracy: thousands of pixels that anybody would call right, and with confidence. On hearts the baseline of [these runs](../results/after_heart/README.md) has an ECE of 0.053 over all pixels and of 0.191 over those that it calls heart (five seeds, 200 test images). So say over which pixels it is. And choose them by what the network *says*, never by the truth: among pixels that it rightly calls 10 % certain to be heart, the truth would pick just the tenth on which its decision was wrong, and make it look too sure. Calibrated is not the same as useful, either: a map may rank the errors well and be too sure throughout, and what is called a temperature, below, mends the second without touching much of the first.
#
# Phantoms know more than real images: their borders are blurred on purpose, and for each pixel it is known how undecided its class *is*. The last panel of the picture below compares that with the map: a network
# that knew its borders would follow the line. This one lies below it, more certain than the borders allow. (The picture is of the first image alone, the easy one of above.)
#
# Can calibration be mended? Often by one number: divide the logits by a **temperature** $T$, chosen on validation images, before the softmax. Of one network in one pass no decision changes,
# so Dice stays what it is; only the confidences do (Guo et al., 2017). And the curve of risk over coverage has a number, too: the area below it, small where the errors are the uncertain pixels.

# %% [markdown] lang="zh" english="485625b3"
# 背景会美化准确率，也同样会美化 ECE：成千上万的像素，谁都判断得对，而且很有把握。在心脏上，[这些训练](../results/after_heart/README.md)的基线在全部像素上的 ECE 是 0.053，在它判为心脏的像素上是 0.191（五个种子，200 张测试图像）。所以要说明统计的是哪些像素。而且要按网络*说了什么*来选，绝不能按真值来选：在它恰当地称有 10 % 可能是心脏的像素中，真值挑出的正是它判错的那十分之一，会让它显得过于自信。校准好也不等于有用：一张图可以把错误排得很准，却处处过于自信；下文要讲的温度能补救后者，对前者几乎没有影响。
#
# 仿真体模知道的比真实图像更多：它们的边界是有意模糊的，每个像素的类别*本来*有多难定，都是已知的。下图的最后一格拿它与网络的图作比较：真正了解边界的网络，会沿着那条线走。这个网络在线的下方，比边界所允许的更确定。（图中只有第一张图像，也就是上面容易的那一张。）
#
# 校准能补救吗？往往只要一个数：在 softmax 之前，把 logits 除以一个**温度** $T$，它在验证图像上选定。一个网络、一次前向时，没有一个决策因此改变，所以 Dice 不变，变的只是置信度（Guo et al., 2017）。风险随覆盖率变化的曲线也可以归结为一个数：曲线下的面积；错误若都落在不确定的像素上，这个面积就小。

# %%
uncertainty.figure(ucmt, threshold=threshold)

# %% [markdown] lang="zh" english="6e48efc7"
# > **图：** UCMT 训练 {1} 次迭代后，在探针图像 {2} 上：{3} % 的像素不确定性不超过 {4} 奈特，它们的伪标签有 {5} % 是对的，而全部像素是 {6} %。在边界确实模糊之处（模糊度大于 {7}），平均不确定性为 {8} 奈特，其他地方为 {9}。

# %% [markdown]
# ## Which doubt finds errors better?
#
# There are two maps to choose from, both of the two students: the entropy of their mean, and the plain **disagreement**, 1 where they decide differently and 0 elsewhere. The labels that are judged are the teacher's, as above. Keep pixels from the least doubt to the most, take the mean
# risk over all coverages, and you have the area. *Before you run:* which of the two maps has the smaller one, and does either beat a map that knows nothing?

# %% [markdown] lang="zh" english="9a046b4d"
# ## 哪一种怀疑更能找到错误？
#
# 可选的图有两张，都来自两个学生：均值的熵，以及单纯的**分歧**，决策不同处为 1，其他地方为 0。被判断对错的，与上面一样，是教师的标签。从怀疑最小到最大依次留下像素，对所有覆盖率的风险取平均，就得到这个面积。*运行之前先想：* 两张图中哪一张的面积更小？它们胜得过一张什么都不知道的图吗？

# %% tags=["hide-output"]
from ucmt_lite.predict.metrics import area_under_risk

student1, student2 = (ucmt.predictions[name][-1] for name in ucmt.branches)
maps = {"entropy of the mean": entropy, "disagreement": student1 != student2, "nothing": 0 * entropy}
for name, doubt in maps.items():
    print(f"{name:20} area under the risk {area_under_risk(doubt, wrong):.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The entropy, by far: 0.032 against 0.082, and a map that knows nothing has 0.089, the share of wrong labels. At the end of this run the students decide alike on 98.6 % of the pixels, and 91 % of the wrong ones are among those: decisions agree where both networks are wrong, while their probabilities may still waver. (One run, three images. The same run of CPS gives 0.025 against 0.079.)
# </details>

# %% [markdown] lang="zh" english="185d2f8e"
# <details><summary>答案</summary>
#
# 是熵，而且遥遥领先：0.032 对 0.082；什么都不知道的图是 0.089，也就是错误标签的比例。这次训练结束时，两个学生在 98.6 % 的像素上决策相同，错误的像素有 91 % 就在其中：两个网络都错的地方，决策是一致的，概率却可能还在摇摆。（一次训练，三张图像。同样的一次 CPS 训练得到 0.025 对 0.079。）
# </details>

# %% [markdown]
# ## Order, or size?
#
# Two things can be asked of a doubt, and they are not the same. Does it put the wrong pixels *first*? And is it as *large* as the errors are frequent? Calibration is the second. The first has a number of its own: draw one wrong pixel and one right one; how often is the wrong one the more doubtful? It is the **area under the ROC curve** (AUROC): 1 where all wrong pixels have more doubt than all right ones, 0.5 for a map that knows nothing.
#
# ### Exercise 5: one wrong, one right
#
# *Medium, about 6 minutes.* `doubt` and `wrong` are arrays of one shape, floats and booleans. Compare every wrong pixel with every right one, and return the share of pairs in which the wrong one has more doubt. A pair of equal doubt counts half.

# %% [markdown] lang="zh" english="2d394b84"
# ## 顺序，还是大小？
#
# 对一种怀疑可以提两个问题，它们并不相同。它是否把错误的像素排在*前面*？它的*大小*是否与出错的频率相符？校准问的是第二个。第一个有它自己的数：抽一个错误的像素和一个正确的像素，错误的那个更可疑的情形有多常见？这就是 **ROC 曲线下的面积**（AUROC）：所有错误的像素都比所有正确的更可疑时为 1，什么都不知道的图为 0.5。
#
# ### 练习 5：一错一对
#
# *中等，约 6 分钟。* `doubt` 和 `wrong` 是形状相同的数组，分别为浮点数和布尔值。把每个错误的像素与每个正确的像素相比，返回错误的那个更可疑的配对所占的比例。怀疑相等的一对算一半。

# %% tags=["exercise"]
def my_area_under_roc(doubt, wrong):
    # solution
    above = doubt[wrong][:, None] > doubt[~wrong][None]
    equal = doubt[wrong][:, None] == doubt[~wrong][None]
    return (above + 0.5 * equal).mean()


# %% tags=["check"]
from ucmt_lite.course.checks import check_area_under_roc

check_area_under_roc(my_area_under_roc)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `doubt[wrong][:, None]` is a column and `doubt[~wrong][None]` a row; comparing them gives a table of all pairs.
# </details>
# <details><summary>Hint 2</summary>
#
# Two such tables: one of `>`, one of `==` that counts half. Their sum, averaged.
# </details>

# %% [markdown] lang="zh" english="d6aeb76a"
# <details><summary>提示 1</summary>
#
# `doubt[wrong][:, None]` 是一列，`doubt[~wrong][None]` 是一行；两者相比，得到所有配对的一张表。
# </details>
# <details><summary>提示 2</summary>
#
# 要两张这样的表：一张是 `>`，一张是 `==`，后者算一半。相加之后取平均。
# </details>

# %% [markdown]
# *Before you run:* the last map below is the entropy to the third power. Which number will change, which not?

# %% [markdown] lang="zh" english="7f4cadb5"
# *运行之前先想：* 下面最后一张图是熵的三次方。哪个数会变，哪个不会？

# %% tags=["hide-output"]
from ucmt_lite.predict.metrics import area_under_roc

for name, doubt in {**maps, "entropy cubed": entropy**3}.items():
    print(f"{name:20} AUROC {area_under_roc(doubt, wrong):.3f}, mean doubt {np.mean(doubt):.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The order stays, so the AUROC does, and so does the area under the risk; only the size of the doubt has changed: of most pixels it is far smaller. This is why one number cannot speak for a map of uncertainty: a good AUROC finds the pixels to look at first, a small ECE says how many of them will be wrong. Name the one that your use needs. To sort images for a second reading you need order, to add up risks you need size.
#
# A decision about a *patient* needs one number for the image: the mean entropy over the pixels that were called object (over all pixels a small object drowns in certain background), or the Dice between two networks. Test it on images that chose nothing: send the most doubtful fifth to a reader, and count how many of the bad masks were among them. A random fifth would catch one in five.
# </details>

# %% [markdown] lang="zh" english="ca597276"
# <details><summary>答案</summary>
#
# 顺序不变，AUROC 就不变，风险曲线下的面积也不变；变的只是怀疑的大小：大多数像素的怀疑都小得多。所以一个数说不清一张不确定性图：AUROC 高，能找出该先看的像素；ECE 小，能说出其中有多少会是错的。用途需要哪一个，就报哪一个。要排出先复查哪些图像，需要的是顺序；要把风险加起来，需要的是大小。
#
# 关于一位*病人*的决定，需要整张图像的一个数：被判为目标的像素上的平均熵（如果取全部像素，小目标会淹没在确定的背景里），或者两个网络之间的 Dice。请在没有参与任何选择的图像上检验它：把最可疑的五分之一交给医生，数一数不好的掩膜有多少在其中。随机抽五分之一，只能抓住五分之一。
# </details>

# %% [markdown]
# ## Recap
#
# - Disagreement compares decisions, uncertainty compares probabilities; both fall in every method, for good and for bad reasons.
# - Uncertainty of two networks = what each doubts + what they contradict each other about.
# - A threshold trades coverage for risk, and keeps the errors that are certain enough.
# - Calibration asks whether 80 % means 80 %; AUROC asks whether the wrong pixels come first.
#
# **References.** Shen et al., IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465) (Figure 1 d to f; the entropy there is that of each pseudo label by itself, the first part of the sum above). Houlsby et al., *Bayesian active learning*,
# [arXiv 1112.5745](https://arxiv.org/abs/1112.5745). Guo et al., *On calibration of modern neural networks*, ICML 2017, [arXiv 1706.04599](https://arxiv.org/abs/1706.04599). Geifman & El-Yaniv, *Selective classification*, NeurIPS 2017, [arXiv 1705.08500](https://arxiv.org/abs/1705.08500).
#
# **Next:** one teacher for two students, in [the collaborative mean teacher](07_collaborative_mean_teacher.ipynb).

# %% [markdown] lang="zh" english="f945ae0d"
# ## 小结
#
# - 分歧比较决策，不确定性比较概率；在每种方法中两者都会下降，原因有好有坏。
# - 两个网络的不确定性 = 各自的犹豫 + 彼此的矛盾。
# - 阈值用覆盖率换取低风险，却会留下足够自信的错误。
# - 校准问的是：80 % 是否真的意味着 80 %；AUROC 问的是：错误的像素是否排在前面。
#
# **参考文献：** Shen et al., IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465)（Figure 1 d 至 f；那里的熵是每个伪标签自己的熵，即上面和式的第一部分）。Houlsby et al., *Bayesian active learning*, [arXiv 1112.5745](https://arxiv.org/abs/1112.5745). Guo et al., *On calibration of modern neural networks*, ICML 2017, [arXiv 1706.04599](https://arxiv.org/abs/1706.04599). Geifman & El-Yaniv, *Selective classification*, NeurIPS 2017, [arXiv 1705.08500](https://arxiv.org/abs/1705.08500).
#
# **下一课：** 一位教师带两个学生，见[协同平均教师](07_collaborative_mean_teacher.ipynb)。
