# %% [markdown]
# # Your own data: a folder, some masks, and no surprises
#
# Everything so far came in order. Your images do not. Masks are 0 and 255, or in colours, or a JPEG; files are called `P012_f3 (copy).png`; many images have no mask, which is the point of it all. This lesson makes such a folder, reads it, looks before it trains, trains, and looks again.
#
# In this lesson you will
#
# - turn grey masks into classes, and pair files by their names;
# - read patients from file names;
# - let `ucmt-lite data` say what it saw, and look at the *views* before training;
# - train on the images with masks and those without, and segment a new file.

# %% tags=["parameters"]
iterations = 150
labeled = 6
seed = 0

# %% [markdown]
# ## The question
#
# > A colleague sends a folder: 40 images, 12 masks. What do you check before you spend a night of computing on it?
#
# The folder below is such a one, made of phantoms so that you need not download anything: `images/` has 40 pictures, `masks/` has 12. Replace the path by yours when you are through.

# %%
from pathlib import Path

import numpy as np
from PIL import Image

from ucmt_lite.data import cases, load

skin = cases(load("phantom_skin", size=96).splits["train"])
folder = Path("my_images")
for kind in ("images", "masks"):
    (folder / kind).mkdir(parents=True, exist_ok=True)

# %%
for place, image in enumerate(skin.images[:40]):
    name = f"patient{place // 2:03d}_photo{place % 2}"
    Image.fromarray(np.moveaxis(image, 0, -1).squeeze()).save(folder / "images" / f"{name}.jpg")
    if place < 12:
        mask = Image.fromarray(skin.masks[place] * 255)
        mask.save(folder / "masks" / f"{name}_mask.png")

# %% [markdown]
# ## What is in a mask file?
#
# A network wants class numbers 0, 1, 2, ...; files hold grey values. The rule of the kit: the values of *all* masks of a set are looked at together, then each gets one meaning. A single file cannot tell: one that holds only 0 and 128 may be the second of three classes, or all there is.
#
# ### Exercise 1: from grey to classes
#
# *Medium, about 7 minutes.* `masks` is a list of arrays of grey values. Return the list of arrays of class numbers: the values that occur in any of them, in rising order, are the classes 0, 1, 2, ...

# %% tags=["exercise"]
def my_classes(masks):
    # solution
    values = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
    return [np.searchsorted(values, mask) for mask in masks]


# %% tags=["check"]
from ucmt_lite.course.checks import check_grey_to_classes

check_grey_to_classes(my_classes)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# First collect the values of all masks: `np.unique` of each, joined, `np.unique` again.
# </details>
# <details><summary>Hint 2</summary>
#
# `np.searchsorted(values, mask)` gives the place of each grey value in the sorted list.
# </details>

# %% [markdown]
# What if a mask was saved as JPEG? Then 0 and 255 have become 0, 1, 2, 253, 254, 255 and this rule would find six classes. The kit notices values that crowd around two and says so. Save masks as PNG.
#
# ## Which mask belongs to which image?
#
# ### Exercise 2: pair by name
#
# *Medium, about 8 minutes.* `images` and `masks` are lists of file names. A mask is called as its image with `_mask`, `_seg` or `_gt` before the ending, or just as its image; endings may differ. Return a dictionary from each image to its mask, or `None` where it has none.

# %% tags=["exercise"]
import re


def my_pairs(images, masks):
    # solution
    by_stem = {re.sub(r"_(mask|seg|gt)$", "", Path(mask).stem): mask for mask in masks}
    return {image: by_stem.get(Path(image).stem) for image in images}


# %% tags=["check"]
from ucmt_lite.course.checks import check_pairs

check_pairs(my_pairs)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `Path("a_mask.png").stem` is `"a_mask"`, the name without its ending.
# </details>
# <details><summary>Hint 2</summary>
#
# Make a dictionary of the masks first, with the name that their image has: `re.sub(r"_(mask|seg|gt)$", "", stem)` cuts off the end of the name, and only there.
# </details>
# <details><summary>Hint 3</summary>
#
# `dictionary.get(name)` is None where there is nothing. Sorting both lists and zipping them is the classic way to pair every image with a wrong mask.
# </details>

