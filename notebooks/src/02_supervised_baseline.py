# %% [markdown]
# # The supervised baseline: losses, scores, and a norm that lies
#
# Every method of this course is compared with one and the same rival: a network that is trained on the labeled images alone. If the
# rival is trained badly, every method looks good. So this lesson trains it well, and looks at what it cannot know.
#
# In this lesson you will
#
# - write the two losses that nearly all networks of this field descend: **cross-entropy** and **soft Dice**;
# - decide what a score means where there is nothing to find;
# - give the *same weights* two different statistics, and see other outlines;
# - see what four labels miss.

# %% tags=["parameters"]
iterations = 300
labeled = 4
seed = 0

# %% [markdown]
# ## The question
#
# > Two teams train the same network on the same four hearts. One reports a Dice of 0.75, the other 0.60. Nobody made an error.
# > What is different?
#
# It can be the loss, the score, or a layer that nobody mentions. One after the other.
#
# ## Cross-entropy: every pixel a question
#
# A network gives each pixel $i$ one number per class, the **logits** $z_{ik}$. The **softmax** makes probabilities of them,
#
# $$p_{ik} = \frac{e^{z_{ik}}}{\sum_j e^{z_{ij}}}, \qquad L_\text{CE} = -\frac{1}{N} \sum_i \ln p_{i\,y_i},$$
#
# and cross-entropy is the mean surprise at the true class $y_i$, in **nats** (units of the natural logarithm): 0 where the network was sure and right, large where
# it was sure and wrong.
#
# ### Exercise 1: write it
#
# *Medium, about 7 minutes.* `logits` is `B K H W`, `target` is `B H W` with class numbers. Return the mean over all pixels. (Not with
# `F.cross_entropy`, which does just this.)

# %% tags=["exercise"]
def my_cross_entropy(logits, target):
    # solution
    log_p = logits.log_softmax(dim=1)
    return -log_p.gather(1, target.unsqueeze(1)).mean()


# %% tags=["check"]
from ucmt_lite.course.checks import check_cross_entropy

check_cross_entropy(my_cross_entropy)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `logits.log_softmax(dim=1)` gives $\ln p$, and stays finite where `softmax(...).log()` does not.
# </details>
# <details><summary>Hint 2</summary>
#
# `x.gather(1, index)` picks along axis 1. `index` needs the same number of axes as `x`: `target.unsqueeze(1)`.
# </details>
# <details><summary>Hint 3</summary>
#
# A minus sign, and the mean over everything that is left.
# </details>

# %% [markdown]
# Cross-entropy counts pixels. With five pixels in six background, being a little surer about background can pay more than finding a small
# organ. The Dice overlap does not have this fault, but yes and no have no gradient. **Soft Dice** puts probabilities into its place:
#
# $$L_\text{Dice} = 1 - \frac{1}{BK} \sum_{b,k} \frac{2 \sum_i p_{bik}\, y_{bik} + \epsilon}{\sum_i p_{bik} + \sum_i y_{bik} + \epsilon}$$
#
# for each image $b$ and class $k$ on its own; $y_{bik}$ is 1 where pixel $i$ belongs to class $k$, else 0, and $\epsilon = 10^{-5}$. (Of a class that an image does not show, $y$ is 0: the loss is nearly 1 as long as anything of it is predicted, with almost no gradient, and falls to 0 only when next to nothing is. Cross-entropy is what teaches absence.)
#
# ### Exercise 2: write it
#
# *Medium, about 10 minutes.* The same arguments as above.

# %% tags=["exercise"]
import torch.nn.functional as F


def my_dice_loss(logits, target):
    # solution
    p = logits.softmax(dim=1).flatten(2)
    y = F.one_hot(target, logits.shape[1]).movedim(-1, 1).flatten(2)
    overlap = (p * y).sum(2)
    size = p.sum(2) + y.sum(2)
    return 1 - ((2 * overlap + 1e-5) / (size + 1e-5)).mean()


