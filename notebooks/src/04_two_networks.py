# %% [markdown]
# # Two networks: whom to trust where they differ
#
# A student and its teacher are relatives. **Two networks** that start from different weights are strangers: they err in places of their own, and in some that they share. Where
# they differ, one of them at least is wrong, and nobody needed a label to find that out. The question of this lesson is what to do then.
#
# In this lesson you will
#
# - let two networks attract each other's *probabilities* (**CPC**), and see what that leaves as it was;
# - write down how wrong a pixel is, and watch a third network learn to guess it: the **flaw detector** of **GCT**;
# - let the better of the two lead, pixel by pixel;
# - see the detector at work on images without labels, and try it against witnesses that cost nothing.

# %% tags=["parameters"]
iterations = 200
seed = 0

# %% [markdown]
# ## The question
#
# > Two experts disagree about a border. You may average them, believe the more certain one, or ask a third who has seen both err before.
# > Which?
#
# Here are two networks that were trained on the same four hearts from different weights (`cpc` with the weight 0: they never hear of each
# other). One heart that nobody trained on, two opinions:

# %%
from ucmt_lite import RunConfig, segment, train
from ucmt_lite.data import cases, load
from ucmt_lite.explore.draw.picture import segmentations

common = {"labeled": 4, "seed": seed, "iterations": iterations}
strangers = train(RunConfig(method="cpc", **common, settings={"weight": 0.0}))
validation = cases(load("phantom_heart", size=64).splits["validation"])
nets = {"student1": strangers.nets.student1, "student2": strangers.nets.student2}

# %%
number = 2
image, truth = validation.images[number], validation.masks[number]
opinions = {name: segment(net, image) for name, net in nets.items()}
segmentations(image, {"truth": truth, **opinions})

# %% [markdown]
# ## Attract the probabilities
#
# **Cross probability consistency** (CPC) lets each network approach the other's probabilities $p$:
#
# $$L_\text{cpc} = d(p_1, \bar p_2) + d(p_2, \bar p_1), \qquad d(p, q) = \frac{1}{BN} \sum_{b,i} \lVert p_{bi} - q_{bi} \rVert_2^2$$
#
# A bar marks a **target**: no gradient passes it, so each term moves one network only. The norm sums over the classes, then the mean runs over
# images $b$ and pixels $i$.
#
# ### Exercise 1: write it
#
# *Medium, about 8 minutes.* Both arguments are logits `B K H W`, and both networks learn.

# %% tags=["exercise"]
def my_cpc(logits1, logits2):
    # solution
    p1, p2 = logits1.softmax(dim=1), logits2.softmax(dim=1)
    to_1 = ((p1 - p2.detach()) ** 2).sum(dim=1).mean()
    to_2 = ((p2 - p1.detach()) ** 2).sum(dim=1).mean()
    return to_1 + to_2


# %% tags=["check"]
from ucmt_lite.course.checks import check_cpc

check_cpc(my_cpc)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Two terms of equal value. They differ in what is detached.
# </details>
# <details><summary>Hint 2</summary>
#
# `((p1 - p2.detach()) ** 2).sum(dim=1)` is `B H W`, one squared distance a pixel; then `.mean()`.
# </details>

# %% [markdown]
# *Before you run:* both networks are undecided about a pixel, half and half. What does CPC ask of them? And what does CPS, where each learns the
# other's *decision* ([next lesson](05_cross_pseudo_supervision.ipynb))?
#
# <details><summary>Think first, then open</summary>
#
# CPC asks nothing: two equal doubts are consistent, the loss is 0 and so is the gradient. A decision is never half and half: CPS pushes both to one side, the right one or the wrong one. Soft
# targets are comfortable, hard targets decide. (To reward decisions as such is called **entropy minimisation**, Grandvalet and Bengio, 2004; hard labels bring it along unasked.)
# </details>
#
# Two curves can show it: the **uncertainty** of the two networks together (the entropy of their mean probabilities, in nats), and their **disagreement** (one minus
# the Dice of their decisions), both on the 16 *probe images*, validation images that are watched in training. *Before you run:* who will be the least certain in the end, the strangers, the pair of CPC or the pair of CPS?

# %% tags=["hide-output"]
from ucmt_lite.explore import compare

runs = {
    "strangers": strangers,
    "cpc": train(RunConfig(method="cpc", **common)),
    "cps": train(RunConfig(method="cps", **common)),
}
compare.figure({name: [run.trace] for name, run in runs.items()}, ["uncertainty", "disagreement", "dice"])

