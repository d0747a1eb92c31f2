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
# # 从这里开始：四张标注，三百张图像
#
# 请专家画出一个器官的轮廓，每张图像要花几分钟，而图像有成千上万。所以在医学影像中，标注很少，图像很多。这套课程讲的是如何**两者都用**：既向少数带轮廓的图像学习，也向其余没有轮廓的图像学习。
#
# 本课中你将
#
# - 认识课程所用的图像，以及给轮廓打分的那个数：**Dice** 重叠；
# - 用四张有标注的心脏图像训练一个小网络，不到一分钟；
# - 看看它在哪里失败，更多标注又能改善多少；
# - 看看 UCMT 在四张标注上已记录的训练；整套课程正是通向这个方法。

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
# > 四张心脏图像有轮廓，296 张没有：网络对从未见过的心脏，能把轮廓画得多好？
#
# 这些图像是**仿真体模**：由计算机画出，样子像心脏 MR，因此什么也不用下载，真值也完全已知。真实图像和你自己的图像都可以取而代之：设置见[实验笔记本](90_experiment.ipynb)。

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
# 一张图像和它的**掩膜**，即每个像素的类别。这里有右心室（月牙形）、左心室（圆盘形），以及包着左心室的心肌。

# %%
from ucmt_lite.explore.draw.picture import segmentations

segmentations(train_set.images[0], {"truth": train_set.masks[0]})

# %% [markdown] lang="zh" english="60e3c4b8"
# > **图：** 一张图像，上面画着真值的轮廓（{2} 个像素中的 {1} 个）。

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
# ## 用一个数评价轮廓
#
# 预测区域 $A$ 与真实区域 $B$ 用 **Dice** 重叠来比较（Dice, 1945）：
#
# $$\mathrm{Dice}(A, B) = \frac{2\,|A \cap B|}{|A| + |B|}$$
#
# 两者相同时为 1，没有共同像素时为 0。背景不参与计算，所以把一切都判为背景的网络得 0，尽管它对大多数像素的判断都是对的。
#
# ### 练习 1：写出来
#
# *简单，约 3 分钟。* `prediction` 和 `truth` 是形状相同的布尔张量。返回 Dice 重叠。（两个掩膜都为空时是 0/0。这里不必管它；工具包把它算作 1。）

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
# 对布尔张量，`a & b` 在两者都为真处为真，`.sum()` 用来计数。
# </details>
# <details><summary>提示 2</summary>
#
# 同属两个掩膜的像素，在分子里要数两次，因为它们每一个都既在 A 中，也在 B 中。
# </details>
# <details><summary>提示 3</summary>
#
# 分母是两个大小之和，而不是并集的大小。
# </details>

# %% [markdown]
# ### Exercise 2: the score that flatters
#
# *Easy, about 3 minutes.* Why not simply count the pixels that are right? Return the share of pixels on which both masks say the same.

# %% [markdown] lang="zh" english="83ed0409"
# ### 练习 2：讨人喜欢的分数
#
# *简单，约 3 分钟。* 为什么不直接数判断正确的像素？返回两个掩膜说法相同的像素所占的比例。

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
# 这个比例由背景说了算；器官很小，几乎不起作用。而那个偷懒的答案，无论心脏多大，Dice 都是 0。
#
# ## 用四张标注来训练
#
# 一次训练由一个 `RunConfig` 描述。网络是一个小的 **U-Net**，医学图像分割中最常用的网络：它在几个尺度上看图像，给每个像素一个类别。这里它有 113 千个参数，笔记本电脑也带得动。

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
# `supervised` 的意思是：只从有标注的图像学习。它的一步就是下面这些。`batch.x1` 是有标注的图像，随机翻转、旋转、稍稍移动，对比度、亮度和清晰度也随机改变；`batch.y` 是它们的掩膜；`minimize` 走一个梯度步。`segmentation_loss` 就是要降低的损失：一半是交叉熵，一半是*软* Dice 损失，即一减去用概率算的 Dice，因为非此即彼的判断没有梯度。（后面的课把它记作 $\ell$。`clock` 给出迭代次数；这个方法用不到它。）工具包把第一个网络称为*学生 1*，即使此时还没有谁来教它：