# %% tags=["check"]
from ucmt_lite.course.checks import check_dice_loss

check_dice_loss(my_dice_loss)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `F.one_hot(target, K)` is `B H W K`; `.movedim(-1, 1)` puts the classes where the logits have them.
# </details>
# <details><summary>Hint 2</summary>
#
# Sum over the pixels only, so that a fraction is left for each image and class; the mean of the fractions comes last.
# `.flatten(2)` makes one axis of all pixels.
# </details>

# %% [markdown]
# The kit descends half of each. The reason given for it is that cross-entropy gives every pixel a clear gradient and Dice keeps a small class from drowning. (`precise` computes in float32, in whatever precision the network does.)

# %%
from ucmt_lite.core.losses import segmentation_loss
from ucmt_lite.explore.draw.picture import show_source

show_source(segmentation_loss)

# %% [markdown]
# *Before you run:* which of the three will outline four-label hearts best, cross-entropy, Dice, or both? And by how much?

# %% tags=["hide-output"]
from ucmt_lite import RunConfig, train
from ucmt_lite.explore import compare

common = {"method": "supervised", "labeled": labeled, "seed": seed, "iterations": iterations}
names = {"both": "segmentation_loss", "Dice": "dice_loss", "cross-entropy": "cross_entropy"}
runs = {name: train(RunConfig(**common, settings={"loss": loss})) for name, loss in names.items()}
compare.figure({name: [run.trace] for name, run in runs.items()}, ["dice"])

# %% [markdown]
# <details><summary>Answer</summary>
#
# Cross-entropy alone is far behind, *both* and Dice are level. One seed, one picture: read it as one roll of dice. Over five seeds, measured with batch norm, the mean of Dice alone was ahead of that of both, and the difference *open*, as lesson 10 will call it: it may be chance ([heart_loss](../results/heart_loss/README.md)). The kit keeps the half and half because its methods were all tuned with it; a reason for a loss is no proof of it.
# </details>
#
# ## A score where there is nothing to find
#
# A scan without a tumour, a slice below the heart: the truth is empty. If the prediction is empty, too, Dice is 0/0. The kit
# says 1, since both agree. Then a network that never finds anything has a perfect score on every empty image, and
# a set with many empty images praises it. So the kit gives two means: over all images, and over those that *show* the class.
#
# ### Exercise 3: both means
#
# *Medium, about 8 minutes.* `predictions` and `truths` are lists of boolean masks of one class. Return two numbers: the mean Dice over all images
# (1 where both masks are empty), and the mean over the images whose truth is not empty.

# %% tags=["exercise"]
def my_mean_scores(predictions, truths):
    # solution
    scores, present = [], []
    for p, t in zip(predictions, truths, strict=True):
        size = int(p.sum() + t.sum())
        score = 2 * int((p & t).sum()) / size if size else 1.0
        scores.append(score)
        if t.any():
            present.append(score)
    return sum(scores) / len(scores), sum(present) / len(present)


# %% tags=["check"]
from ucmt_lite.course.checks import check_mean_scores

check_mean_scores(my_mean_scores)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Where `p.sum() + t.sum()` is 0 there is nothing to divide by: that image scores 1.
# </details>
# <details><summary>Hint 2</summary>
#
# An object where there is none (prediction full, truth empty) scores 0 in the first mean, and does not enter the second.
# </details>

