# %% [markdown]
# # After UCMT: which of its ideas lasted
#
# UCMT is of 2023. This lesson looks at what the field compares with since: an older cousin of Mean Teacher (UA-MT), three of the same year (FixMatch as UniMatch's authors brought it to segmentation, UniMatch itself, and BCP), and one that came after (AdaMix). You write a part of three of them, and the question of the whole course is asked once more: what does it gain, at equal steps, with the same four labels?
#
# In this lesson you will
#
# - choose the pixels whose pseudo labels count, as **FixMatch** does;
# - swap a box between a labeled and an unlabeled image, as **BCP** does;
# - let the images get harder as training goes on, as **AdaMix** does;
# - see four mixes side by side, and compare the methods over five seeds.

# %% tags=["parameters"]
iterations = 200
seed = 0

# %% [markdown]
# ## The question
#
# > Two students, an averaged teacher, a mix by doubt. If you had to drop one of the three, which one?
#
# Write your answer down. Here is what the others have of the three.
#
# | method | networks | an averaged teacher | which pseudo labels count | images are mixed | 600 steps on hearts |
# |---|---|---|---|---|---|
# | UA-MT, uncertainty-aware Mean Teacher (2019) | one student | yes | where the teacher is sure (below) | no | 140 s |
# | UCMT (2023) | two students | yes | all | within an image, by doubt | 109 s |
# | FixMatch (2020; for segmentation 2023) | one | no | confidence of 0.95 and more | no | 59 s |
# | UniMatch (2023) | one | no | confidence of 0.95 and more | boxes of other images | 107 s |
# | BCP (2023) | one student | yes | all, of each class the largest connected piece | a box swapped with a labeled image | 72 s |
# | AdaMix (2024) | one student | yes | confidence of 0.95 and more | cells of other images, as far as the student is ready | 94 s |
#
# (Seconds of training, mean of five runs on a busy machine: read their ratios. CPS took 94 s, Mean Teacher 71 s, the baseline 32 s. The runs are in [after_heart](../results/after_heart/README.md).)
#
# **UA-MT** is the Mean Teacher of lesson 03 with one change: its squared difference is averaged over some pixels only. The teacher labels eight copies of the image, each with other Gaussian noise (the paper leaves dropout on as well); where the entropy $U$ of the mean of these eight is low, the pixel counts:
#
# $$L = \ell\big(s(x_1), y\big) + w\,r\;\operatorname*{mean}_{\text{pixels in } m} \big(\operatorname{softmax} s(u_1) - \operatorname{softmax} t(u)\big)^2, \qquad m = \big[U < (\tfrac34 + \tfrac14 r) \ln K\big]$$
#
# $\ln K$ is the largest entropy that $K$ classes can have: at the beginning the pixels below three quarters of it count, in the end all.
#
# None of the other five needs two students. (AdaMix exists with two as well; the one here is its Mean Teacher.)
#
# ## Only what one is sure of
#
# **FixMatch** is the shortest method of this course. A network labels the weak view of an image; where it is sure, it has to say the same of the strong view:
#
# $$L = \ell\big(s(x_1), y\big) + w\,r\;\ell_m\big(s(u_1), \hat y\big), \qquad \hat y = \operatorname{argmax} s(u), \quad m = \big[\max_k \operatorname{softmax} s(u) \ge \tau\big]$$
#
# $\ell_m$ counts the pixels that $m$ selects, and no others: its cross-entropy is their mean, its Dice is of them alone; $\tau$ is the **threshold**, 0.95.
#
# ### Exercise 1: which pixels count
#
# *Easy, about 6 minutes.* `logits` are `B K H W`. Return the pseudo label and the sure pixels, both `B H W`, as targets: without a gradient.

# %% tags=["exercise"]
import torch


def my_sure(logits, threshold):
    # solution
    confidence, label = logits.detach().softmax(dim=1).max(dim=1)
    return label, confidence >= threshold


# %% tags=["check"]
from ucmt_lite.course.checks import check_sure

check_sure(my_sure)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `p.max(dim=1)` gives two tensors: the largest probability of each pixel, and which class it belongs to.
# </details>
# <details><summary>Hint 2</summary>
#
# Probabilities are the softmax over the classes, axis 1. `logits.detach()` cuts the gradient off.
# </details>

# %%
from ucmt_lite.explore.draw.picture import show_source
from ucmt_lite.methods.fixmatch import fixmatch

show_source(fixmatch)

