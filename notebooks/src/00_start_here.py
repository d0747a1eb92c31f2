# %% [markdown]
# # Start here: four labels and three hundred images
#
# Drawing the outline of an organ takes an expert several minutes per image, and there are thousands of images. So in
# medical imaging labels are few and images are many. This course is about learning from **both**: from a handful of
# images with outlines, and from all the others without.
#
# In this lesson you will
#
# - meet the images of the course and the one number that scores an outline, the **Dice** overlap;
# - train a small network on four labeled hearts, in under a minute;
# - see where it fails, and by how much more labels would help;
# - look at recorded runs of UCMT, the method this course leads to, on four labels.

# %% [markdown] lang="zh" english="f5b6c112"
# # 从这里开始：四个标注和三百张图像
#
# 画出一个器官的轮廓，专家每张图像要花几分钟，而图像成千上万。所以在医学影像中，标注很少，图像很多。这门课讲的是如何从**两者**中学习：既用少数几张画了轮廓的图像，也用其余所有没有轮廓的图像。
#
# 本课中你将
#
# - 认识这门课的图像，以及给轮廓打分的那一个数：**Dice** 重叠；
# - 用四张有标注的心脏图像训练一个小网络，不到一分钟；
# - 看看它在哪里失败，更多的标注又能帮上多少；
# - 看看 UCMT 用四个标注的已记录训练，这门课最终要讲的就是这种方法。

# %% tags=["parameters"]
iterations = 600
labeled = 4
seed = 0

# %% [markdown]
# ## The question
#
# > Given four hearts with outlines and 296 without: how well can a network outline a heart it has never seen?
#
# The images are **phantoms**: drawn by the computer, in the likeness of cardiac MR, so nothing needs to be downloaded
# and the truth is known exactly. Real images and your own can take their place:
# [the experiment notebook](90_experiment.ipynb) has the settings.

# %% [markdown] lang="zh" english="e1dcefd3"
# ## 问题
#
# > 给你四颗画了轮廓的心脏，和 296 颗没有画的：一个网络勾画从没见过的心脏，能画得多好？
#
# 这些图像是**仿真体模**：由计算机仿照心脏磁共振画成，所以不必下载任何东西，真值也完全已知。真实的图像和你自己的图像都可以代替它们：设置方法见[实验笔记本](90_experiment.ipynb)。

# %%
from ucmt_lite.data import cases, load

source = load("phantom_heart", size=64)
train_set = cases(source.splits["train"])
validation = cases(source.splits["validation"])
print(f"{len(train_set)} images to train on, classes: {', '.join(source.classes)}")

# %% [markdown]
# An image and its **mask**: the class of every pixel. The right ventricle (a crescent), the left ventricle (a disc) and
# the muscle around it, the myocardium.

# %% [markdown] lang="zh" english="9c6a6aea"
# 一张图像和它的**掩膜**，即每个像素的类别。类别有右心室（月牙形）、左心室（圆盘形），以及包着左心室的肌肉，也就是心肌。

# %%
from ucmt_lite.explore.draw.picture import segmentations

segmentations(train_set.images[0], {"truth": train_set.masks[0]})

# %% [markdown] lang="zh" english="82175df9"
# > **图：** 一张图像，上面画着真值的轮廓（{2} 个像素中的 {1} 个，共 {3} 块）。

# %% [markdown]
# ## One number for an outline
#
# A predicted region $A$ and the true region $B$ are compared by the **Dice** overlap (Dice, 1945):
#
# $$\mathrm{Dice}(A, B) = \frac{2\,|A \cap B|}{|A| + |B|}$$
#
# It is 1 when the two are the same, 0 when they share no pixel. Background does not enter, so a network that calls
# everything background gets 0, although it is right about most pixels.
#
# ### Exercise 1: write it
#
# *Easy, about 3 minutes.* `prediction` and `truth` are boolean tensors of one shape. Return the Dice overlap. (Two empty
# masks give 0/0. Ignore that here; the kit counts it as 1.)

