# %% [markdown]
# # A fair comparison: what five seeds can tell
#
# Method A has a mean Dice of 0.82, method B of 0.80. Is A better? The question has no answer yet. It depends on how the runs scatter, on whether both were tuned with the same care, on how long each was trained,
# and on which images chose the settings. Most of what is wrong in tables of this field is wrong there, and none of it needs a GPU to be put right.
#
# In this lesson you will
#
# - compute an interval for a difference, and see it shrink with pairing;
# - test with a coin, and correct for having tested often;
# - count how often a few validation images choose wrongly;
# - tell *level* from *unknown*: **equivalence** needs a margin;
# - compare at **equal gradient steps**, and say what a table must name.

# %% tags=["parameters"]
margin = 0.02

# %% [markdown]
# ## The question
#
# > Five runs of each of two methods. What would make you say "better", what "level", and what "we do not know"?
#
# The runs of this lesson are kept in the repository: five methods on four labeled hearts, five seeds, 200 test images ([results](../results/README.md)).

# %%
from ucmt_lite.experiments import results

runs = results.load_runs(results.kept("recipe_heart") / "runs.parquet")
table = runs.pivot_table(index="variant", columns="seed", values="dice", sort=False)
table.round(3)

# %% [markdown]
# Read down a column before you read along a row. A **seed** draws the labels and the first weights, and within a seed every method had the same. *Before you go on:* which seed was unlucky for all?
#
# <details><summary>Which?</summary>
#
# Seed 50: it is the lowest of the five in every row. A seed draws three things at once, the labels, the first weights and the order of the minibatches, and the table cannot say which of them did it. To find out, keep one and draw the others anew.
# </details>
#
# Was it the labels of seed 50? We trained with the labels of each of these five seeds again, four times each, with other first weights, minibatches and views ([heart_draws](../results/heart_draws/README.md)). A score then has two parts of luck, $\sigma^2 = \sigma^2_{\text{draw}} + \sigma^2_{\text{training}}$. The second is what scatters *within* a draw; the first is what the means of the draws scatter beyond what training explains. *Before you run:* which is larger?

# %% tags=["hide-output"]
from ucmt_lite.experiments.draws import luck_apart

luck_apart(results.load_runs(results.kept("heart_draws") / "runs.parquet"), "supervised").round(3)

# %% [markdown]
# <details><summary>What it says</summary>
#
# Neither: a baseline scatters by 0.032 with its labels and by 0.028 with its training. CPS scatters little more than half as much in both, which is a gain of its own. And the labels of seed 50 were not to blame for most of its fall: four other trainings with them have a mean of 0.707, where the table above has 0.567. They are poor labels and it was a poor run, and a single run cannot tell you which.
# </details>
#
# ## Pairs
#
# Two methods that share their luck are compared best within each seed: the **paired difference** $d_s = A_s - B_s$. Of $n$ differences with mean $\bar d$ and standard deviation $s_d$ (with $n - 1$ below the line), the 95 % interval is
#
# $$\bar d \pm t\, \frac{s_d}{\sqrt{n}},$$
#
# with Student's quantile $t$, 2.776 for $n = 5$.
#
# ### Exercise 1: the interval
#
# *Easy, about 6 minutes.* Return its lower and upper end. `t` is given.

# %% tags=["exercise"]
import math


def my_interval(differences, t):
    # solution
    n = len(differences)
    mean = sum(differences) / n
    variance = sum((d - mean) ** 2 for d in differences) / (n - 1)
    half = t * math.sqrt(variance / n)
    return mean - half, mean + half


# %% tags=["check"]
from ucmt_lite.course.checks import check_interval

check_interval(my_interval)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# The variance of a *sample* divides by $n - 1$. (`statistics.stdev` does, `numpy.std` needs `ddof=1`.)
# </details>
# <details><summary>Hint 2</summary>
#
# The mean of $n$ values scatters $\sqrt{n}$ times less than one of them.
# </details>

# %%
from ucmt_lite.experiments.comparison import interval

ucmt, cps, baseline = (table.loc[name] for name in ("ucmt", "cps", "supervised"))
for name, one, other in (("ucmt - supervised", ucmt, baseline), ("ucmt - cps", ucmt, cps)):
    mean, low, high = interval((one - other).tolist())
    print(f"{name:18} {mean:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}")