# %% [markdown]
# There is no second network and no teacher. What keeps it from believing whatever it says, as in the museum's confirmation (lesson 13)? Two things are meant to: the strong view is harder than the one that gave the label, and the threshold.
#
# **UniMatch** asks three times. Two strong views, in which boxes show other images (the **CutMix** of the literature; the one of lesson 08 stays in its image), count a quarter each; the third counts a half and is made inside the network: **feature dropout** sets half of the channels that the encoder found to zero, and the decoder has to say the same with the rest. Colours and boxes are only the changes that somebody thought of; features lost at random are others.
#
# $$L = \ell\big(s(x_1), y\big) + w\,r\,\Big(\tfrac14\,\ell_{m_1}\big(s(c_1(u_1)), c_1(\hat y)\big) + \tfrac14\,\ell_{m_2}\big(s(c_2(u_2)), c_2(\hat y)\big) + \tfrac12\,\ell_m\big(d(\text{half of } h(u)), \hat y\big)\Big)$$
#
# with $c_i$ the boxes, which move labels and their certainty along ($m_i = c_i(m)$), $h$ the encoder and $d$ the decoder.
#
# Now train a FixMatch for a short while and see what its threshold does. (And an AdaMix, whose teacher the rest of the lesson needs.)

# %%
from ucmt_lite import RunConfig, train
from ucmt_lite.data import cases, load

common = {"labeled": 4, "seed": seed, "iterations": iterations}
fixmatch = train(RunConfig(method="fixmatch", **common))
run = train(RunConfig(method="adamix", **common))
validation = cases(load("phantom_heart", size=64).splits["validation"])

# %% [markdown]
# *Before you run the next cell:* which share of all pixels has a confidence of 0.95 and more? And how many of *those* are wrong?

# %% tags=["hide-output"]
import numpy as np

from ucmt_lite.core.losses import pseudo_label
from ucmt_lite.core.uncertainty import confidence
from ucmt_lite.predict.network import probabilities

p = torch.tensor(np.stack([probabilities(fixmatch.net, image) for image in validation.images]))
truth = torch.tensor(np.stack(validation.masks))
wrong = pseudo_label(p.log()) != truth
for threshold in (0.0, 0.5, 0.8, 0.95, 0.99):
    sure = confidence(p.log()) >= threshold
    heart = sure[truth > 0].float().mean()
    print(
        f"{threshold:.2f}: {sure.float().mean():6.1%} of pixels count, {heart:6.1%} of the heart's,"
        f" {wrong[sure].float().mean():6.2%} of those that count are wrong"
    )

# %% [markdown]
# <details><summary>Answer</summary>
#
# Of 50 validation images, after 200 iterations: at 0.95 the share of wrong labels falls from 9.3 to 2.8 %, and of the heart 29 % of the pixels are left, while nearly all of the background stays. (The averaged teacher of the AdaMix, which still holds its early networks, is far less sure: it keeps 3 % of the heart. Put `run.net` in the place of `fixmatch.net` to see it.)
# </details>
#
# A threshold on confidence is not free. It decides *where* there is something to learn, and with several classes *of which*: a small or difficult one has few pixels above 0.95, gets the fewest pseudo labels and falls further behind. FlexMatch (Zhang et al., 2021) answers with a threshold for each class that follows how well it is learned; a loss that counts classes and not pixels, as Dice, helps, too. Look at the Dice of each class.
#
# ## A box of another image
#
# UMIX stays within an image. **BCP** (bidirectional copy-paste) takes a labeled image and an unlabeled one and swaps a box of two thirds of each side between them. So the network sees true and pseudo labels side by side in one image, and cannot treat labeled images as a world of their own:
#
# $$z_\text{in} = x\,(1 - b) + u\,b, \qquad z_\text{out} = u\,(1 - b) + x\,b, \qquad b = 1 \text{ inside the box.}$$
#
# The true labels in both mixes count twice as much as the pseudo labels (a weight of 0.5). And before any pseudo label is used, the student is **pre-trained** on boxes swapped between *labeled* images, so that the first pseudo labels are not noise: 2,000 of 17,000 iterations in the public code, a sixth of the run here. The authors' reason for all of it is that few labeled and many unlabeled images behave like two distributions, and that what the labels taught is lost when the two are learned apart; on ACDC with 5 % of the labels they report more than 21 points of Dice above the best rival. How much of such a gain is the box, how much the pre-training, and how well the rivals were trained, no table of results can say: change one thing.
#
# ### Exercise 2: both ways
#
# *Easy, about 6 minutes.* `x` and `u` are images `C H W`, `inside` is the box as a boolean mask `H W`. Return $z_\text{in}$ and $z_\text{out}$.

# %% tags=["exercise"]
def my_swap(x, u, inside):
    # solution
    return torch.where(inside, u, x), torch.where(inside, x, u)


