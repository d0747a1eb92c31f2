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

# %%
from ucmt_lite.data import cases, load

source = load("phantom_heart", size=64)
train_set = cases(source.splits["train"])
validation = cases(source.splits["validation"])
print(f"{len(train_set)} images to train on, classes: {', '.join(source.classes)}")

# %% [markdown]
# An image and its **mask**: the class of every pixel. The right ventricle (a crescent), the left ventricle (a disc) and
# the muscle around it, the myocardium.

# %%
from ucmt_lite.explore.draw.picture import segmentations

segmentations(train_set.images[0], {"truth": train_set.masks[0]})

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

# %% [markdown]
# ### Exercise 2: the score that flatters
#
# *Easy, about 3 minutes.* Why not simply count the pixels that are right? Return the share of pixels on which both masks say the same.

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

# %% [markdown]
# Now be lazy: call every pixel of every validation image background.

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

# %%
from ucmt_lite.explore.draw.picture import show_source
from ucmt_lite.methods.supervised import supervised

show_source(supervised)

# %% [markdown]
# And this is what the trained network says of a heart it has not seen:

# %%
from ucmt_lite.predict import segment

mask = segment(run.net, validation.images[0])
segmentations(validation.images[0], {"truth": validation.masks[0], "student1": mask})

# %% [markdown]
# The heart is found. Look at the bright vessel at the lower right: the network also outlines a piece of it, as if it were a second
# heart. One image proves little. Over all 50 validation images:

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

# %% [markdown]
# ## What the other images can give
#
# The other 296 hearts show how hearts vary: thick and thin ones, bright and dark ones. A **semi-supervised** method
# learns from them without being told their outlines. [Lesson 09](09_ucmt.ipynb) builds **UCMT** (Shen et al., IJCAI
# 2023): two *students* that teach each other, and a *teacher* that follows both. Here is a run of it that was recorded
# earlier, on four labeled hearts. Move through its training:

# %% tags=["explorer"]
from ucmt_lite.training import traces
from ucmt_lite.explore import training

ucmt = traces.recorded("heart_ucmt_50")
training.widget(ucmt)

# %% [markdown]
# Yellow (dashed) is student 1, blue (dotted) student 2, green (dash-dotted) the teacher; the students **disagree** where their decisions differ, and
# **uncertainty** is how undecided two networks are together. Both shrink, and stay longest at the borders.
#
# Beside it the supervised baseline, trained for as many iterations from the same labels. The line is the mean of five
# **seeds**, the band spans them: another seed means four other labeled images and other first weights.

# %% tags=["explorer"]
from ucmt_lite.explore import compare

runs = {
    method: [traces.recorded(f"heart_{method}_{n}") for n in range(50, 55)]
    for method in ("supervised", "ucmt")
}
compare.widget(runs, ["dice"])

# %% [markdown]
# Those are the 16 validation images that were watched during training. On 200 test images, on which no setting was chosen:

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