# %% [markdown]
# ## Images are chance, too
#
# The 200 test images are a sample as well: other hearts would have given other means. A **bootstrap** imitates that: it draws five of the five seeds and 200 of the 200 images, both *with* replacement, takes the mean over all of them, and does so 2,000 times. The middle 95 % of these means are an interval in which both kinds of luck take part.
#
# *Before you run:* will it be wider or narrower than the interval above, which knows seeds only?

# %% tags=["hide-output"]
from ucmt_lite.experiments.cases import crossed_interval

images = results.load_runs(results.kept("recipe_heart") / "cases.parquet")
for one, other in (("ucmt", "supervised"), ("ucmt", "cps")):
    mean, low, high = crossed_interval(images, one, other)
    print(f"{one} - {other:12} {mean:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}")

# %% [markdown]
# <details><summary>The answer</summary>
#
# Narrower, although it knows more. 200 images add little luck here, and five seeds drawn with replacement can only repeat what five seeds hold: nearly every draw misses some of them, and none invents a sixth. With few seeds a bootstrap is too sure. The t interval is wide because Student's $t$ of 2.776 pays for having so few. Read the wider one. (Where several images are of one patient, it is patients that have to be drawn: images of one person are no independent luck.)
#
# Papers mostly print another p: **Wilcoxon's signed-rank test**, or a paired t test, over the test *patients*, with one run of each method. To pair is right there, too, since a hard patient is hard for both. But such a p speaks of two trained *networks* on other patients; another seed would be another pair of networks, and forty patients cannot know of it. Where slices stand for patients $n$ grows thirtyfold, and p shrinks, without a single new patient.
# </details>
#
# ## A test with a coin
#
# The t interval takes the differences for roughly normal, which five numbers cannot show. A **sign test** takes nothing: if the methods were level, each difference would be positive as often as negative, like a coin. How often do $n$ coins show a result at least as lopsided as the one seen?
#
# ### Exercise 2: the sign test
#
# *Medium, about 8 minutes.* Return the two-sided p value. Differences of exactly 0 are left out.

# %% tags=["exercise"]
def my_sign_test(differences):
    # solution
    signs = [d > 0 for d in differences if d != 0]
    n, wins = len(signs), sum(signs)
    extreme = max(wins, n - wins)
    tail = sum(math.comb(n, k) for k in range(extreme, n + 1)) / 2**n
    return min(1.0, 2 * tail)


# %% tags=["check"]
from ucmt_lite.course.checks import check_sign_test

check_sign_test(my_sign_test)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# `math.comb(n, k) / 2**n` is how often $n$ coins show $k$ heads.
# </details>
# <details><summary>Hint 2</summary>
#
# Add this up from the larger of wins and losses to $n$, and double it: it could have been lopsided the other way. No p is above 1.
# </details>

# %% [markdown]
# *Before you compute:* five wins in five. How small can this p become? With your function, `my_sign_test([1, 1, 1, 1, 1])`.
#
# <details><summary>The answer</summary>
#
# 2/32 = 0.0625 (with three seeds 0.25, and Student's $t$ is 4.303). Five seeds can *never* reach 0.05 in a sign test, however large the differences. A reviewer who asks five-seed studies for it asks for the impossible, and an author who reports "5 of 5" with p < 0.05 has assumed more than a coin.
# </details>
#
# ## Testing often
#
# Compare five variants with a baseline, and you have five chances of a lucky p. **Holm's correction** (1979) sorts the p values, multiplies the smallest by their number, the next by one less, and so on; a corrected value is never below the one before it, and none is above 1.
#
# ### Exercise 3: correct them
#
# *Medium, about 9 minutes.* Return the corrected values in the order of the given ones.

# %% tags=["exercise"]
def my_holm(values):
    # solution
    order = sorted(range(len(values)), key=values.__getitem__)
    corrected, largest = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = largest
    return corrected


# %% tags=["check"]
from ucmt_lite.course.checks import check_holm

check_holm(my_holm)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Work on the sorted list, but remember which value came from where: sort the *indices* by their value.
# </details>
# <details><summary>Hint 2</summary>
#
# The factor of the value with rank $r = 0, 1, 2, ...$ is $n - r$. Then take the largest so far.
# </details>

# %% [markdown]
# In the kit's table p is of a paired t test over seeds, corrected by Holm, and *effect g_z* is the mean difference in units of its own scatter over seeds, made smaller because few seeds exaggerate it (Hedges).