# %% [markdown]
# <details><summary>Answer</summary>
#
# The strangers, with 0.18 nats; but the pair of CPC has hardly less, 0.17, although it disagrees far less than they do (0.18 against 0.33): it has come to agree on its doubts. CPS, where each decision pushes the other, is at 0.13.
# </details>
#
# ## Ask a third
#
# **Guided collaborative training** (GCT; Ke et al., 2020) does not treat both opinions alike. A third network, the **flaw detector**, sees an image and a
# prediction and says how wrong each pixel is. Where masks are known it can learn that. How wrong is a prediction $p$ at a pixel of class $y$?
#
# $$e_i = \tfrac{1}{2} \sum_k |y_{ik} - p_{ik}|,$$
#
# which is 0 for sure and right, 1 for sure and wrong. (For the detector to learn, this map is smoothed and stretched to 0..1 in each image: it says *where* a prediction is worst, not how bad it is. When two maps are compared below, it is therefore asked at which pixels each prediction is at its own worst; that the more reliable of the two wins is a hope, not a consequence.)
#
# ### Exercise 2: how wrong is a pixel?
#
# *Medium, about 6 minutes.* `p` is `B K H W` probabilities, `y` is `B H W` class numbers. Return `B 1 H W`, without a gradient.

# %% tags=["exercise"]
def my_flaw(p, y):
    # solution
    return 1 - p.detach().gather(1, y.unsqueeze(1))


# %% tags=["check"]
from ucmt_lite.course.checks import check_flaw

check_flaw(my_flaw)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# $1 - p$ of the true class. `p.gather(1, y.unsqueeze(1))` picks that class and keeps the class axis, with one entry.
# </details>
# <details><summary>Hint 2</summary>
#
# `p.detach()`: what the detector is to say is a target, no way back into the networks.
# </details>

# %% [markdown]
# A single wrong pixel is hard to foresee, a wrong neighbourhood is not. So GCT blurs and widens this map before the detector learns it:

# %%
from ucmt_lite.explore.draw.picture import show_source
from ucmt_lite.methods.gct import flaw_target

show_source(flaw_target)

# %% [markdown]
# ## The better one leads
#
# On all images, labeled or not, the detector is asked, and pixel by pixel the prediction with the *lower* flaw becomes the target of the other. In a tie each keeps its own
# prediction as target, which costs nothing.
#
# ### Exercise 3: choose the leader
#
# *Medium, about 7 minutes.* `p1`, `p2` are probabilities `B K H W`, `flaw1`, `flaw2` are `B 1 H W`. Return two targets, first that of network 1: its own prediction where its flaw
# is not larger, the other's elsewhere. No gradient passes.

# %% tags=["exercise"]
import torch


def my_targets(p1, p2, flaw1, flaw2):
    # solution
    target1 = torch.where(flaw2 < flaw1, p2, p1).detach()
    target2 = torch.where(flaw1 < flaw2, p1, p2).detach()
    return target1, target2


# %% tags=["check"]
from ucmt_lite.course.checks import check_leader

check_leader(my_targets)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `torch.where(condition, a, b)` takes from a where the condition holds. `B 1 H W` stretches over the classes by itself.
# </details>
# <details><summary>Hint 2</summary>
#
# Ties decide between `<` and `<=`: with `flaw2 < flaw1` network 1 keeps its own prediction where both flaws are equal.
# </details>

# %% [markdown]
# The whole of GCT, as the kit has it. Two more things are in it: a flaw above `threshold` counts as 1, and where *both* predictions are bad, the frozen detector's
# own gradient pushes them towards what it would call flawless (`correction`).

# %%
from ucmt_lite.methods.gct import gct

show_source(gct)

# %% [markdown]
# ## The detector at work
#
# Trained on four hearts, and then asked about a heart without a label: where does it expect student 1 to be wrong, and where is it?

# %%
run = train(RunConfig(method="gct", **common))
x = torch.tensor(image)[None].float() / 127.5 - 1
with torch.no_grad():
    p = run.nets.student1.eval()(x).softmax(dim=1)
    flaw = run.nets.flaw_detector(x, p)[0].clamp(0, 1)
wrong = 1 - p[0].gather(0, torch.tensor(truth)[None].long())

# %%
from ucmt_lite.explore.draw.picture import images

images({"image": image, "where it is wrong": 2 * wrong - 1, "expected flaw": 2 * flaw - 1})

# %% [markdown]
# Bright is wrong. Compare the two right pictures: does the detector know something about *this* heart, or has it learned "borders are difficult, and hearts are in the middle"? One picture
# cannot tell. A **control** can: give every image the map that the detector drew for *another* image. What it knows of all hearts survives the exchange; what it knows of this one does not.
#
# ### Exercise 4: the control
#
# *Easy, about 4 minutes.* `maps` is `B H W`, one map an image. Return all of them, whole, so that no image keeps its own.