# %% [markdown]
# Papers also report the **Jaccard** index, overlap over union. For one mask it is no second opinion:
# $J = D / (2 - D)$, so a Dice of 0.80 is a Jaccard of 0.67. *That holds for one mask, not for means.* Two images with a Dice of 0.80 each have the means 0.80 and 0.67; two with 1.00 and 0.58 have 0.79 and 0.70: less Dice, more Jaccard. So see which of the two a table prints, and never compute the one from the other.
#
# Two more things a table must say. *Each image by itself, or all pixels together?* The mean of the images' Dice lets a small object count as much as a large
# one; a Dice of all pixels pooled is decided by the large ones. The kit takes the mean. (A small object scores lower for the same quality: one wrong rim of pixels is a larger share of it.) And Dice does not say *where* the errors are: a thin rim everywhere and
# one far island may cost the same overlap. Distances between the borders tell them apart: **HD95** is the distance that 95 % of border points keep within,
# **ASD** the mean distance, both in pixels or millimetres, and smaller is better. (Why not the largest distance, Hausdorff's? A single stray pixel would decide it. The price is that an island with fewer than one in twenty of the border points does not show. And packages differ: MONAI takes the larger of the two directions, others pool both and report less, so name yours.) Where one of the two masks is empty there is no border to measure to: such images are left out of the mean, and a table has to count them (*no distance*).
#
# None of these numbers is yet what a clinic asks. A ball drawn with a radius 5 % too large has a Dice of 0.93, and a volume that is 16 % too large. So report what the decision hangs on as well: the *signed* error of the volume, how many lesions were found at all and how many invented, and the worst patients beside the mean.
#
# ## The layer that nobody mentions
#
# After each convolution a **norm** brings the numbers of a feature map to mean 0 and variance 1. **Batch norm** takes mean and variance over
# the minibatch while training, and a running average of them afterwards. With four images in a minibatch the average wavers
# and lags, and what predicts is another function than what was trained. **Instance norm** takes them from each image alone, in training and prediction alike.
#
# ### Exercise 4: write instance norm
#
# *Medium, about 6 minutes.* `x` is `B C H W`. Return $(x - \mu) / \sqrt{\sigma^2 + 10^{-5}}$ with mean and variance (divided by the number of pixels) of each channel of each image. (The layer
# also has a scale and an offset to learn; leave them out.)