# %% [markdown] lang="zh" english="64a97005"
# ## 给轮廓打分的一个数
#
# 预测的区域 $A$ 与真实的区域 $B$，用 **Dice** 重叠来比较（Dice, 1945）：
#
# $$\mathrm{Dice}(A, B) = \frac{2\,|A \cap B|}{|A| + |B|}$$
#
# 两者完全相同时为 1，没有一个共同像素时为 0。背景不参与计算，所以把一切都判为背景的网络得 0，尽管它在大多数像素上是对的。
#
# ### 练习 1：写出来
#
# *简单，约 3 分钟。* `prediction` 和 `truth` 是形状相同的布尔张量。返回 Dice 重叠。（两个掩膜都为空时是 0/0，这里不必理会；工具包把它算作 1。）

# %% tags=["exercise"]
def my_dice(prediction, truth):
    # solution
    overlap = (prediction & truth).sum()
    return 2 * overlap / (prediction.sum() + truth.sum())


# %% tags=["check"]
from ucmt_lite.course.checks import check_dice

check_dice(my_dice)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# For boolean tensors, `a & b` is true where both are, and `.sum()` counts.
# </details>
# <details><summary>Hint 2</summary>
#
# The pixels in both masks are counted twice above the line, since each of them lies in A and in B.
# </details>
# <details><summary>Hint 3</summary>
#
# Below the line stands the sum of the two sizes, not the size of the union.
# </details>

# %% [markdown] lang="zh" english="7c90e2d5"
# <details><summary>提示 1</summary>
#
# 对布尔张量，`a & b` 在两者都为真处为真，`.sum()` 负责计数。
# </details>
# <details><summary>提示 2</summary>
#
# 分数线上面，同属两个掩膜的像素要算两次，因为每个这样的像素既在 A 里，也在 B 里。
# </details>
# <details><summary>提示 3</summary>
#
# 分数线下面是两者大小之和，不是并集的大小。
# </details>

# %% [markdown]
# ### Exercise 2: the score that flatters
#
# *Easy, about 3 minutes.* Why not simply count the pixels that are right? Return the share of pixels on which both masks say the same.

# %% [markdown] lang="zh" english="83ed0409"
# ### 练习 2：好听的分数
#
# *简单，约 3 分钟。* 为什么不干脆数一数判对的像素？返回两个掩膜说法相同的像素所占的比例。

# %% tags=["exercise"]
def my_right_pixels(prediction, truth):
    # solution
    return (prediction == truth).float().mean()


# %% tags=["check"]
from ucmt_lite.course.checks import check_right_pixels

check_right_pixels(my_right_pixels)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `prediction == truth` is a boolean tensor. The mean of booleans, as floats, is the share that is true.
# </details>

# %% [markdown] lang="zh" english="e2f1ce6e"
# <details><summary>提示 1</summary>
#
# `prediction == truth` 是布尔张量。把布尔值当作浮点数求均值，就是其中为真的比例。
# </details>

# %% [markdown]
# Now be lazy: call every pixel of every validation image background.

# %% [markdown] lang="zh" english="fb9da37f"
# 现在偷个懒：把每张验证图像的每个像素都判为背景。

# %%
import torch

truths = [torch.from_numpy(mask > 0) for mask in validation.masks]
flattered = sum(float((~truth).float().mean()) for truth in truths) / len(truths)
print(f"without finding a single heart, {flattered:.0%} of the pixels are right")

# %% [markdown]
# The background decides a share of pixels; a small organ hardly enters. The Dice of that lazy answer is 0, whatever the size of the heart.
#
# ## Train on four labels
#
# A run is described by a `RunConfig`. The network is a small **U-Net**, the usual network for outlining things in
# medical images: it looks at the image at several scales and puts a class on every pixel. Here it has 113 thousand
# parameters, few enough for a laptop.

# %% [markdown] lang="zh" english="0d1fe836"
# 像素正确率由背景说了算，小器官几乎不起作用。而这个偷懒的答案，无论心脏多大，Dice 都是 0。
#
# ## 用四个标注训练
#
# 一次训练由一个 `RunConfig` 来描述。网络是一个小型 **U-Net**，在医学图像中勾画轮廓通常就用它：它在几个尺度上看图像，给每个像素定一个类别。这里它有 113 千个参数，少到笔记本电脑也能训练。

# %%
from ucmt_lite import RunConfig, train