# %%
from ucmt_lite.experiments.comparison import compare_runs
from ucmt_lite.experiments.report import as_table

as_table(compare_runs(runs, "supervised"))

# %% [markdown]
# ## Level, or unknown?
#
# A p above 0.05 does not say "equal". It may say "we looked too little". To claim that two methods are level, name a **margin** first: a difference that would not matter to whoever uses the masks, here 0.02 (a tenth of what two seeds of the baseline may differ by). Then read the interval of the difference:
#
# - wholly above 0: *better* (and wholly below: *worse*). That says that the sign is sure, and not that the difference matters. With 20 labeled images of ISIC 2018, real skin lesions, UCMT is better than the baseline by 0.010 (0.006 to 0.014): in all five seeds, smaller than the margin, and *level* with a baseline that takes as many gradient steps ([recipe_isic2018](../results/recipe_isic2018/README.md)). Then say all of it;
# - inside the margin, from $-0.02$ to $+0.02$, and covering 0: *level*;
# - anything else: *open*.
#
# ### Exercise 4: the verdict
#
# *Easy, about 5 minutes.* Return one of the four words.

# %% tags=["exercise"]
def my_verdict(low, high, margin):
    # solution
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "level" if low > -margin and high < margin else "open"


# %% tags=["check"]
from ucmt_lite.course.checks import check_verdict

check_verdict(my_verdict)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# First the two cases in which the interval does not cover 0, then whether it fits into the margin.
# </details>

# %% [markdown]
# Now read the intervals above. CPS against the baseline? UCMT against CPS? Mean Teacher against the baseline?
#
# <details><summary>The verdicts</summary>
#
# By its own interval CPS is *better* than the baseline. (Holm's correction asks more, for five comparisons were made: its p is 0.084 then. That p comes from a paired t test, which reads the sizes of the differences and takes them for bell-shaped; by signs alone five comparisons could not get below 5 x 0.0625. State which of them you use before you look. This course uses the interval, uncorrected, for the comparison a lesson is about.) UCMT against CPS is *open*: from -0.034 to +0.016, it covers 0 and does not fit into the margin. Mean Teacher against the baseline is open, too, although its mean difference is 0.005: from -0.064 to +0.075, five seeds hardly narrow it down. No two methods of this table are shown to be level. (On skin, with ten seeds, some are, such as CPS and CMT: +0.003, from -0.012 to +0.018, [recipe_skin](../results/recipe_skin/README.md).)
# </details>
#
# How many seeds does "level" take? The *whole* interval has to fit into the margin, and its half-width falls with $\sqrt{n}$. Its middle counts, too: the further the mean is from 0, the less of the margin is left. With the mean and the scatter of above, UCMT and CPS would need about seventeen seeds, Mean Teacher and the baseline about sixty. This is why so many comparisons stay open, this kit's too. (Two one-sided tests, *TOST*, at 5 % each ask the same of a 90 % interval, which is a little narrower.)
#
# ## Equal what?
#
# UCMT takes two gradient steps an iteration, Mean Teacher one. At equal **iterations** UCMT trains twice as long. At equal **gradient steps** it sees half as many images. Neither is *the* fair one: say which, and show both if the order changes.

# %%
columns = ["iterations", "gradient_steps", "dice", "seconds_training"]
runs.groupby("variant", sort=False)[columns].mean().round(3)

# %%
from ucmt_lite.experiments import evidence

evidence.plot_scores(runs)

# %% [markdown]
# ## Who chose the settings?
#
# Validation images choose: a weight, a threshold, one of two methods. Each of them has a mask that somebody drew, and with four labeled images to train on nobody has two hundred more. How many does a choice need?
#
# The kept runs can answer, for we know the Dice of both networks on 200 images. Take those for the truth, draw $n$ of them, choose by their mean, and count how often the choice is the one that all 200 make.
#
# ### Exercise 5: how often is the choice right?
#
# *Medium, about 8 minutes.* `better` and `worse` are arrays with a Dice per image, the same images in the same order; over all images `better` has the higher mean. Draw `n` images without replacement, `draws` times, with `random.choice(len(better), n, replace=False)`. Return the share of draws in which `better` has the higher mean.