# %% [markdown]
# ## Whose image is it?
#
# ### Exercise 3: patients from names
#
# *Easy, about 5 minutes.* A name such as `patient012_photo1` begins with the patient; `scan_7-b` has the number 7; `IMG0042` says nothing, so each such image is its own patient. Return the part that names the patient: `patient012`, `scan_7`, else the whole name.

# %% tags=["exercise"]
def my_patient(name):
    # solution
    found = re.match(r"(patient|scan)_?\d+", name)
    return found[0] if found else name


# %% tags=["check"]
from ucmt_lite.course.checks import check_patient

check_patient(my_patient)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `re.match(pattern, name)` looks at the beginning; `\d+` is one digit or more, `_?` an underline or none.
# </details>
# <details><summary>Hint 2</summary>
#
# Take all digits: `patient01` and `patient012` are two people.
# </details>

# %% [markdown]
# ## Sixteen bits, and one bright pixel
#
# A photograph has grey values from 0 to 255. A scan may have 0 to 65,535, use a few hundred of them, and hold one clip of metal that is brighter than everything else. Divided by its largest value, such an image is black to a network.
#
# ### Exercise 4: stretch the contrast
#
# *Medium, about 6 minutes.* Map the `low`-th **percentile** of the grey values (the value that `low` % of the pixels do not exceed) to 0 and the `high`-th to 1, and clip what lies outside. An image of one single value becomes 0 everywhere. (The kit stretches 16-bit pictures from their smallest to their largest value and decides for the whole set whether it does; where a set has such pixels, stretch it like this before you hand it over. CT has a scale of its own, Hounsfield units, in which one window, such as -100 to 300 for soft tissue, does the same for every patient. MR has no such scale, so each scan is scaled by its own values. Whatever it is, a new image must be scaled as those in training were: the network knows nothing else.)

# %% tags=["exercise"]
import numpy as np


def my_stretch(image, low, high):
    # solution
    start, end = np.percentile(image, [low, high])
    if start == end:
        return np.zeros(image.shape)
    return np.clip((image.astype(float) - start) / (end - start), 0, 1)


# %% tags=["check"]
from ucmt_lite.course.checks import check_stretched

check_stretched(my_stretch)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `np.percentile(image, [low, high])` gives both; `np.clip(values, 0, 1)` cuts off what lies outside.
# </details>
# <details><summary>Hint 2</summary>
#
# Turn the image into floats first: whole numbers without a sign, as scans have them, cannot hold a negative difference. When both percentiles are equal, do not divide.
# </details>

# %% [markdown]
# Volumes come as NIfTI (`.nii.gz`) or HDF5 (`.h5` with `image` and `label`), and are read the same way (`--dataset nifti` or `hdf5`). DICOM series have to become NIfTI first, to train on (`dcm2niix` does it); `ucmt-lite predict` takes them as they are. With volumes what is new is the size of a voxel, which differs along the axes, and the orientation, which the kit brings into one.
#
# The kit gives distances (HD95, ASD) in the millimetres of each volume's spacing, and it does not resample: a network that learns from voxels of 1 mm and of 2 mm sees the same heart in two sizes, so bring your volumes to one spacing first. `shrink` counts voxels, not millimetres: with `shrink=2`, voxels of 0.6 x 0.6 x 1.2 mm become voxels of 1.2 x 1.2 x 2.4 mm. A patch of 32 voxels a side then sees 38 x 38 x 77 mm in place of 19 x 19 x 38. [Lesson 11](11_left_atrium_3d.ipynb) is about what resolution and windows do to volumes.
#
# ## Look before you train
#
# `ucmt-lite data folder --data my_images` prints what a careful colleague would look at. From Python:

# %%
from ucmt_lite.data.survey import survey

source = load("folder", root=folder, size=64)
print(*survey(source), sep="\n")