# %%
from ucmt_lite.explore.draw.picture import show_source
from ucmt_lite.methods.supervised import supervised

show_source(supervised)

# %% [markdown]
# And this is what the trained network says of a heart it has not seen:

# %% [markdown] lang="zh" english="35574aaf"
# 训练好的网络对一张没见过的心脏图像是这样说的：

# %%
from ucmt_lite.predict import segment

mask = segment(run.net, validation.images[0])
segmentations(validation.images[0], {"truth": validation.masks[0], "student1": mask})

# %% [markdown] lang="zh" english="c52b1771"
# > **图：** 一张图像，上面画着真值的轮廓（{2} 个像素中的 {1} 个）和学生 {3} 的轮廓（{5} 个像素中的 {4} 个，与真值的 Dice 为 {6}）。

# %% [markdown]
# The heart is found. Look at the bright vessel at the lower right: the network also outlines a piece of it, as if it were a second
# heart. One image proves little. Over all 50 validation images:

# %% [markdown] lang="zh" english="82a7aa44"
# 心脏找到了。看右下方那条明亮的血管：网络把它的一部分也圈了出来，仿佛那是第二个心脏。一张图像说明不了什么。在全部 50 张验证图像上：

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
# one run is one run: another draw of labels, even another order of sums in the optimiser, moves such numbers by several
# hundredths. All 300 gain most on the right ventricle, the part that varies most in shape: 0.72 to 0.86.
# </details>

# %% [markdown] lang="zh" english="67f0e836"
# ### 练习 3：先预测，再运行
#
# *简单，约 4 分钟。* 如果有 16 张标注而不是 4 张，均值会是多少？全部 300 张呢？写下两个猜测，以及提升最多的会是哪一类。然后在参数单元格里改 `labeled`，从那里重新运行笔记本。
#
# <details><summary>我们用种子 0 得到的结果</summary>
#
# 平均 Dice：4 张标注为 0.77，16 张为 0.87，300 张为 0.88，也就是说，先加的十二张比后加的 284 张收获更大。不过一次训练只是一次训练：换一批标注，甚至换一下优化器里求和的次序，这样的数就会变动百分之几。用上全部 300 张，提升最多的是右心室，也就是形状变化最大的部分：从 0.72 到 0.86。
# </details>

# %% [markdown]
# ## What the other images can give
#
# The other 296 hearts show how hearts vary: thick and thin ones, bright and dark ones. A **semi-supervised** method
# learns from them without being told their outlines. [Lesson 09](09_ucmt.ipynb) builds **UCMT** (Shen et al., IJCAI
# 2023): two *students* that teach each other, and a *teacher* that follows both. Here is a run of it that was recorded
# earlier, on four labeled hearts. Move through its training:

# %% [markdown] lang="zh" english="a80e5f88"
# ## 其余图像能给什么
#
# 其余 296 张心脏图像告诉我们心脏如何各不相同：有厚有薄，有亮有暗。**半监督**方法向它们学习，而不需要知道它们的轮廓。[第 09 课](09_ucmt.ipynb)搭建 **UCMT**（Shen et al., IJCAI 2023）：两个互相教学的*学生*，和一位跟随两者的*教师*。这里是它在四张有标注的心脏上一次已记录的训练。请在训练过程中来回移动：

# %% tags=["explorer"]
from ucmt_lite.training import traces
from ucmt_lite.explore import training

ucmt = traces.recorded("heart_ucmt_50")
training.widget(ucmt)

# %% [markdown] lang="zh" english="061fdccd"
# > **图：** UCMT 训练 {1} 次迭代后，在探针图像 {2} 上：学生 {3} 的 Dice 为 {4}，学生 {5} 的 Dice 为 {6}，教师的 Dice 为 {7}。学生 {8} 与学生 {9} 在 {10} % 的像素上不同。平均不确定性为 {11} 奈特，在真实边界两个像素之内为 {12}。