# %% tags=["check"]
from ucmt_lite.course.checks import check_swap

check_swap(my_swap)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `torch.where(inside, a, b)` takes `a` where the mask is true, else `b`, for all channels at once.
# </details>
# <details><summary>Hint 2</summary>
#
# Take both from the images as they were: whoever writes into `x` first has lost what `u` needs.
# </details>

# %% [markdown]
# The kit does both at once: labeled and unlabeled images in one tensor, and each receives the box of its partner half the tensor away. Masks and pseudo labels go through the same function.

# %%
from ucmt_lite.core.across import copy_paste

show_source(copy_paste)

# %% [markdown]
# ## A mix that waits until the student is ready
#
# **AdaMix** is **self-paced**: it asks how hard an image is *now*. The **difficulty** $d$ of an image without a label is the Dice loss between what student and teacher say of it, that of a labeled one the teacher's Dice loss against the mask. A **reach** $\lambda$ grows with training, from almost 0 to 1, as the ramp-up does. Cells are ranked by the teacher's doubt, one minus its confidence. An image with $d < \lambda$ is too easy: its surest cells are replaced by the most doubtful ones of another image. An image with $d > \lambda$ is too hard: its most doubtful cells receive what the teacher is sure of elsewhere. How many move depends on the distance:
#
# $$k = \operatorname{int}\!\Big(K\,\big(1 - \tfrac{d}{\lambda}\big)\Big), \quad \text{at most } K = 16 \text{ cells either way.}$$
#
# ### Exercise 3: how many, and which way
#
# *Medium, about 6 minutes.* Return $k$ with its sign, above 0 for an easy image, below 0 for a hard one; `most` is $K$.

# %% tags=["exercise"]
def my_pace(difficulty, reach, most):
    # solution
    k = int(most * (1 - difficulty / reach))
    return max(-most, min(most, k))


# %% tags=["check"]
from ucmt_lite.course.checks import check_pace

check_pace(my_pace)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `int(-3.7)` is -3: it cuts off towards 0.
# </details>
# <details><summary>Hint 2</summary>
#
# With a small reach the number grows without end. `max(-most, min(most, k))` keeps it between the two.
# </details>

# %% [markdown]
# ## Four mixes
#
# The networks that you trained, one image and its partner. (UMIX has one student here, so one map, student and teacher together, stands for both: four cells of 64 at most receive.)

# %% tags=["explorer"]
from ucmt_lite.explore import mixes
from ucmt_lite.explore.predict_first import a_choice, predict_first

lab = mixes.widget(run.nets, validation, image=1)
question = "Four mixes of one image, AdaMix at a reach of 0.5: which changes most of it?"
answer = a_choice(question, mixes.changed_shares(lab.mixed), max, "changed pixels (%)")
predict_first(lab, answer)

# %% [markdown]
# Move the reach from 0 to 1: AdaMix turns from covering what is hard to adding what is hard. UMIX has one direction only, the covering one: that is the criticism of its author. The boxes do not look at all, and show the network hearts where no heart was.
#
# ## What it gains
#
# The same network, loss, labels, views, number of gradient steps and seeds as in lessons 09 and 10; 200 test images.

# %%
from ucmt_lite.experiments import evidence, results

runs = results.load_runs(results.kept("after_heart") / "runs.parquet")
runs.pivot_table(index="variant", columns="seed", values="dice", sort=False).round(3)

# %%
evidence.plot_scores(runs)

# %%
from ucmt_lite.experiments.comparison import compare_runs
from ucmt_lite.experiments.report import as_table

as_table(compare_runs(runs, "supervised"))

# %% [markdown]
# (The corrected p of CPS is larger than in lesson 10, for the same runs: it pays for eight comparisons here and for five there.)
#
# *Before you read on:* which method scatters most over the seeds, and what could that be?
#
# <details><summary>Answer</summary>
#
# **FixMatch**, from 0.196 to 0.865. With seed 52 it is far above the baseline, with the other four below it, and with seed 54 it collapses: 0.79 on the probe images after a third of the training, as much after 360 iterations, when its labels have had full weight for a while, and then down and down. Single runs with that seed, scored on validation images, changed one thing each: a threshold of 0, so that all pixels count (0.36), Dice alone (0.19) or cross-entropy alone (0.42) for the pseudo labels, against 0.22 as it is. So neither the loss nor the threshold explains it alone, and the threshold does not protect. It is what lesson 13 calls confirmation: a network that labels for itself has nobody to contradict it, and four labels do not hold it back.
#
# **UniMatch** is FixMatch with boxes of other images, a second view and feature dropout, and never falls below 0.775. Which of the three saves it? With the boxes alone FixMatch reaches 0.863 with that seed, on validation images again: where a heart is cut by a box, the label of the plain image is worth something.
# </details>
#
# ## Two by two
#
# The table compares with the baseline. The question was about the ideas, so compare methods with each other.

