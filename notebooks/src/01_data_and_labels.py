# %% [markdown]
# # Data and labels: who may teach, who may judge
#
# Before a network learns anything, three decisions are made about the data: what a label is, which images teach, and which images
# judge. None of them shows in an equation, and each of them can make every number of a study worthless. They are quickly made
# well, once one has seen them made badly.
#
# In this lesson you will
#
# - read a **data card** and count what is on the masks;
# - draw a mask yourself, and see what a label costs;
# - split images so that no **patient** is on both sides, and have the split checked;
# - find an image that is in the training set and in the test set, and measure what such a **leak** is worth.

# %% tags=["parameters"]
iterations = 300
seed = 0

# %% [markdown]
# ## The question
#
# > A network outlines its test images with a Dice of 0.95. What would you ask before you believe it?
#
# Every set of the course has a card that answers the first questions: where the images come from, who drew the masks, what each class
# is, how they were split (those of this kit are [data cards](https://github.com/ucmt-lite/ucmt-lite/blob/v0.1.0/data_cards/README.md)). Here is how a phantom is split; its seeds are those of the drawing, not of a run:

# %%
from ucmt_lite.data import cases, load

source = load("phantom_heart", size=64)
train_set = cases(source.splits["train"])
validation = cases(source.splits["validation"])
print({name: len(split) for name, split in source.splits.items()}, source.split_rule)

# %% [markdown]
# Three parts, three jobs. The **training set** teaches. The **validation set** is for choosing: how long to train, which weight a loss
# gets. The **test set** judges, once, when nothing is chosen any more. Whoever chooses on the test set reports the luckiest of many tries.
#
# ## What is on a mask
#
# A **mask** gives each pixel the number of a class, 0 for the background. One heart:

# %%
from ucmt_lite.explore.draw.picture import segmentations

segmentations(train_set.images[3], {"truth": train_set.masks[3]})

# %% [markdown]
# *Before you count:* how much of an image is heart? And which of its three parts is the smallest?
#
# ### Exercise 1: count the classes
#
# *Easy, about 5 minutes.* `masks` is a list of arrays `H W` of class numbers, `classes` how many there are. Return the share of all pixels
# that each class has, as an array of length `classes`. A class that no mask shows has the share 0.

# %% tags=["exercise"]
import numpy as np


def my_class_shares(masks, classes):
    # solution
    pixels = np.concatenate([mask.ravel() for mask in masks])
    return np.bincount(pixels, minlength=classes) / len(pixels)


# %% tags=["check"]
from ucmt_lite.course.checks import check_class_shares

check_class_shares(my_class_shares)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `np.bincount(numbers)` counts how often 0, 1, 2, ... occur. It wants one axis: `mask.ravel()`.
# </details>
# <details><summary>Hint 2</summary>
#
# `minlength=classes` keeps a place for classes that do not occur.
# </details>
# <details><summary>Hint 3</summary>
#
# Masks may differ in size. Put all pixels together first, then divide once; the mean of the shares of each mask is another number.
# </details>

# %% [markdown]
# `ucmt-lite data NAME` prints the same for any set, with sizes, patients, and what looks odd. Here it is for the hearts:

# %%
from ucmt_lite.data.survey import survey

print(*survey(source)[6:], sep="\n")

# %% [markdown]
# Five pixels in six are background. A network that always says "background" is right about all of them and has found nothing.
# That is why this field counts overlap (Dice) and not pixels.
#
# ## What a label costs
#
# Draw one: outline the whole heart below, then press *compare*. The board tells how long you took and how well you agree with the
# truth. (Without a kernel you see the empty board.)

# %% tags=["explorer"]
from ucmt_lite.explore import annotate

annotate.widget(train_set.images[5], (train_set.masks[5] > 0).astype("uint8"))

