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

# %% tags=["parameters"]
threshold = 0.2

# %% [markdown]
# ## The question
#
# > A pseudo label is a guess. Could you tell a good guess from a bad one without knowing the truth?
#
# *Before you look:* of Mean Teacher and CPS, whose two branches will disagree longest? Whose pseudo labels will be most certain at the end? (CMT and UCMT, which lessons 07 to 09 build, are drawn as well.)

# %% tags=["explorer"]
from ucmt_lite.explore import compare
from ucmt_lite.training import traces

methods = ("mean_teacher", "cps", "cmt", "ucmt")
runs = {m: [traces.recorded(f"heart_{m}_{seed}") for seed in range(50, 55)] for m in methods}
compare.widget(runs, ["disagreement", "uncertainty", "dice"])

# %% [markdown]
# These are recorded runs on four labeled hearts. The line is the mean of five seeds, the band spans them. **Disagreement** is one minus the Dice of two branches' decisions (student and
# teacher for Mean Teacher, the two students otherwise). **Uncertainty**, in nats, measures how undecided the branches are *together*.
#
# After a first rise of disagreement both fall in every method. Low curves are no proof of anything: a network that gives every image the same answer has a disagreement of 0 and an uncertainty of 0.
#
# ## Two kinds of doubt
#
# Two networks give a pixel the probabilities $p$ and $q$. UCMT's map is the entropy $H$ of their mean. It can be large for two reasons, and it splits exactly:
#
# $$\underbrace{H\!\left(\tfrac{p+q}{2}\right)}_{\text{uncertainty}} = \underbrace{\tfrac{1}{2}\big(H(p) + H(q)\big)}_{\text{each is unsure}} + \underbrace{I}_{\text{they contradict each other}}$$
#
# $I$ is called the **mutual information** (Houlsby et al., 2011): 0 where both say the same, however unsure, and $\ln 2 = 0.69$ where both are sure of different classes.
#
# ### Exercise 1: the contradiction
#
# *Medium, about 8 minutes.* Logits `B K H W` of two networks in, $I$ as `B 1 H W` out, without a gradient. Put `1e-6` inside the logarithms, so that sure networks give numbers.

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

# %% [markdown]
# Now look at a run. Drag through training, and watch where the map is bright, and where pseudo labels are wrong (the explorer shows both). *Before you drag:* will the bright places be where the errors are?

# %% tags=["explorer"]
from ucmt_lite.explore import uncertainty
from ucmt_lite.explore.predict_first import predict_first, where_they_differ

ucmt = runs["ucmt"][0]
predict_first(uncertainty.widget(ucmt, threshold=threshold), where_they_differ(ucmt, step=200))

# %% [markdown]
# ## Keep the certain ones?
#
# An obvious idea: believe a pseudo label only where the entropy is at most a threshold. Two numbers describe what one gets. **Coverage** is the share of pixels that are kept, **risk** the share of the kept ones
# whose label is wrong.
#
# ### Exercise 2: risk and coverage
#
# *Easy, about 6 minutes.* `entropy` and `wrong` are arrays of one shape, floats and booleans. Return coverage and risk at a threshold; where nothing is kept, the risk is 0.

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

# %%
import numpy as np

entropy, wrong = np.asarray(ucmt.uncertainty[-1], float), uncertainty.wrong_labels(ucmt)[-1]
levels = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.69])
for level, share, risk in zip(levels, *uncertainty.risk_coverage(entropy, wrong, levels), strict=True):
    print(f"at most {level:.2f} nats: {share:6.1%} kept, {risk:6.2%} of them wrong")

# %% [markdown]
# (Of all probe images of this run at its end; the explorer above shows one of them.) Risk falls with the threshold, so the map knows something. But five pixels in six are background and easy, and they decide these percentages. The errors that hurt are the ones nobody suspects.
#
# ### Exercise 3: confident errors
#
# *Easy, about 5 minutes.* Of all *wrong* pixels, which share has an entropy of at most `threshold`? Return 0 where nothing is wrong.

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

# %% [markdown]
# With your function: `my_confident_errors(entropy, wrong, threshold)`. The kit's number for the end of this run:

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
# ### Exercise 4: write it
#
# *Medium, about 10 minutes.* `confidence` and `right` are arrays of one shape; `bins` equal bins divide 0 to 1. A confidence of exactly 1 belongs to the last bin.

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

# %% [markdown]
# Phantoms know more than real images: their borders are blurred on purpose, and for each pixel it is known how undecided its class *is*. The last panel of the uncertainty picture compares that with the map: a network
# that knew its borders would follow the line.

# %%
uncertainty.figure(ucmt, threshold=threshold)

# %% [markdown]
# ## Recap
#
# - Disagreement compares decisions, uncertainty compares probabilities; both fall in every method, for good and for bad reasons.
# - Uncertainty of two networks = what each doubts + what they contradict each other about.
# - A threshold trades coverage for risk, and keeps the errors that are certain enough.
# - Calibration asks whether 80 % means 80 %.
#
# **References.** Shen et al., IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465) (Figure 1 d to f; the entropy there is that of each pseudo label by itself, the first part of the sum above). Houlsby et al., *Bayesian active learning*,
# [arXiv 1112.5745](https://arxiv.org/abs/1112.5745). Guo et al., *On calibration of modern neural networks*, ICML 2017, [arXiv 1706.04599](https://arxiv.org/abs/1706.04599). Geifman & El-Yaniv, *Selective classification*, NeurIPS 2017, [arXiv 1705.08500](https://arxiv.org/abs/1705.08500).
#
# **Next:** one teacher for two students, in [the collaborative mean teacher](07_collaborative_mean_teacher.ipynb).