# %% tags=["exercise"]
def my_instance_norm(x):
    # solution
    mean = x.mean(dim=(2, 3), keepdim=True)
    variance = x.var(dim=(2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (variance + 1e-5).sqrt()


# %% tags=["check"]
from ucmt_lite.course.checks import check_instance_norm

check_instance_norm(my_instance_norm)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `x.mean(dim=(2, 3), keepdim=True)` is `B C 1 1`, which fits x again.
# </details>
# <details><summary>Hint 2</summary>
#
# `unbiased=False`: torch otherwise divides by one less than the number of pixels.
# </details>

# %% [markdown]
# Now the experiment. Three runs, all on the same labels. The first two are trained alike to the last digit: `statistics="estimated"` replaces, *after* training, the running
# averages by those of the training images as the finished network sees them. Not a weight moves. The third has instance norm.

# %%
from ucmt_lite import evaluate
from ucmt_lite.data import cases

kinds = {
    "batch norm, running statistics": {"norm": "batch"},
    "batch norm, estimated statistics": {"norm": "batch", "statistics": "estimated"},
    "instance norm": {"norm": "instance"},
}
nets = {name: train(RunConfig(**common, **kind)) for name, kind in kinds.items()}

# %%
from ucmt_lite.data import load

validation = cases(load("phantom_heart", size=64).splits["validation"])
for name, run in nets.items():
    print(f"{name:34} Dice {evaluate(run.net, validation, distances=False)['mean']['dice']:.3f}")

# %% [markdown]
# One set of weights, two sets of statistics, and in the mean the two are level here. (The curve above scores the few images watched in training, this table all 50.) Look at a single image:

# %%
from ucmt_lite import segment
from ucmt_lite.explore.draw.picture import segmentations

image, truth = validation.images[1], validation.masks[1]
kinds = {"student1": "batch norm, running statistics", "student2": "batch norm, estimated statistics"}
masks = {name: nets[kind].net for name, kind in kinds.items()}
segmentations(image, {"truth": truth, **{name: segment(net, image) for name, net in masks.items()}})

# %% [markdown]
# Student 1 stands for the running statistics, student 2 for the estimated ones. The same weights outline 370 pixels with the first and 488 with the second, and not the same ones. Whatever the sign, that is no difference of *method*: it is bookkeeping. In
# semi-supervised training the minibatch also holds unlabeled images and strongly changed views, all in one running average, and the damage is greater: under an earlier recipe of this
# kit (its norm, views and rate of then) a Mean Teacher on hearts was 0.08 below its baseline where both kinds of images went through batch norm together, and where it was where they went apart (three seeds, which cannot tell a small difference from none; [heart_batchnorm](../results/heart_batchnorm/README.md)).
#
# Instance norm is *behind* in this run, 0.740 against 0.785: a baseline that sees nothing but labeled hearts does not need it. The kit's default is instance norm all the same, since photographs and volumes do, and the methods with two kinds of images in a minibatch lost nothing by it that showed (trials of two seeds). (On photographs of polyps, in single trials, a baseline ended at 0.50 with batch norm and at 0.59 with instance norm; new statistics did not help there, so it was the training that suffered: [recipe_steps](../results/recipe_steps/README.md).)
#
# And the two teams of the beginning? Here the loss alone can part them (0.73 against 0.54 on the images watched in training), and so can what a score makes of empty masks. The norm moved single masks far, and the mean by 0.003 to 0.045.
#
# ## What four labels miss
#
# The mean hides where the errors are. The five validation images with the lowest Dice, and the class that is lost on each:

# %%
rows = evaluate(nets["instance norm"].net, validation, distances=False)["cases"]
classes = load("phantom_heart", size=64).classes[1:]
for row in sorted(rows, key=lambda row: sum(row["dice"]))[:5]:
    print(row["id"], {name: round(dice, 2) for name, dice in zip(classes, row["dice"], strict=True)})

# %% [markdown]
# Look at the worst of them. What is unusual about that heart?

# %%
worst = min(range(len(rows)), key=lambda place: sum(rows[place]["dice"]))
mask = segment(nets["instance norm"].net, validation.images[worst])
segmentations(validation.images[worst], {"truth": validation.masks[worst], "student1": mask})

# %% [markdown]
# It is small, one of the smallest of the fifty, and the network finds a second heart in the dim organ below. (A common repair keeps the **largest connected piece** of each class and deletes the rest. It fits an organ of which there is exactly one, and helps if the true piece *is* the largest, which here it need not be. Of lesions, vessels or paired organs it deletes true ones and does not say so. Whoever uses it uses it for every method, and reports the score without it as well.) Four labeled hearts show four sizes; a fifth, a brighter muscle, a heart at the edge of the image were never among them. But hearts like it *are* among the 296 images without labels. That is what the rest of the course is about.
#
# ## Recap
#
# - Cross-entropy asks every pixel, Dice asks every class. The kit descends half of each.
# - An empty truth is a decision: name it, and report the mean over images that show the class.
# - Jaccard is Dice on another scale, mask by mask; of two means neither follows from the other.
# - Batch norm with few images predicts with other numbers than it trained with. Same weights, two masks: look there before you praise a method.
#
# **References.** Milletari et al., *V-Net*, 3DV 2016, [arXiv 1606.04797](https://arxiv.org/abs/1606.04797). Ioffe & Szegedy, *Batch normalization*, ICML 2015,
# [arXiv 1502.03167](https://arxiv.org/abs/1502.03167). Ulyanov et al., *Instance normalization*, [arXiv 1607.08022](https://arxiv.org/abs/1607.08022). Reinke et al., *Understanding
# metric-related pitfalls*, Nature Methods 2024, [arXiv 2302.01790](https://arxiv.org/abs/2302.01790).
#
# **Next:** an unlabeled image teaches for the first time, in [Mean Teacher](03_mean_teacher.ipynb).