settings = {"labeled": labeled, "seed": seed, "iterations": iterations}
config = RunConfig(method="supervised", **settings)
run = train(config)

# %% [markdown]
# `supervised` means: from the labeled images alone. This is all a step of it does. `batch.x1` are labeled images, flipped,
# turned and moved a little at random, with random changes of contrast, brightness and sharpness, `batch.y` their masks, and `minimize` takes one
# gradient step. `segmentation_loss` is what it descends: half cross-entropy, half a *soft* Dice loss, one minus a Dice of
# probabilities, since yes and no have no gradient. (Later lessons write it $\ell$. `clock` tells the iteration; this method has
# no use for it.) The kit calls its first network *student 1*, even while nobody teaches it:

# %% [markdown] lang="zh" english="0a8fbdcc"
# `supervised`（有监督）的意思是：只从有标注的图像学习。下面就是它一步所做的全部。`batch.x1` 是有标注的图像，经过随机的翻转、旋转和少许移动，对比度、亮度和清晰度也随机改变；`batch.y` 是它们的掩膜；`minimize` 走一个梯度步。它要降低的是 `segmentation_loss`：一半交叉熵，一半*软* Dice 损失，后者等于一减去用概率算出的 Dice，因为是与非没有梯度。（后面的课把它写作 $\ell$。`clock` 报告迭代到了哪里；这个方法用不着它。）工具包把第一个网络叫作*学生 1*，即使没有谁在教它：

# %%
from ucmt_lite.explore.draw.picture import show_source
from ucmt_lite.methods.supervised import supervised

show_source(supervised)

# %% [markdown]
# And this is what the trained network says of a heart it has not seen:

# %% [markdown] lang="zh" english="35574aaf"
# 训练好的网络对一颗没见过的心脏是这样说的：

# %%
from ucmt_lite.predict import segment

mask = segment(run.net, validation.images[0])
segmentations(validation.images[0], {"truth": validation.masks[0], "student1": mask})

# %% [markdown] lang="zh" english="19a008f5"
# > **图：** 一张图像，上面画着真值的轮廓（{2} 个像素中的 {1} 个，共 {3} 块）和学生 {4} 的轮廓（{6} 个像素中的 {5} 个，共 {7} 块，与真值的 Dice 为 {8}）。

# %% [markdown]
# The heart is found. Look at the bright vessel at the lower right: the network also outlines a piece of it, as if it were a second
# heart. One image proves little. Over all 50 validation images:

# %% [markdown] lang="zh" english="82a7aa44"
# 心脏找到了。看看右下方那条明亮的血管：网络把它的一块也勾画了出来，好像那是第二颗心脏。一张图像说明不了多少。对全部 50 张验证图像：

# %%
from ucmt_lite.predict import evaluate

validation_scores = evaluate(run.net, validation, distances=False)["mean"]
for name, value in zip(source.classes[1:], validation_scores["dice_per_class"], strict=True):
    print(f"{name:20} Dice {value:.2f}")
print(f"{'mean':20} Dice {validation_scores['dice']:.2f}")

# %% [markdown]
# ### Exercise 3: predict before you run
#
# *Easy, about 4 minutes.* What will the mean be with 16 labels instead of 4? With all 300? Write down two guesses, and the class
# that will gain most. Then change `labeled` in the parameters cell and run the notebook again from there.
#
# <details><summary>What we got with seed 0</summary>
#
# The mean Dice was 0.77 with 4 labels, 0.87 with 16 and 0.88 with 300: twelve more labels gained more than the next 284. But
# one run is one run: another seed moves such numbers by up to two tenths, even another order of sums in the optimiser
# by a hundredth or two. All 300 gain most on the right ventricle, the part that varies most in shape: 0.72 to 0.86.
# </details>

# %% [markdown] lang="zh" english="bd4d05a6"
# ### 练习 3：先预测，再运行
#
# *简单，约 4 分钟。* 标注不是 4 个而是 16 个时，均值会是多少？全部 300 个呢？写下两个猜测，以及提升最大的类别。然后修改参数单元格中的 `labeled`，从那里起重新运行笔记本。
#
# <details><summary>我们用种子 0 得到的结果</summary>
#
# 平均 Dice 在 4 个标注时是 0.77，16 个时是 0.87，300 个时是 0.88：多十二个标注带来的提升，比此后的 284 个还多。但一次训练只是一次训练：换一个种子，这样的数最多可变动十分之二；甚至只是优化器里求和的次序不同，也会让它变动百分之一二。标注用到全部 300 个时，提升最大的是右心室，也就是形状变化最大的部分：从 0.72 到 0.86。
# </details>