# %% [markdown]
# Read it line by line. How many cases are in each part, and how many patients? (60/20/20 % is of the six patients with masks.) Which classes were found, on how many pixels? Was anything passed over (here nothing)? Images without masks went to the training set, where they belong.
#
# Then look at what the network will be shown. **Weak views** move image and mask, **strong views** change colours. In 2D views also flip and turn by quarters: where left and right are two classes, or lying the right way up tells the organ, take both away (`--views flip=0`; of volumes they are off). If *you* could not outline the object in a strong view, neither can the network (`ucmt-lite data folder --data my_images --picture FILE` draws them, too):

# %%
from ucmt_lite.data import Batches, split_labeled
from ucmt_lite.explore.draw.picture import images

train_set = cases(source.splits["train"], size=64)
chosen, everyone = split_labeled(train_set, None, labeled=labeled, seed=seed)
batch = Batches(train_set.select(chosen), train_set.select(everyone), seed=seed)(0)
images({"weak view": batch.u[0], "strong view": batch.u1[0], "another": batch.u2[0]})

# %% [markdown]
# ## Train
#
# In which order does one try things? The baseline first, until its curve is flat and its views are right; then pretrained features, if you have any ([lesson 16](16_after_ucmt.ipynb)); then `cps`, which uses the images without masks, has a single weight to set, and was not beaten at 600 steps on the course's hearts; and only then what costs more. The same configuration as everywhere, with your folder in it:

# %%
from ucmt_lite import RunConfig, evaluate, train

own = {"dataset": "folder", "data": str(folder), "labeled": labeled, "size": 64, "seed": seed}
runs = {
    method: train(RunConfig(method=method, iterations=iterations, **own))
    for method in ("supervised", "cps")
}

# %%
test_set = cases(source.splits["test"], size=64)
for method, run in runs.items():
    mean = evaluate(run.net, test_set, distances=False)["mean"]
    print(f"{method:11} Dice {mean['dice']:.3f} on {len(test_set)} test images")

# %% [markdown]
# Two or three test images cannot rank anything (with forty masks let every patient judge once, as in the cross-validation of lesson 10: both methods on the same folds, and the interval of the difference over patients), and here both methods outline these easy discs equally well; they can tell whether anything was learned. A network that predicts background alone, a class that is never found, labels that do not show a class: the kit says such things in a sentence at the end of `ucmt-lite run`. They are the first thing to read, before the Dice.
#
# If the Dice stays at 0 while the loss falls, ask in this order. Do the masks show anything *at the size of training*? Can the baseline learn *one* labeled image by heart? If not, it is the data or the loss, and no method will help. Does the loss on labeled images rise when the unsupervised weight does? Then lower the weight. Only then think about the learning rate.
#
# ## Look again

# %%
from ucmt_lite import segment
from ucmt_lite.explore.draw.picture import segmentations

image, truth = test_set.images[0], test_set.masks[0]
segmentations(image, {"truth": truth, "student1": segment(runs["cps"].net, image)})

# %% [markdown]
# ## The same lesion, at another size
#
# The network learned from images of 64 pixels a side. A new camera, or a colleague who skips the resizing, shows it the same lesions in twice as many pixels. It takes images of any size and does not complain. *Before you run:* what will it cost? (On 50 discs that nobody trained on, for two cannot tell.)