# %%
from ucmt_lite.experiments.comparison import interval, scores_by_seed, verdict

dice = scores_by_seed(runs, "dice")
half = "ucmt, half the iterations"
for one, other in (("unimatch", "cps"), ("bcp", "cps"), ("adamix", "cps"), ("adamix", half), ("bcp", half)):
    mean, low, high = interval([dice[one][s] - dice[other][s] for s in dice[one]])
    print(f"{one} - {other}: {mean:+.3f} ({low:+.3f} to {high:+.3f}), {verdict(low, high)}")

# %% [markdown]
# At equal steps, on these hearts, with four labels:
#
# - **Nothing is ahead of CPS**, which is of 2021. UniMatch has the same mean and is better in two of five seeds (*open*: five seeds do not tell them apart); BCP and AdaMix are behind it in all five.
# - **AdaMix and UCMT are level**, within the margin of 0.02 that this course named beforehand. (UCMT with half the iterations, for it takes two steps in each.) They differ in students, threshold and weight, too: what either mix is worth by itself, this does not tell.
# - **UA-MT and Mean Teacher have the baseline's mean**, within 0.006. Their intervals are wider than the margin, so *open* is all that can be said.
#
# Which of UCMT's ideas lasted? *Two networks that contradict each other* carries CPS, and none of the other five here has it; UniMatch and BCP get as far, or nearly, with one student and images cut from other images. *The averaged teacher* stays in BCP and AdaMix; whether it gains anything alone is open. *Mixing by doubt* lives on in AdaMix alone, turned round as training goes on.
#
# One thing the Dice does not tell: BCP is the best calibrated. Of the pixels that it calls heart its confidence is, in the mean, 0.03 above the share that is right; that of UniMatch 0.06, of AdaMix 0.09, of CPS 0.10, the baseline's and FixMatch's 0.18 ([after_heart](../results/after_heart/README.md)). One might expect the contrary: a hard label pushes each pixel to one side, so what learns from hard labels should be too sure. It is where the labels are its own, as with FixMatch, which is no less overconfident than the baseline; where another network or another image may contradict them, it ends less so.
#
# ## More labels, fewer steps
#
# The same hearts, and the same weights of the losses, once more, with 16 labels as well, and with a quarter of the steps. *Before you run:* with 16 labels and 150 steps, who is ahead of the baseline?

# %% tags=["hide-output"]
import pandas as pd

from ucmt_lite.experiments.regimes import regime_map