# %% [markdown]
# Perhaps two minutes, for an image of 64 x 64 pixels with one class. A cardiac scan has some twenty slices with three classes to draw, or ninety with one, and the expert who may draw
# them is needed elsewhere. This is the whole reason for **semi-supervised** learning: images are there already, labels are bought
# one by one.
#
# And a second expert would draw another mask. Seven laboratories that are specialised in it read the same fifteen hearts, and differed in the ejection fraction (the share of its blood that the heart pumps out in a beat) by 5 to 8 points, mostly because
# each put its contours a little further in or out (Suinesiaputra et al., 2015). So let two people draw ten of your images. The Dice between *them* says how exact your truth is. A mask between the two may agree with each better than they agree with each other, so that number is no ceiling; but where methods differ by less than readers do, a higher score against one reader may only be his habits. (A phantom has one reader, who never errs.)
#
# ## Who is the same patient?
#
# Scans of one patient resemble each other more than scans of two: the same body, the same scanner, often neighbouring slices.
# If some of them teach and others judge, the test measures memory. The unit that is split is therefore the **patient**, whatever the
# files are.
#
# ### Exercise 2: split by patient
#
# *Medium, about 8 minutes.* `patients` maps each image to its patient. Return two lists of images, training and test: no patient in both,
# every image in one, the share `share` of the *patients* in the test list (rounded, one at least), and the same lists for the same `seed`, also
# when the program is started anew.

# %% tags=["exercise"]
import random


def my_split(patients, share, seed):
    # solution
    order = sorted(set(patients.values()))
    random.Random(seed).shuffle(order)
    tested = set(order[: max(1, round(share * len(order)))])
    train = [image for image, patient in patients.items() if patient not in tested]
    test = [image for image, patient in patients.items() if patient in tested]
    return train, test


# %% tags=["check"]
from ucmt_lite.course.checks import check_split_by_patient

check_split_by_patient(my_split)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# First decide for the patients, `set(patients.values())`, then sort the images into two lists by their patient.
# </details>
# <details><summary>Hint 2</summary>
#
# `random.Random(seed).shuffle(order)` shuffles a list in place, the same way each time. The order of a `set` is not the same each time: sort
# it first.
# </details>
# <details><summary>Hint 3</summary>
#
# `max(1, round(share * number_of_patients))` patients are tested on.
# </details>

# %% [markdown]
# Where a folder of files does not say who is who, the kit looks at the names and tells what it suspects; a file `groups.csv` or
# `--group` settles it ([lesson 12](12_your_own_data.ipynb)).
#
# ## The same image twice
#
# Public sets contain images twice: copied, re-coded, or a little brighter. Each copy across a split is a leak that no list of names
# shows. Someone has slipped training images into the test set below, with other brightness and contrast. How many, and which?

# %%
from ucmt_lite.course.planted import leaked_test_set

test_images, how_many = leaked_test_set(train_set.images, validation.images, seed=seed)
print(f"{len(test_images)} test images, some of them not what they should be")

# %% [markdown]
# ### Exercise 3: find the twins
#
# *Medium, about 8 minutes.* `train` and `test` are arrays `N H W` of floats. Return the list of indices of test images that are a training image
# with other brightness and contrast, `a * image + b`, give or take a little noise.

# %% tags=["exercise"]
def my_twins(train, test):
    # solution
    def standardised(images):
        flat = images.reshape(len(images), -1)
        flat = flat - flat.mean(axis=1, keepdims=True)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    likeness = standardised(test) @ standardised(train).T
    return [index for index, row in enumerate(likeness) if row.max() > 0.99]


# %% tags=["check"]
from ucmt_lite.course.checks import check_twins

check_twins(my_twins)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Brightness and contrast vanish when each image is **standardised**: subtract its mean, divide by its standard deviation. Then twins are equal,
# up to the noise.
# </details>
# <details><summary>Hint 2</summary>
#
# The correlation of two images is the mean product of the standardised ones: 1 for twins, less for all others. With the images as rows of two
# matrices, `test @ train.T` has all pairs at once.
# </details>
# <details><summary>Hint 3</summary>
#
# Two hearts of different patients reach nearly 0.8 here, since all hearts look alike. Ask for 0.99.
# </details>

