# %% [markdown]
# # Results one can believe
#
# A single run says little: another seed draws other labels and other first weights, and may turn the order of two methods
# around. This page reads the table of a whole sweep, every method with several seeds, and asks what remains. It is a report
# as well: `ucmt-lite report DIR` runs it on a sweep of yours and leaves `DIR/report.ipynb`.
#
# The grid behind the kit's own table, which is shown unless you name a folder, is `results/recipe_heart/grid.yaml`: a few lines that name the settings all runs share, the variants,
# and the seeds. `ucmt-lite sweep GRID --out DIR` runs it. From Python: `from ucmt_lite.experiments import plan, sweep`,
# then `sweep.sweep(plan.plan_runs({...}), "runs/mine")` (in a script, below `if __name__ == "__main__":`).

# %% tags=["parameters"]
# Holds runs.parquet and curves.parquet, as `ucmt-lite report` writes them; none: the kit's own.
folder: str = ""
baseline: str = "supervised"  # the variant that the others are compared with
score: str = "dice"  # dice, jaccard, hd95 or asd

# %% [markdown]
# ## What was run
#
# One row of the table is one run, with everything it depends on: configuration, the ids of its labeled images, commit and
# environment. Here are the first rows, and where they come from.

# %%
from ucmt_lite.experiments import results

labels, folder = folder or results.kept("heart_labels"), folder or results.kept("recipe_heart")
runs = results.load_runs(f"{folder}/runs.parquet")
variants = runs["variant"].nunique()
print(len(runs), "runs of", variants, "variants; commits", *runs["env_commit"].unique())
runs[["variant", "labeled", "iterations", "gradient_steps", "seed", "dice", "hd95"]].head()

# %% [markdown]
# ## Every seed
#
# Each dot is a run, the bar is the mean of its row, and the line covers the **95 % interval** of that mean: if we drew new
# seeds again and again, 95 of 100 such intervals would contain the true mean. (By Student's t, which takes the values for
# roughly normal; five values cannot check that. The test images are the same for every seed: the interval tells of other labels
# and other starts, not of other patients.) Look at how far dots of one row lie apart
# before you look at how far rows do.

# %%
from ucmt_lite.experiments import evidence

evidence.plot_scores(runs, score)

# %% [markdown]
# ## Method against baseline, seed by seed
#
# Runs with the same seed share their labeled images and the first weights of student 1. An unlucky draw may hurt
# every method. Where it does, the **paired difference**, method minus baseline within a seed, is less noisy than the difference of
# two means. On the kit's hearts it is so for every method; on its lesions and with sixteen labels it often is not.
#
# - **p** comes from a paired t-test: how often chance alone would show a difference at least this large if there were none.
# - **Holm** corrects it for making several comparisons: test enough methods, and one will look better by luck. It counts the
#   comparisons of one table.
# - **effect g_z** is the mean difference in units of its own spread over seeds (with Hedges' correction for few of them). The usual
#   0.2, 0.5, 0.8 for small, medium and large are made for other spreads and do not apply.
# - With five seeds only large and steady differences can be told from chance. "Not significant" does not mean "equal".

# %%
from ucmt_lite.experiments.comparison import compare_runs
from ucmt_lite.experiments.report import as_table

compared = compare_runs(runs, baseline, score)
as_table(compared, score)

# %%
evidence.differences(compared, baseline, score)

# %% [markdown]
# ## By number of labels
#
# Where a sweep varies the number of labels, the same scores as a curve. The question of this whole field is how far to the
# left a method reaches the height that the baseline has on the right. What you see is the kit's own comparison of this kind,
# `results/heart_labels`, measured under the recipe of before, with batch norm; in a report it is the sweep that is reported.

# %%
evidence.label_efficiency(results.load_runs(f"{labels}/runs.parquet"), score)

# %% [markdown]
# ## On the way
#
# Disagreement between the two networks that are compared (two students, or student and teacher), their uncertainty, and Dice on the
# *probe images* (a few validation images, watched during training). Disagreement is the curve of Figure 1 (d) of the UCMT paper. A
# line is the mean over seeds, its band runs from the lowest to the highest. Of many variants the baseline and the best six are
# drawn.

# %%
from ucmt_lite.explore import compare

compare.figure(results.traces_of(runs, results.load_runs(f"{folder}/curves.parquet"), baseline))
