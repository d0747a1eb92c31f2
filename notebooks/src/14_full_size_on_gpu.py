# %% [markdown]
# # Full size on a GPU
#
# The lessons so far run on a laptop in minutes. The papers of this field run for hours: images of 256 pixels, networks of millions of parameters, ten thousand steps. This page does that, on Colab's GPU or yours. It says beforehand how long it will take, survives a lost runtime, and keeps what it found.
#
# In this lesson you will
#
# - choose a **profile**, `smoke` to see that everything works, or `paper`;
# - measure a few iterations, and compute what the whole will cost before you pay it;
# - run Mean Teacher, CPS and UCMT, and go on after an interruption;
# - read the result without ranking what one seed cannot rank.

# %% tags=["parameters"]
profile = "smoke"  # smoke: minutes on a CPU; paper: hours on a GPU
dataset = "phantom_skin"  # isic2018, or folder with your own data
data = ""  # where a real set or your own data lie
out = "runs/full_size"  # on Colab a folder of your Drive, so that it outlives the runtime
seed = 0

# %% [markdown]
# ## Where does this run?

# %%
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"
print(torch.cuda.get_device_name() if device == "cuda" else "no GPU here: stay with the smoke profile")

# %% [markdown]
# On Colab: *Runtime, Change runtime type, GPU*. To keep results, run `from google.colab import drive; drive.mount("/content/drive")` and set `out` to a folder below `/content/drive/MyDrive`.
#
# ## What is run
#
# The two-dimensional setting of the paper's public code is images of 256 pixels, a minibatch of 8 labeled and 8 unlabeled images, AdamW. Its network is a DeepLabv3+ with a pretrained encoder; here it is a U-Net that starts from chance, so that nothing is downloaded and all methods start alike. Learning rate, loss and weight are the kit's, too (the code has a rate of 0.0001 that does not fall, Dice as its only loss, and a third of the weight). 181 labeled images are a tenth of the 1,815 to train on, and 11,350 the gradient steps of each student in the public code: 25 passes over the 1,815 images in minibatches of 8 are 5,675 iterations, of two steps each. So UCMT has half as many iterations here, and every method as many steps. (This profile has not been run by us: it takes a GPU.) Where ISIC 2018 is not at hand, phantoms of skin lesions take its place: then it is a test of the machine and not of the method.

# %%
profiles = {
    "smoke": {"size": 64, "network": "unet_small", "batch": 4, "labeled": 8, "iterations": 60},
    "paper": {"size": 256, "network": "unet", "batch": 8, "labeled": 181, "iterations": 11350},
}
if dataset.startswith("phantom"):
    profiles["paper"]["labeled"] = 15  # five per cent of the phantoms

# %%
import dataclasses

from ucmt_lite import RunConfig

common = {"dataset": dataset, "data": data, "seed": seed, **profiles[profile]}
methods = ("supervised", "mean_teacher", "cps", "ucmt")
configs = {method: RunConfig(method=method, **common) for method in methods}
half = common["iterations"] // 2  # of two steps each
configs["ucmt"] = dataclasses.replace(configs["ucmt"], iterations=half)
configs["ucmt"]

# %% [markdown]
# ## What will it cost?
#
# What an iteration asks of the networks, on labeled and unlabeled images together:
#
# | method | passes forward and back | forward alone |
# |---|---|---|
# | supervised | 1 (labeled images only) | 0 |
# | Mean Teacher | 1 | 1 |
# | CPS | 2 | 0 |
# | UCMT | 4 (two students, two steps) | 1 |
#
# (UA-MT, UniMatch and the others of lesson 16: their seconds stand in its first table. To *predict*, every method needs one network and one pass.)
#
# So *equal iterations*, *equal gradient steps* and *equal seconds* are three comparisons ([lesson 10](10_fair_comparison.ipynb)). Seconds depend on the machine, so measure them over twenty iterations; a short run goes before, as the first of all is slower, while memory is laid out. (What starting a run costs is counted in, and a machine with other work is slower whenever it has it: take the estimate for a third to three times the truth.)

# %%
import time

from ucmt_lite import train

train(dataclasses.replace(configs["ucmt"], iterations=2))  # the first run of all

seconds = {}
for method, config in configs.items():
    started = time.perf_counter()
    train(dataclasses.replace(config, iterations=20))
    seconds[method] = (time.perf_counter() - started) / 20

# %% [markdown]
# ### Exercise 1: before you pay
#
# *Easy, about 4 minutes.* `seconds` maps each method to the seconds of an iteration. Return the hours that all of them take together, for so many iterations and seeds.

# %% tags=["exercise"]
def my_hours(seconds, iterations, seeds):
    # solution
    return sum(seconds.values()) * iterations * seeds / 3600


# %% tags=["check"]
from ucmt_lite.course.checks import check_hours

check_hours(my_hours)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Each method takes its own seconds; iterations and seeds multiply their sum. An hour has 3,600 seconds.
# </details>

# %%
hours = sum(seconds[method] * config.iterations for method, config in configs.items()) / 3600
print({method: f"{1000 * value:.0f} ms" for method, value in seconds.items()}, f"about {hours:.2f} h")

# %% [markdown]
# Memory in training is mostly what the layers keep for the way back: it grows with the *product* of image area, minibatch and channels, so twice the side takes four times as much. Weights are little beside it; UCMT holds three networks, and the layers of both students at once. If it does not fit, halve `batch` before you halve `size`. `precision="auto"` uses half precision where the GPU is good at it. (What half precision costs a result, and how far seeds scatter at this size, we have not measured: run one seed twice, and once with `precision="float32"`, before you read a difference of hundredths.)
#
# ## Run
#
# Each run has a folder of its own. It writes a checkpoint as it goes: if the runtime is lost, run this cell again, and it goes on where it was. (On a CPU to the last digit; a GPU adds in another order each time.) A run that is finished is read, not repeated.

# %%
from ucmt_lite import run

finished = {method: run(config, f"{out}/{profile}_{method}") for method, config in configs.items()}

# %% [markdown]
# ## Read it

# %%
from ucmt_lite.experiments import results, tables
from ucmt_lite.experiments.tables import Table

rows = results.of_runs(f"{out}/{profile}_{method}" for method in configs)
Table(tables.scores_table(rows))

# %%
from ucmt_lite.explore import compare

compare.figure({method: [one.trace] for method, one in finished.items()})

# %% [markdown]
# The curves score 16 validation images, the table 200 test images: the two do not even agree on an order here. One seed ranks nothing, at any size. For a comparison write the settings above as a grid and give it seeds: `ucmt-lite sweep grid.yaml --out runs/mine`, then `ucmt-lite report runs/mine` ([lesson 10](10_fair_comparison.ipynb) reads such a report).
#
# ## Recap
#
# - Measure twenty iterations before you start ten thousand.
# - A run that writes checkpoints can be interrupted; one that keeps its configuration can be repeated.
# - Full size changes the numbers, not the rules: a baseline, same labels, equal steps, several seeds.
#
# **References.** Shen et al., IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465), and its public code. Codella et al., ISIC 2018, [arXiv 1902.03368](https://arxiv.org/abs/1902.03368).
#
# **Next:** a question of your own, in [the capstone](15_capstone.ipynb).