# %% [markdown]
# How many did the culprit slip in? With your function written, this counts them: `my_twins(np.stack(train_set.images)[:, 0].astype(float),
# test_images)`.
#
# <details><summary>The answer</summary>
#
# Three: indices 4, 17 and 31 with seed 0. `ucmt-lite data` finds such pairs, too, by comparing coarse outlines of images (a *difference hash*); on the public
# skin lesions of ISIC 2018 it finds eight pairs across the lists that this kit uses (those of AdaMix's code).
# </details>
#
# Neither names nor twins find two *different* pictures of one person. Without a key (the PatientID of DICOM, a study number) the split is by image: say so below the table, and claim nothing about new patients.
#
# ## What a leak is worth
#
# How much would a leak change the score? An extreme case tells: score a network on the very images whose masks it was trained on.

# %%
from ucmt_lite import RunConfig, evaluate, train

run = train(RunConfig(method="supervised", labeled=4, seed=seed, iterations=iterations))
seen = evaluate(run.net, train_set.select(run.labeled_ids), distances=False)["mean"]["dice"]
unseen = evaluate(run.net, validation, distances=False)["mean"]["dice"]
print(f"Dice on its own four training images {seen:.2f}, on images it never saw {unseen:.2f}")

# %% [markdown]
# The difference is what the network *remembers* of images whose masks taught it; a leaked image without its mask gives less. (A method that has the test images, without their masks, among its unlabeled ones is called **transductive**. That is fair where just these images are to be outlined; about the next patient its score says less, so it has to be named. Validation images among the unlabeled ones leave the test clean; but what they choose was chosen on images that the method has seen. Where the kit splits a folder by itself, it leaves out images without a mask whose patient is tested on.) A test set with a share $q$ of leaked images reports about $q$ times that difference too much, and
# the more a method can remember the more it gains. So a leak does not only flatter: it can change who wins.
#
# There is a quieter leak: *numbers* computed over all images. Grey values are usually brought to one scale before they enter a network, by the mean and
# standard deviation of each image itself or of the training set. Taken over training and test images together, they carry something of the test set into training.
# The kit scales photographs by a constant (bytes to -1 to 1), and scans each by its own grey values, so no number passes from one image to another.
#
# ## Which labels?
#
# One decision is left: which images get the labels. Not by a look at the masks, which one would not have yet. Here a seed draws them, and the number of the seed is kept with each result. Two seeds can differ
# by two tenths in Dice ([results](../results/recipe_heart/README.md)), as much as two methods do. (A seed also draws the first weights and the order of the images; which of them did it these runs cannot say.) So comparisons use the *same* labels for every method, and several draws. To choose on purpose is called **active learning**: one takes images that differ most from each other, or
# those that a first network doubts most. With four labels there is hardly a network whose doubts are worth asking, so difference is the more natural rule at the start; and whatever chose, every method has to get the same. Three draws:

# %%
from ucmt_lite.data import split_labeled

for draw in (0, 1, 2):
    print(draw, split_labeled(train_set, None, labeled=4, seed=draw)[0])

# %% [markdown]
# ## Recap
#
# - Training set to learn, validation set to choose, test set to judge once.
# - The patient is the unit that is split. Twins and neighbours across a split measure memory.
# - It is the unit of a label budget, too: a tenth of all *slices*, drawn from everybody, has seen every patient; a tenth of the *patients* has not. Say which (`labeled_by` in a configuration). In papers, ten per cent of the cardiac set ACDC are seven of 70 patients, ten per cent of the left atrium eight of 80 scans: a gain "at 10 %" is one from seven people, or eight scans.
# - Most pixels are background: count overlap, not pixels.
# - Which images are labeled is part of the experiment: it is drawn by a seed, and written down.
#
# **References.** Kaufman et al., *Leakage in data mining*, ACM TKDD 2012. Codella et al., *Skin lesion analysis toward melanoma detection 2018*,
# [arXiv 1902.03368](https://arxiv.org/abs/1902.03368). Suinesiaputra et al., *Quantification of LV function and mass by cardiovascular magnetic resonance: multi-center variability and consensus contours*, JCMR 2015.
#
# **Next:** what four labels can teach, and what they cannot, in [the supervised baseline](02_supervised_baseline.ipynb).