corners = [results.load_runs(results.kept(name) / "runs.parquet") for name in ("regime_150", "regime_600")]
regime_map(pd.concat(corners))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Nobody. (Each cell is coloured by its own interval, uncorrected: of twenty cells one may be coloured by chance.) Blue are four methods with 4 labels and 600 steps, and two with 16 labels and 600 steps: CPS and UniMatch still gain 0.02 there, and twelve more labels have given the baseline 0.15. After 150 steps all is open or worse. Much of that is *who predicts*: the averaged teacher of a short run still holds its early networks (with 16 labels the students of Mean Teacher end at 0.72 on the images watched in training, their teachers at 0.62). And the weights are those found in the blue corner: a fair search would be made in each ([regime_600](../results/regime_600/README.md)).
# </details>
#
# And on other images? On lesions in colour, the second phantom, four labeled, with the weights of hearts, the order changes: UCMT has 0.821 (with half the iterations, as in every table here, since it takes two steps in each) and CPS 0.817, Mean Teacher 0.795, AdaMix 0.793, UniMatch 0.791, UA-MT 0.781 and BCP 0.761, the baseline 0.756, FixMatch 0.699. Between UniMatch and CPS it is open there, too (-0.086 to +0.034), but UniMatch is below UCMT in all five seeds ([after_skin](../results/after_skin/README.md)). Who reads one table of one data set has read one data set.
#
# And on real ones? 20 of 1,815 photographs of lesions labeled (ISIC 2018), as many steps, the same weights: CPS 0.805, UniMatch 0.804, Mean Teacher 0.800, UCMT 0.799, UA-MT 0.796, the baseline 0.793, AdaMix 0.786, FixMatch 0.784, and **BCP 0.731**, below the baseline in all five seeds. *Before you unfold:* what does a box of two thirds of each side, always over the middle, take from a network that has to outline lesions?
#
# <details><summary>What BCP lost</summary>
#
# The large ones. Where a lesion takes 10 to 35 % of the image, BCP is the best of all (0.853, CPS 0.838); where it takes more, 0.655, and the baseline 0.835. In training the middle and the border of an image are always of two different pictures, so the network probably learns that what stands at the border has nothing to do with the middle, and outlines the middle. With a box of a third of each side, most of them come back (one seed, validation images: from 0.694 to 0.800, the baseline 0.871), at the price of small ones (0.779 to 0.672). A mean Dice would not have told: look at the cases, sorted by something that you know of them ([after_isic2018](../results/after_isic2018/README.md)).
# </details>
#
# On volumes the newcomer leads: four of 20 left atria labeled, 300 steps, five seeds, and UniMatch has 0.829, CPS 0.811, BCP 0.793, UCMT 0.778, the baseline 0.774, FixMatch 0.770, UA-MT 0.768, Mean Teacher 0.759, AdaMix 0.755 ([after_la2018](../results/after_la2018/README.md)). Above CPS by 0.018, that was *open* (-0.014 to +0.049). So five more seeds were run for the two and the baseline. With ten, UniMatch is above CPS by 0.024 (0.011 to 0.038), in nine of them, and CPS above the baseline by 0.045 (0.020 to 0.070), in all ten ([la2018_ten](../results/la2018_ten/README.md)). This is the one place of the kit where something that came after UCMT is told apart as better than CPS.
#
# What all this does not say: how the newcomers do on other real images, or after longer training. The papers have tens of thousands of iterations and other images; three weights a method were tried here, on one seed's validation images of hearts.
#
# ## A rival without any of it
#
# An encoder that somebody else has trained on a million photographs, frozen, and a single layer on top: the **frozen features** of a probe. It needs labels only. If you have such weights (a ResNet-50 with the usual names, from torchvision or timm), ask first whether all of the above beats it:
#
# ```
# ucmt-lite run --method supervised --network frozen_resnet50 --network-settings weights=resnet50.safetensors --out runs/probe
# ```
#
# Without weights it refuses, in a sentence: a random encoder knows nothing. The kit ships none, so there is no number of it here.
#
# A rival of another kind is a **foundation model** such as *Segment Anything* (SAM): it outlines what a click or a box points at, so somebody, or something, has to point in every image. With a single prompt it reached an overlap (IoU) from 0.11 on spine MR to 0.87 on hip X-ray over 19 medical sets, better with boxes than with points (Mazurowski et al., 2023). So it makes a label cheaper rather than needless: let it draft masks, correct them, train on these. Whether that beats the methods of this course with as many minutes of an expert's time is open here.
#
# Nor is the small U-Net of this course the strongest baseline that can be had. In 3D and with all labels many claims over U-Net fell when the baseline was a well configured nnU-Net (Isensee et al., 2024). Whether the gains of this lesson outlive such a baseline, with four labels, we have not measured.
#
# ## Recap
#
# - A threshold chooses *where* there is something to learn; what it leaves is mostly what is easy.
# - A network alone confirms itself. Another network, or a picture cut into another, contradicts it.
# - Copy-paste swaps a box between labeled and unlabeled images, so that neither is a world of its own.
# - Self-paced: cover what is hard first, add what is hard later.
# - New is not ahead by being new: on these hearts, at equal steps, CPS of 2021 holds; on atria UniMatch is ahead of it, and it took ten seeds to say so.
# - A ranking belongs to its images, a number of labels and a number of steps. Name all three.
#
# **References.** Sohn et al., *FixMatch*, NeurIPS 2020, [arXiv 2001.07685](https://arxiv.org/abs/2001.07685). Yang et al., *UniMatch*, CVPR 2023, [arXiv 2208.09910](https://arxiv.org/abs/2208.09910). Bai et al., *Bidirectional copy-paste*, CVPR 2023, [arXiv 2305.00673](https://arxiv.org/abs/2305.00673). Zhang et al., *FlexMatch*, NeurIPS 2021, [arXiv 2110.08263](https://arxiv.org/abs/2110.08263). Mazurowski et al., *Segment anything model for medical image analysis*, Medical Image Analysis 2023, [arXiv 2304.10517](https://arxiv.org/abs/2304.10517). Isensee et al., *nnU-Net revisited*, MICCAI 2024, [arXiv 2404.09556](https://arxiv.org/abs/2404.09556). Yu et al., *UA-MT*, MICCAI 2019, [arXiv 1907.07034](https://arxiv.org/abs/1907.07034). Shen et al., *Adaptive mix*, Medical Image Analysis 2026, [arXiv 2407.21586](https://arxiv.org/abs/2407.21586).
