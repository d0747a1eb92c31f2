# %% [markdown]
# # Cross pseudo supervision: two networks teach each other
#
# A network that learns from its own guesses believes its own mistakes. Two networks make different mistakes. **Cross
# pseudo supervision** (CPS; Chen et al., 2021) lets each learn from the other: what one decides, sure or not, becomes
# the label for the other.
#
# In this lesson you will
#
# - see two networks, trained on the same four labels, and where their mistakes differ;
# - write the **pseudo label** and the cross loss, and have both checked;
# - measure **disagreement**, the curve that the UCMT paper is built on;
# - watch what happens to it over training, and why that is a danger.

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

# %%
from ucmt_lite import RunConfig, train

common = {"method": "cps", "iterations": iterations, "seed": seed}
run = train(RunConfig(**common, settings={"weight": 0.0}))

# %% [markdown]
# A weight of 0 takes the unlabeled images out of the loss, so these two never meet.

# %%
from ucmt_lite.explore import training

training.figure(run.trace, image=1)

# %% [markdown]
# After so short a training both still miss much of this large heart. Where they differ, on 8.9 % of the pixels, at least one is
# wrong and the other may know better: that is what there is to gain. Where both are wrong together, neither can help.
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

# %% [markdown]
# ## The cross
#
# Each network is trained on the other's pseudo label:
#
# $$L_\text{cps} = \ell\big(s_1(u_1), \hat y_2\big) + \ell\big(s_2(u_2), \hat y_1\big)$$
#
# ### Exercise 2: write the loss
#
# *Medium, about 6 minutes.* Take the cross-entropy for $\ell$ (`F.cross_entropy(logits, target)`), and your
# `my_pseudo_label`.

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

# %% [markdown]
# The whole method, as the kit has it:

# %%
from ucmt_lite.explore.draw.picture import show_source
from ucmt_lite.methods.cps import cps

show_source(cps)

# %% [markdown]
# ## Disagreement
#
# How far apart are two networks? The UCMT paper measures it with Dice: one minus the overlap of their decisions.
#
# $$D = 1 - \mathrm{Dice}(\hat y_1, \hat y_2)$$
#
# The curves of the kit average this over the images and over all classes, background included; a class that neither network
# sees counts as agreement.
#
# ### Exercise 3: write it for one class
#
# *Easy, about 4 minutes.* Two boolean masks in, a number out. (As before, leave two empty masks aside.)

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

# %% [markdown]
# ## What nobody corrects
#
# Where the two differ, at least one is wrong, and the other may teach it. Where both give the *same* wrong class there is nobody to say so.
#
# ### Exercise 4: the pixels CPS cannot correct
#
# *Easy, about 4 minutes.* Three tensors of class indices in. Return the share of pixels on which both networks name the same class, and it is wrong.

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

# %% [markdown]
# For the two strangers of above, on the images watched during training:

# %%
strangers = run.trace
last1, last2 = (torch.from_numpy(strangers.predictions[name][-1]) for name in ("student1", "student2"))
truth = torch.from_numpy(strangers.truth)
print(f"differ: {(last1 != last2).float().mean():.1%} of the pixels")
print(f"the same wrong class: {((last1 == last2) & (last1 != truth)).float().mean():.1%}")

# %% [markdown]
# ## Watch it
#
# *Before you look:* which two come closer, student and teacher of a Mean Teacher, or the two networks of CPS? And is coming closer
# always good? (`supervised` is one network, so its disagreement is 0 by definition.)
#
# Recorded runs of 600 iterations on four labels. The line is the mean of five seeds, the band spans them.

# %% tags=["explorer"]
from ucmt_lite.training import traces
from ucmt_lite.explore import compare

runs = {
    method: [traces.recorded(f"heart_{method}_{n}") for n in range(50, 55)]
    for method in ("supervised", "mean_teacher", "cps")
}
compare.widget(runs)

# %%
from ucmt_lite.experiments import scores

scores.table(runs)

# %% [markdown]
# CPS, scored by its student 1, ends above the baseline in each of the five seeds, by 0.07 to 0.23. Mean Teacher does so in two.
#
# Look at disagreement again. A teacher starts as its student, but within a hundred steps it lags so far behind that for a while the two
# differ almost as much as the two networks of CPS do. The numbers are close, the meaning is not: a lagging teacher differs because it is
# *late*, a second network because it is *other*. And whatever the meaning, the curves fall: by the end the two networks of
# CPS differ by 0.05, student and teacher by 0.02.
#
# Drag through both kinds of run, side by side on one image. Where do the two networks of CPS still differ at the end? And
# where are both wrong together?

# %% tags=["explorer"]
training.widget([traces.recorded(f"heart_{method}_50") for method in ("mean_teacher", "cps")])

# %% [markdown]
# ## What can go wrong
#
# Once the two agree everywhere, each hears only itself: co-training has become **self-training**, and a mistake both make
# is never corrected. The authors of UCMT start from this observation. Here it happens fast: the ramp-up is switched off and the
# weight is ten times as high, beside the usual CPS and the two *strangers* from the start of this lesson, which never met. Will
# the two that teach each other come closer sooner?

# %%
eager = train(RunConfig(**common, ramp=0.0, settings={"weight": 10.0}))
calm = train(RunConfig(**common))
runs = {"strangers": [run.trace], "calm": [calm.trace], "eager": [eager.trace]}
compare.figure(runs, ["disagreement", "loss/sup", "dice"])

# %% [markdown]
# The eager pair soon agrees on nearly every pixel, and is wrong on nearly all of the heart: each confirms the other. Disagreement praises it. The
# loss on the four *labeled* images tells on it: look there before you trust agreement. Two things were changed at once; which of them does
# the harm? Change one back.
#
# <details><summary>What we got with seed 0</summary>
#
# The weight. With the ramp-up and ten times the weight the pair is nearly as blind (Dice 0.16, a disagreement of 0.06); with the usual weight and no
# ramp-up it ends where the calm pair does (0.64 against 0.66).
# </details>
#
# The calm pair is ahead of the strangers already after these few iterations (0.66 against 0.52).
#
# ## Paper, reference code, here
#
# | | paper and its code (TorchSemiSeg) | SSL4MIS | here |
# |---|---|---|---|
# | images | labeled and unlabeled | unlabeled | unlabeled; the labeled ones are among them |
# | loss on pseudo labels | cross-entropy | cross-entropy | the kit's one loss, half cross-entropy and half Dice |
# | weight | 1.5, from the start | 0.1, after a long ramp-up | 1, after a ramp-up |
# | views | CutMix in its best setting | one view | two strong views |
#
# ## Recap
#
# - Two networks with different starts err in different places, and can correct each other.
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