# %% tags=["hide-output"]
new_images = load("phantom_skin", size=96).splits["test"].select(range(50))
for size in (32, 48, 64, 96, 128):
    mean = evaluate(runs["cps"].net, cases(new_images, size=size), distances=False)["mean"]
    print(f"{size:3} pixels a side: Dice {mean['dice']:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Best at the size it learned at (0.80, and not the 0.93 of the two test images above), and here not much worse at others: these discs are told by their colour, which has no size. Where size and place tell classes apart it is another matter. A baseline on 16 labeled hearts (400 iterations, one seed, a trial that was not kept) had a Dice of 0.87 at its 64 pixels, 0.57 at 128 and 0.45 at 32. So what predicts must resize as training did; `ucmt-lite predict` keeps the size with the weights and does it for you. Zooming views in training widen the range a little. For volumes the same holds in millimetres.
# </details>
#
# ## Will unlabeled images pay?
#
# Two assumptions stand behind the methods. **Smoothness**: images that look alike have masks that look alike; consistency builds on it. **Clusters**: between two classes there are few pixels in doubt, so that a border may be drawn where there is little (*low density*); a hard label builds on it, for it pushes each pixel to one side. In segmentation this second one is weak: two neighbouring pixels on both sides of a border look nearly alike, so there is no empty strip for the border to lie in. French et al. (2020) give that as the reason why consistency needs strong, varied changes here, such as CutMix, where a little noise was enough for whole images. (The literature adds a third, the *manifold*: images fill a small part of all that pixels could be, and unlabeled ones show which.)
#
# Nobody can promise that they will pay, but two cheap runs tell more than a guess. Train the *baseline* with half of your labels and with all of them. If the second is hardly better, labels are not what it lacks, and pseudo labels will hardly give it more; if it gains much, there may be something to win, and need not be: under an earlier recipe the baseline gained 0.06 from 8 to 16 labeled hearts, and with 16 neither CPS nor UCMT was ahead of it ([heart_labels](../results/heart_labels/README.md)); under the present one CPS gains 0.015 there, and UCMT with half the iterations, so as many gradient steps, loses as much ([regime_600](../results/regime_600/README.md)).
#
# Or label a few more? On the course's hearts the exchange rate is known: with four labels CPS and 296 images without masks reach 0.83 in 600 steps; the baseline has 0.71 with four labels and 0.86 with sixteen ([regime_600](../results/regime_600/README.md)). So all those images were worth fewer than twelve masks. If twelve masks are an afternoon, draw them first. And how *many* images without masks? At a fixed number of steps more of them are more different ones, each seen less often; `--unlabeled 20` lets a method see twenty, so you can ask your own data.
#
# And look at where the unlabeled images come from. Another scanner, another disease, a class that no label shows: on photographs such images have cost more than they gave (Oliver et al., 2018), and a pseudo label of something never seen is wrong with confidence. Take them out, and see whether the score on *your* validation images rises. A *mask* of something never seen is wrong with confidence, too, when the network is in use: entropy is high between classes that it knows, and may be low on a metal clip, a child, another sequence. So guard the input as well: refuse images whose size, spacing, grey values or protocol lie outside what training has seen.
#
# ## In three lines
#
# From the command line the whole of it is three lines. The last one writes masks at each picture's own size, and a picture beside each, so that you can look:
#
# ```
# ucmt-lite data folder --data my_images
# ucmt-lite run --dataset folder --data my_images --method cps --labeled 6 --out runs/mine
# ucmt-lite predict runs/mine new_images --out predicted --pictures
# ```
#
# ## Recap
#
# - The meaning of a mask's values is decided once, for the whole set, and looked at.
# - Pair by name, never by order. Patients come from names, folders or `groups.csv`.
# - Images without masks are training images.
# - Look three times: at the survey, at the views, at the masks that come out.
# - Between a good test score and a patient there is more: patients of another hospital and scanner (expect less), each subgroup by itself, a clinician who confirms every mask, ethics approval and data protection, and the law, for which software that guides a diagnosis is a medical device. This kit is for learning.
#
# **References.** French et al., *Semi-supervised semantic segmentation needs strong, varied perturbations*, BMVC 2020, [arXiv 1906.01916](https://arxiv.org/abs/1906.01916). Oliver et al., *Realistic evaluation of deep semi-supervised learning*, NeurIPS 2018, [arXiv 1804.09170](https://arxiv.org/abs/1804.09170). Isensee et al., *nnU-Net*, 2021, [arXiv 1904.08128](https://arxiv.org/abs/1904.08128) (its data format is read, too). Maier-Hein et al., *Why rankings of biomedical image analysis competitions should be interpreted with care*, Nature Communications 2018, [arXiv 1806.02051](https://arxiv.org/abs/1806.02051).
#
# **Next:** how it goes wrong, in [the failure museum](13_failure_museum.ipynb).