# %% [markdown]
# ## What the other images can give
#
# The other 296 hearts show how hearts vary: thick and thin ones, bright and dark ones. A **semi-supervised** method
# learns from them without being told their outlines. (Two neighbours: *weakly supervised* learning has cheaper labels, boxes or clicks, and *self-supervised* learning has none at first and sets itself tasks, such as filling holes.) [Lesson 09](09_ucmt.ipynb) builds **UCMT** (Shen et al., IJCAI
# 2023): two *students* that teach each other, and a *teacher* that follows both. Here is a run of it that was recorded
# earlier, on four labeled hearts, 600 iterations long. Give a guess first, then move through its training:

# %% [markdown] lang="zh" english="e0371b45"
# ## 其他图像能给我们什么
#
# 其余的 296 颗心脏展示了心脏怎样变化：有厚有薄，有明有暗。**半监督**方法不必知道它们的轮廓，也能从中学习。（它有两位邻居：*弱监督*学习用更便宜的标注，例如方框或点击；*自监督*学习起初没有标注，自己给自己出题，例如补全缺失的部分。）[第 09 课](09_ucmt.ipynb)搭建 **UCMT**（Shen et al., IJCAI 2023）：两个互相教学的*学生*，和一位跟随两者的*教师*。下面是它的一次训练，用四张有标注的心脏图像，共 600 次迭代，事先已经记录下来。先猜一猜，再在训练过程中前后移动看看：

# %% tags=["explorer"]
from ucmt_lite.explore import compare, training
from ucmt_lite.explore.predict_first import a_number, predict_first
from ucmt_lite.training import traces

ucmt = traces.recorded("heart_ucmt_50")
agreed = compare.settled(ucmt, "disagreement", 0.1)["UCMT"]
question = "From which iteration on do the two students agree, with a Dice of 0.9 or more between them?"
predict_first(training.widget(ucmt), a_number(question, agreed, (0, 600), "iterations"))

# %% [markdown] lang="zh" english="60885f57"
# > **图：** 从第几次迭代起，两个学生达成一致，彼此之间的 Dice 不低于 {1}？
# >
# > <details><summary>答案</summary>第 {2} 次迭代，标尺从 {3} 到 {4}。UCMT 训练 {5} 次迭代后，在探针图像 {6} 上：学生 {7} 的 Dice 为 {8}，学生 {9} 为 {10}，教师为 {11}。学生 {12} 与学生 {13} 在 {14} % 的像素上不同。平均不确定性为 {15} 奈特，在距真实边界两个像素以内为 {16}。</details>

# %% [markdown]
# Yellow (dashed) is student 1, blue (dotted) student 2, green (dash-dotted) the teacher; the students **disagree** where their decisions differ, and
# **uncertainty** is how undecided two networks are together, in *nats*, a unit of information. Both shrink, and stay longest at the borders. (*Probe images* are the few
# validation images that are watched during training.)
#
# Beside it the supervised baseline, trained for as many iterations from the same labels. The line is the mean of five
# **seeds**, the band spans them: another seed means four other labeled images and other first weights.

# %% [markdown] lang="zh" english="bf7f9667"
# 黄色（虚线）是学生 1，蓝色（点线）是学生 2，绿色（点划线）是教师；学生的决策不同，就是有**分歧**；**不确定性**是两个网络合在一起有多犹豫，单位是*奈特*（nat），一种信息量的单位。两者都在缩小，在边界上留得最久。（*探针图像*是训练中一直观察的几张验证图像。）
#
# 旁边是有监督的基线，用同样的标注训练了同样多的迭代。线是五个**种子**的均值，色带是它们的范围：换一个种子，就是另外四张有标注的图像和另外的初始权重。