# %% tags=["exercise"]
def my_control(maps):
    # solution
    return maps.roll(1, dims=0)


# %% tags=["check"]
from ucmt_lite.course.checks import check_control

check_control(my_control)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Drawing at random may give an image its own map back. Let each take that of the next one: `roll` does it, and it has to be told the axis.
# </details>

# %% [markdown]
# Now the witnesses, on the 50 validation images. How good is one? Draw a wrong pixel and a right pixel of the same image: how often does it suspect the wrong one more? (Half of the time by
# mere guessing; it is called AUROC, and [lesson 06](06_disagreement_and_uncertainty.ipynb) lets you write it.) Two witnesses say nothing of this heart: the control, and the mean of all maps.
# Two need no detector: student 1's own **uncertainty** (its entropy), and how far the two students are **apart**. *Before you run:* put the five in order.

# %%
import numpy as np

from ucmt_lite.core.uncertainty import entropy_of_mean

x = torch.tensor(np.stack(validation.images)).float() / 127.5 - 1
with torch.no_grad():
    z1, z2 = run.nets.student1(x), run.nets.student2.eval()(x)
    p1, p2 = z1.softmax(dim=1), z2.softmax(dim=1)
    flaws = run.nets.flaw_detector(x, p1)[:, 0]
wrong = p1.argmax(dim=1).numpy() != np.stack(validation.masks)

# %% tags=["hide-output"]
from ucmt_lite.predict.metrics import area_under_roc

witnesses = {
    "the detector": flaws,
    "the detector about the next heart": flaws.roll(1, dims=0),
    "the detector, mean of all hearts": flaws.mean(dim=0, keepdim=True).expand_as(flaws),
    "student 1's uncertainty": entropy_of_mean(z1),
    "how far the two are apart": (p1 - p2).abs().sum(dim=1),
}
for name, maps in witnesses.items():
    order = [area_under_roc(doubt, where) for doubt, where in zip(maps, wrong, strict=True)]
    print(f"{name:34} AUROC {np.nanmean(order):.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Nobody is far from the others: how far the two are apart 0.952, student 1's own uncertainty 0.944, the detector 0.941, the mean of its maps 0.911, and its map of the next heart 0.882. So a map that
# never saw this heart is right nearly nine times in ten: most of what the detector says is true of every heart. It does know something of this one, 0.941 against 0.882, but no more than student 1's own
# doubt, which costs nothing. With `seed = 1` the order is the same.
#
# In one longer run it turned: with `iterations = 600` at the top student 1 has become sure, of its mistakes too, and its doubt falls to 0.861. The detector has 0.922 then; but the mean of its maps has 0.918, so it knows hardly anything of *this* heart any more.
#
# Take this along: whoever shows you a map of doubt owes you a rival that costs nothing, and a control.
# </details>
#
# And is it worth a third network? *Before you run:* four pairs have learned from the same four hearts. Which one has the best Dice?

# %% tags=["hide-output"]
from ucmt_lite.predict import evaluate

for name, pair in {**runs, "gct": run}.items():
    scores = evaluate(pair.net, validation, distances=False)
    print(f"{name:10} Dice {scores['mean']['dice']:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# GCT has 0.573. The strangers have 0.530, CPC 0.656 and CPS 0.659. With `seed = 1` all four lie between 0.715 and 0.750. So nothing here speaks for a third network, and one run of settings that nobody
# searched does not speak against it either. [Lesson 10](10_fair_comparison.ipynb) is about what would.
# </details>
#
# ## Paper, reference code, here
#
# | | paper and its code (PixelSSL) | here |
# |---|---|---|
# | views | both students see one view | each its own strong view |
# | weights | consistency 100, correction 1 | 5 and 0.1, which nobody searched |
# | learning rate of the detector | its own, 1e-4 | the same as the students' |
# | flaw map | negative values are set to 0 in the array itself, so that the detector also learns from the changed one | never changed in place |
#
# CPC has no public code; the CPS paper compares with it under that name.
#
# ## Recap
#
# - Two networks from different weights show errors without a label: where they differ, one is wrong.
# - Attracting probabilities leaves common doubts alone. A decision ends them, rightly or not.
# - A third network can learn where predictions are wrong, as far as four labels can teach that. Try it against the networks' own doubt, and against a map of another image.
# - In all of them a target carries no gradient.
#
# **References.** Ke et al., *Guided collaborative training for pixel-wise semi-supervised learning*, ECCV 2020, [arXiv 2008.05258](https://arxiv.org/abs/2008.05258).
# Chen et al., CVPR 2021, [arXiv 2106.01226](https://arxiv.org/abs/2106.01226).
#
# **Next:** decisions instead of probabilities, in [cross pseudo supervision](05_cross_pseudo_supervision.ipynb).
