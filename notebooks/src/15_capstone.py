# %% [markdown]
# # Capstone: a question of your own
#
# You have built the methods and seen them fail. Now ask something nobody has told you the answer to, and answer it so that somebody who doubts you can check. Nothing here is graded by a machine; a rubric at the end says what a good answer has.
#
# In this lesson you will
#
# - choose a question, and write down what you expect, before any run;
# - plan an experiment that can prove you wrong;
# - run it, look at it, and say what it supports and what it does not.

# %% tags=["parameters"]
iterations = 120
seeds = [0, 1]

# %% [markdown]
# ## Choose a question
#
# - **Whom to label?** A seed draws the four labeled hearts. Would the four that differ most teach more? (`split_labeled` draws; `Batches` and `ucmt_lite.training.fit.fit` take any four.)
# - **How soon?** The ramp-up rises over half of the run. Is there a best moment for pseudo labels to begin, and does it depend on the number of labels?
# - **Which cells?** UMIX covers what is uncertain. Cover what is *certain* instead: write that mix, with as many cells.
# - **Which views?** Strong views change contrast and sharpness. Which of them does consistency need, and which hurts?
# - **Who predicts?** Teacher, student 1, the mean of both students: is one of them better on *every* method?
# - **What does a label save?** On hearts 296 images without masks are worth fewer than twelve masks (lesson 12). On skin? With two labels?
#
# Or one of your own. A good question can be answered with *no*.
#
# ## Write down what you expect
#
# Before the first run: the question in one sentence; what you will vary, and what stays; on which images you score; what you expect, as a number with a sign; which result would prove you wrong. Copy it into your report as it stands, also when it was wrong.
#
# ## An experiment, as an example
#
# *Does CPS need its ramp-up?* Expectation: without it, lower by 0.05 or more. A result that would prove this wrong: an interval of the difference that lies above $-0.05$. Two seeds here, so that the page runs in two minutes; five or more in yours.

# %%
from ucmt_lite import RunConfig, train

ramps = (0.0, 0.5)
traces = {
    f"ramp {ramp}": [
        train(RunConfig(method="cps", ramp=ramp, seed=seed, iterations=iterations)).trace
        for seed in seeds
    ]
    for ramp in ramps
}

# %%
from ucmt_lite.explore import compare

compare.figure(traces, ["disagreement", "dice"])

# %% [markdown]
# (Disagreement and Dice of these curves are those of the 16 *probe images*: validation images that are watched in training.)
#
# Now the part that most reports leave out: *look* at a network that did badly, and one that did well, on the same image. Then the difference in each seed:

# %%
last = {name: [float(trace.curves["dice"][-1]) for trace in runs] for name, runs in traces.items()}
without, with_ramp = last.values()
for seed, a, b in zip(seeds, without, with_ramp, strict=True):
    print(f"seed {seed}: without {a:.2f}, with {b:.2f}, difference {a - b:+.2f}")

# %% [markdown]
# Two seeds prove nothing. What would you do next: more seeds, more iterations, or another network? Say why.
#
# ### Exercise 1: how many seeds?
#
# *Medium, about 5 minutes.* Differences between two methods scatter from seed to seed with a standard deviation of `deviation`. The mean of $n$ of them has an interval of 95 % with a half-width of about $1.96 \cdot \text{deviation} / \sqrt{n}$. How many seeds until that is at most `margin`? (Student's quantile in place of 1.96, [lesson 10](10_fair_comparison.ipynb), asks for a few more. And *level* asks for more still, because the mean of the differences is not 0.)

# %% tags=["exercise"]
import math


def my_seeds_needed(deviation, margin):
    # solution
    return math.ceil((1.96 * deviation / margin) ** 2)


# %% tags=["check"]
from ucmt_lite.course.checks import check_seeds_needed

check_seeds_needed(my_seeds_needed)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Set the half-width equal to `margin` and solve for $n$; then take the next whole number.
# </details>
# <details><summary>Hint 2</summary>
#
# $\sqrt{n} = 1.96 \cdot \text{deviation} / \text{margin}$, and $n$ is its square. `math.ceil` rounds up.
# </details>

# %% [markdown]
# Try it with a deviation of 0.05, as differences to the baseline on these hearts have, and a margin of 0.02: that is why so many comparisons stay open, and why halving the margin costs four times as many. (About the ramp-up: [lesson 05](05_cross_pseudo_supervision.ipynb) saw no difference with seed 0 after 200 iterations. Whether it helps may depend on the length of the run, and that is a question worth a capstone.)
#
# For real answers write a grid and let the kit do the rest, with seeds, tables, intervals and a page that others can run:
#
# ```
# base: {dataset: phantom_heart, method: cps, labeled: 4}
# variants: {without: {ramp: 0.0}, with: {ramp: 0.5}}
# vary: {seed: [0, 1, 2, 3, 4]}
# ```
#
# `ucmt-lite sweep grid.yaml --out runs/capstone`, then `ucmt-lite report runs/capstone`.
#
# ## The rubric
#
# | | not yet | good | very good |
# |---|---|---|---|
# | **Question** | cannot be answered with *no* | one thing varied, the rest named | the answer would matter to somebody |
# | **Expectation** | none, or written afterwards | a number with a sign, before the runs | and a result that would refute it |
# | **Design** | one seed, or settings chosen on test images | same labels, several seeds, baseline tuned as evenly | equal steps as well, a rival that differs in one thing |
# | **Evidence** | a mean | differences by seed with an interval | and a margin for *level* |
# | **Looking** | curves only | masks of good and bad runs | the cause found by changing one thing |
# | **Words** | "better" | what the data support, and on which data | what they do not support, as clearly |
# | **Repeatable** | no | configurations and seeds kept | somebody else got the same numbers |
#
# An honest *no* with a clear design is worth more than a *yes* without one.
#
# ## Recap
#
# - A question that can fail, an expectation that was written down, one thing varied.
# - Seeds before conclusions, pictures before causes.
# - Say what you do not know.
#
# **Next:** what came after 2023, in [after UCMT](16_after_ucmt.ipynb).