# %% [markdown]
# Yellow (dashed) is student 1, blue (dotted) student 2, green (dash-dotted) the teacher; the students **disagree** where their decisions differ, and
# **uncertainty** is how undecided two networks are together. Both shrink, and stay longest at the borders.
#
# Beside it the supervised baseline, trained for as many iterations from the same labels. The line is the mean of five
# **seeds**, the band spans them: another seed means four other labeled images and other first weights.

# %% [markdown] lang="zh" english="7bbab36d"
# 黄色（虚线）是学生 1，蓝色（点线）是学生 2，绿色（点划线）是教师；两个学生的决策不同之处，就是**分歧**；**不确定性**则是两个网络合在一起有多犹豫。两者都会缩小，在边界上停留得最久。
#
# 旁边是有监督的基线，用同样的标注训练同样多的迭代。线是五个随机**种子**的均值，色带是它们的范围：换一个种子，就换四张有标注的图像，也换一套初始权重。

# %% tags=["explorer"]
from ucmt_lite.explore import compare

runs = {
    method: [traces.recorded(f"heart_{method}_{n}") for n in range(50, 55)]
    for method in ("supervised", "ucmt")
}
compare.widget(runs, ["dice"])

# %% [markdown] lang="zh" english="5f8efb9e"
# > **图：** 训练过程中的曲线，每条线 {1} 次训练。结束时的 Dice：有监督 {2}，UCMT {3}。

# %% [markdown]
# Those are the 16 validation images that were watched during training. On 200 test images, on which no setting was chosen:

# %% [markdown] lang="zh" english="78d42645"
# 这是训练时一直观察的 16 张验证图像。下面是 200 张测试图像，没有任何设置是根据它们选定的：

# %%
from ucmt_lite.experiments import scores

scores.table(runs)

# %% [markdown]
# UCMT ends above the baseline in each of the five seeds, by 0.06 to 0.21. Two seeds of the baseline differ by as much, and UCMT took
# about five times the training time. A simpler method, that of lesson 05, did as well in the mean (better in three of these seeds, worse
# in two), with half the gradient steps. So which parts are worth their price is a real question, and you will measure it.
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

# %% [markdown] lang="zh" english="faa04252"
# 在五个种子中，UCMT 每次都高于基线，高出 0.06 至 0.21。基线自己的两个种子之间也会差这么多，而 UCMT 花了大约五倍的训练时间。一个更简单的方法，即第 05 课的方法，平均起来同样好（五个种子中有三个更好，两个更差），梯度步数只有一半。所以，哪些部分值得它的代价，是一个真正的问题，你会亲自测量。
#
# ## 小结
#
# - 标注昂贵，图像便宜；半监督学习两者都用。
# - Dice 比较两个区域：重叠的两倍，除以大小之和。
# - 只用四张标注训练的网络能找到心脏的大部分，也会在没有心脏的地方找到心脏。
# - 比较需要几个种子：最后一张图里的色带，和线一样是结果。
#
# **思考题：** 为什么正确像素的比例不适合评价小器官？两个种子之间变了什么？没有轮廓的图像能教什么？
#
# <details><summary>答案</summary>
#
# 大多数像素是背景，所以把一切都判为背景，大体上也是对的。种子决定抽取哪些有标注的图像、初始权重，以及训练中一切随机的东西。没有轮廓的图像显示器官如何变化，也让网络能够发现自己是否自相矛盾。
# </details>
#
# **参考文献：** Shen et al., *Co-training with High-Confidence Pseudo Labels for Semi-supervised Medical Image Segmentation*, IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465). Ronneberger et al., *U-Net*, MICCAI 2015, [arXiv 1505.04597](https://arxiv.org/abs/1505.04597).
#
# **下一课：** 标注从哪里来，谁可以当裁判，见[数据与标注](01_data_and_labels.ipynb)。