# %% tags=["exercise"]
def my_right_choices(better, worse, n, draws, random):
    # solution
    right = 0
    for _ in range(draws):
        drawn = random.choice(len(better), n, replace=False)
        right += better[drawn].mean() > worse[drawn].mean()
    return right / draws


# %% tags=["check"]
from ucmt_lite.course.checks import check_right_choices

check_right_choices(my_right_choices)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Both networks are scored on the *same* drawn images: one list of places, `better[drawn]` and `worse[drawn]`.
# </details>
# <details><summary>Hint 2</summary>
#
# Count the draws in which the one mean is above the other, and divide by `draws`.
# </details>

# %% [markdown]
# *Before you run:* Mean Teacher and the baseline differ by 0.02 to 0.09 within a seed. How often do four images choose right? And sixteen?

# %% tags=["hide-output"]
from ucmt_lite.experiments.cases import right_choices

right_choices(images, "mean_teacher", "supervised", [4, 16, 64]).round(3)

# %% tags=["hide-output"]
right_choices(images, "ucmt", "cps", [4, 16, 64]).round(3)

# %% [markdown]
# <details><summary>What it says</summary>
#
# Four images find a difference of 0.09 in nine draws of ten, and one of 0.016 little more often than a coin does. Sixteen find nearly every difference of 0.03. Where two runs are within 0.011 of each other, sixty-four choose right in 68 to 99 % of the draws: that depends on how much the difference scatters over images. (With forty labeled images of your own: ten of them for choosing, or **cross-validation**, in which each quarter judges in turn the networks that learned from the others, and the mean of the four chooses.) So with a validation set as small as the labeled one, search coarsely: it tells settings apart that differ by 0.1 in Dice, and no finer ones. For Mean Teacher even weights of 0.1 and 1 were level here, on fifty images. (This course is no better than the field: its weights were chosen on 50 validation masks, twelve times the four labels, and whoever owned those would rather train on them. So read "four labels" here as four to learn from and fifty to choose with, and in a paper with a full validation set add its masks likewise.) And the more settings are tried, the luckier is the best of them ([lesson 13](13_failure_museum.ipynb), room 3). (These are test images of finished runs, taken for validation images; no setting of this kit was chosen with them.)
# </details>
#
# ## What a table must name
#
# On the left atrium two families of numbers circulate, and papers mix them. With 8 of 80 labeled volumes UA-MT (a Mean Teacher that leaves out what it doubts, in [lesson 16](16_after_ucmt.ipynb)) stands at a Dice of 84.25 in one and at 85.81 in the other, SASSNet, another method of these years, at 87.32 and at 85.71: the *order* of the two methods depends on the family (original protocols; re-runs by the authors of MC-Net+ and SS-Net). Neither
# is wrong. They differ in training length and in how the last network was chosen, and a row of one does not belong under a row of the other.
#
# So, below every table of yours: the data and the split; which images are labeled; network, loss, iterations *and* steps; how settings were chosen, on which images; what the *same network with all labels* reaches (the upper bound: a gain of 0.05 is little of a gap of 0.3, and all of one of 0.06; for the hearts above it is 0.870, [all_labels](../results/all_labels/README.md)); **the last network or the best one** (a best one is chosen by validation images that cost labels, too, few of them choose by luck, and chosen by test images it is a lucky one; with a learning rate that falls to 0 the last is the simple, honest choice, and this kit's); seeds, and what the interval is about; the size at which masks were scored.
#
# ## Recap
#
# - Pair runs by seed; give the difference with its interval.
# - Five seeds cannot reach p < 0.05 by signs alone. Correct for the number of tests.
# - "Not significant" is not "level". Level needs a margin that was named before.
# - Equal iterations, or equal gradient steps: say which.
# - A few validation images can choose between settings that differ a lot, and no others.
#
# **References.** Holm, *A simple sequentially rejective multiple test procedure*, 1979. Lakens, *Equivalence tests*, 2017. Bouthillier et al., *Accounting for variance in machine learning benchmarks*, MLSys 2021, [arXiv 2103.03098](https://arxiv.org/abs/2103.03098). Oliver et al., *Realistic evaluation of deep semi-supervised learning*, NeurIPS 2018, [arXiv 1804.09170](https://arxiv.org/abs/1804.09170). The tables: repositories of DTC (HiLab-git) and CrossMatch (AiEson).
#
# **Next:** the same methods in three dimensions, in [the left atrium](11_left_atrium_3d.ipynb).