# %% tags=["explorer"]
runs = {
    method: [traces.recorded(f"heart_{method}_{n}") for n in range(50, 55)]
    for method in ("supervised", "ucmt")
}
ends = compare.values_at(runs, "dice")
question = f"The baseline ends at a Dice of {ends['supervised'].mean():.2f}. Where does UCMT end?"
predict_first(compare.widget(runs, ["dice"]), a_number(question, ends["UCMT"], (0, 1)))

# %% [markdown] lang="zh" english="106746f1"
# > **图：** 基线的终点是 Dice {1}。UCMT 的终点在哪里？
# >
# > <details><summary>答案</summary>{2}，这是 {3} 次训练的均值（{4} 至 {5}），标尺从 {6} 到 {7}。训练过程中的曲线，每条线 {8} 次训练。结束时的 Dice：有监督 {9}，UCMT {10}。</details>

# %% [markdown]
# Those are the 16 validation images that were watched during training. On 200 test images, on which no setting was chosen:

# %% [markdown] lang="zh" english="78d42645"
# 这些是训练中一直观察的 16 张验证图像。再看 200 张测试图像，它们没有参与选择任何设置：

# %%
from ucmt_lite.experiments import scores

scores.table(runs)

# %% [markdown]
# UCMT ends above the baseline in each of the five seeds, by 0.06 to 0.21. Two seeds of the baseline differ by as much, and UCMT took
# about eight times the training time. Would a simpler method have done as well, with half the gradient steps? Which parts are worth their
# price is a real question, and you will measure it (lessons 05 to 10).
#
# ## Recap
#
# - Labels are expensive, images are cheap; semi-supervised learning uses both.
# - Dice compares two regions: twice the overlap over the sum of the sizes.
# - A network trained on four labels can find most of a heart, and can find heart where there is none.
# - A comparison needs several seeds: the band in the last picture is as much a result as the line.
#
# **Questions.** Why is the share of right pixels a poor score for a small organ? What changes between two seeds? What can
# an image without an outline teach?
#
# <details><summary>Answers</summary>
#
# Most pixels are background, so calling everything background is mostly right. A seed draws the labeled images, the first
# weights, and all that is random in training. An image without an outline shows how organs vary, and lets a network find out
# whether it contradicts itself.
# </details>
#
# **References.** Shen et al., *Co-training with High-Confidence Pseudo Labels for Semi-supervised Medical Image
# Segmentation*, IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465). Ronneberger et al., *U-Net*, MICCAI
# 2015, [arXiv 1505.04597](https://arxiv.org/abs/1505.04597).
#
# **Next:** where labels come from, and who may judge, in [data and labels](01_data_and_labels.ipynb).

# %% [markdown] lang="zh" english="17d96f97"
# 五个种子中，UCMT 的终点每一个都高于基线，高出 0.06 至 0.21。基线的两个种子之间也会相差这么多，而且 UCMT 的训练时间约为八倍。更简单的方法用一半的梯度步数，会不会同样好？哪些部分值得它的代价，是一个真正的问题，你将亲自测量（第 05 至 10 课）。
#
# ## 小结
#
# - 标注昂贵，图像便宜；半监督学习两者都用。
# - Dice 比较两个区域：重叠的两倍，除以大小之和。
# - 用四个标注训练的网络，能找到一颗心脏的大部分，也会在没有心脏的地方找出心脏来。
# - 比较需要多个种子：最后一张图中的色带和线一样，都是结果。
#
# **思考题：** 对小器官来说，像素正确率为什么不是好的分数？两个种子之间有什么不同？没有轮廓的图像能教什么？
#
# <details><summary>答案</summary>
#
# 大多数像素是背景，所以把一切都判为背景，大体上是对的。种子决定抽到哪些有标注的图像、初始权重，以及训练中一切随机的东西。没有轮廓的图像展示器官怎样变化，也让网络发现自己是否自相矛盾。
# </details>
#
# **参考文献：** Shen et al., *Co-training with High-Confidence Pseudo Labels for Semi-supervised Medical Image Segmentation*, IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465). Ronneberger et al., *U-Net*, MICCAI 2015, [arXiv 1505.04597](https://arxiv.org/abs/1505.04597).
#
# **下一课：** 标注从哪里来，谁有资格评判，见[数据与标注](01_data_and_labels.ipynb)。
