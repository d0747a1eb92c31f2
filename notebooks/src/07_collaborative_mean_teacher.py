# %% [markdown]
# # The collaborative mean teacher: one teacher for two students
#
# Mean Teacher has one student and its average. CPS has two students and no teacher. The **collaborative mean teacher** (CMT), the first half of UCMT, has both: two students that teach each
# other, and a teacher that follows both and teaches both. The idea fits in a sentence. Whether it can work hangs on a question that is rarely asked: can one *average* two networks?
#
# In this lesson you will
#
# - write the teacher of two students, and its loss;
# - compute how long an average remembers;
# - reorder a network without changing what it computes, and say what that means for averages;
# - watch teachers of other shares, and see what the published code does.

# %% tags=["parameters"]
iterations = 200
seed = 0

# %% [markdown]
# ## The question
#
# > Two students know different things. Is the average of their *weights* a network that knows both?
#
# ## The teacher of two
#
# In step $n$ the teacher $\theta_t$ moves towards a mixture of its students $\theta_1$ and $\theta_2$, with **shares** $\beta_1 + \beta_2 = 1$:
#
# $$\theta_t \leftarrow \alpha\,\theta_t + (1 - \alpha)\,(\beta_1 \theta_1 + \beta_2 \theta_2), \qquad \alpha = \min\!\left(1 - \frac{1}{n + 1},\ \alpha_{\max}\right)$$
#
# ### Exercise 1: write it
#
# *Medium, about 7 minutes.* Change the teacher's parameters in place; `shares` is a pair, `step` counts from 0.

# %% tags=["exercise"]
import torch


@torch.no_grad()
def my_teacher_of_two(teacher, student1, student2, decay, shares, step):
    # solution
    alpha = min(1 - 1 / (step + 1), decay)
    networks = (teacher.parameters(), student1.parameters(), student2.parameters())
    for t, s1, s2 in zip(*networks, strict=True):
        t.copy_(alpha * t + (1 - alpha) * (shares[0] * s1 + shares[1] * s2))


# %% tags=["check"]
from ucmt_lite.course.checks import check_teacher_of_two

check_teacher_of_two(my_teacher_of_two)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# It is `my_ema_update` of lesson 03 with a mixture in the place of the student.
# </details>
# <details><summary>Hint 2</summary>
#
# `zip` takes three lists of parameters as well as two.
# </details>

# %% [markdown]
# How far back does the average reach? With a decay of $\alpha$ the students of $m$ steps ago count $\alpha^m$ times as much as today's.
#
# ### Exercise 2: its memory
#
# *Easy, about 4 minutes.* After how many steps has a student's weight fallen to half? Return a number that need not be whole.

# %% tags=["exercise"]
import math


def my_half_life(decay):
    # solution
    return math.log(0.5) / math.log(decay)


# %% tags=["check"]
from ucmt_lite.course.checks import check_half_life

check_half_life(my_half_life)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Solve $\alpha^m = \tfrac{1}{2}$ for $m$: take logarithms on both sides.
# </details>

# %% [markdown]
# At 0.99 it is 69 steps. (The explorer below says *about 100*, $1 / (1 - \alpha)$, which is when a weight has fallen to a third.) UCMT takes two steps an iteration (lesson 09) and updates its teacher in each: the same decay gives it half the memory, 34 iterations.
#
# ## The loss
#
# Each student $s_i$ learns from the masks $y$ of labeled images $x_i$, and on unlabeled ones $u_i$ (its own strong view) from the other student's decision $\hat y$ and from the teacher's. $\ell$ is the loss of lesson 02, $w$ the weight and $r$ the ramp-up of lesson 03:
#
# $$L = \sum_{i=1,2} \ell(s_i(x_i), y) + w\,r\,\Big( \underbrace{\ell(s_1(u_1), \hat y_2) + \ell(s_2(u_2), \hat y_1)}_{\text{cps}} + \underbrace{\ell(s_1(u_1), \hat y_t) + \ell(s_2(u_2), \hat y_t)}_{\text{cmt}} \Big)$$
#
# ### Exercise 3: the unsupervised part
#
# *Medium, about 8 minutes.* Logits of both students and the teacher in; the four terms with `F.cross_entropy` for $\ell$, summed, out. No gradient reaches the teacher, and none passes a decision.

# %% tags=["exercise"]
import torch.nn.functional as F


def my_collaboration(logits1, logits2, teacher_logits):
    # solution
    label1, label2, label_t = (z.argmax(dim=1) for z in (logits1, logits2, teacher_logits))
    cps = F.cross_entropy(logits1, label2) + F.cross_entropy(logits2, label1)
    cmt = F.cross_entropy(logits1, label_t) + F.cross_entropy(logits2, label_t)
    return cps + cmt


# %% tags=["check"]
from ucmt_lite.course.checks import check_collaboration

check_collaboration(my_collaboration)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# Your `my_cross_pseudo_supervision` of lesson 05 is half of it.
# </details>
# <details><summary>Hint 2</summary>
#
# In the other half both students learn the same label, the teacher's.
# </details>

# %%
from ucmt_lite.explore.draw.picture import show_source
from ucmt_lite.methods.cmt import cmt

show_source(cmt)

# %% [markdown]
# ## Can one average two networks?
#
# Take a network with one hidden layer, $f(x) = W_2\,\mathrm{relu}(W_1 x)$. Swap two of its hidden units: their rows in $W_1$ and, to match, their columns in $W_2$. Nothing that comes out has changed, and yet the weights are others.
#
# ### Exercise 4: the same network with other weights
#
# *Medium, about 6 minutes.* `w1` is `hidden x in`, `w2` is `out x hidden`, `order` a new order of the hidden units. Return the two matrices of the reordered network.

# %% tags=["exercise"]
def my_reordered(w1, w2, order):
    # solution
    return w1[order], w2[:, order]


# %% tags=["check"]
from ucmt_lite.course.checks import check_reordered

check_reordered(my_reordered)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1</summary>
#
# A hidden unit is a row of `w1` and a column of `w2`. `w[order]` reorders rows, `w[:, order]` columns.
# </details>

# %% [markdown]
# A network has as many such twins as its hidden units have orders, and all do the same. What does the *mean* of the weights of two twins do?
#
# The smallest network that can be asked has two weights, $f(x) = w_1 w_2 x$. Its loss has two valleys, and either is as good as the other. Let each student sit in a valley of its own, and give each half of the teacher. Where will that teacher be, and how well will it do?

# %% tags=["explorer"]
from ucmt_lite.explore import ema
from ucmt_lite.explore.predict_first import a_choice, predict_first

lab = ema.widget(decay=0.99, share=[0.5, 0.5])
measure = f"mean loss of the last {ema.WINDOW} steps"
question = "The students learn in different valleys. Whose loss is the largest in the end?"
predict_first(lab, a_choice(question, ema.last_losses(lab.paths), max, measure))

# %% [markdown]
# <details><summary>Why?</summary>
#
# Average a network with its twin, and each hidden unit becomes half of one unit and half of another: no unit at all. Two students with different starts are not even twins. So the mean of their weights is, in general, the mean of nothing.
# </details>
#
# ## What the published code does
#
# The paper's figure draws arrows from both students to the teacher. The public code gives student 1 a share of 0.99 and student 2 one of 0.01. Here are both, for a short run. `student1` and `student2` are scored beside the teacher:

# %%
from ucmt_lite import RunConfig, train

common = {"method": "cmt", "labeled": 4, "seed": seed, "iterations": iterations}
shares = {"0.99 and 0.01": [0.99, 0.01], "halves": [0.5, 0.5]}
runs = {
    name: train(RunConfig(**common, settings={"ema_share": share})).trace
    for name, share in shares.items()
}
nets = ("student1", "student2", "teacher")
for name, trace in runs.items():
    print(name, {net: round(float(trace.curves[f"dice/{net}"][-1]), 2) for net in nets})

# %% [markdown]
# With halves the students are well and their teacher is not. It goes on teaching them all the same: they end 0.05 and 0.01 lower than with the other shares, which one seed cannot tell from chance. With 0.99 and 0.01 the teacher is, to be frank, the Mean Teacher of student 1. The word *collaborative* describes the losses then,
# not the average. (And the teacher follows student 1 whether or not that is the better one: in the first line it is not.)
#
# Would equal shares work for students that started *equal*? In the explorer above, tick *same valley*. Networks that share a part of their training stay in one valley and may be averaged (Wortsman et al., 2022); then, though, they err in the same places.
#
# ## Who predicts?
#
# After training there are three networks and one has to be chosen. The paper takes the teacher. Choosing by the test score would be choosing on the test set, so the kit fixes it in the table of methods, before any run: the teacher where there is one, else student 1. In the recorded runs of CMT, all three, on the validation images that were watched:

# %%
from ucmt_lite.training import traces

for n in range(50, 55):
    curves = traces.recorded(f"heart_cmt_{n}").curves
    print(f"seed {n}", {net: round(float(curves[f"dice/{net}"][-1]), 3) for net in nets})

# %% [markdown]
# In none of the five is the teacher the best of the three: fixed beforehand is not the same as best. (And the mean of both students' probabilities? That is an **ensemble**, and two networks averaged are often better than one whoever taught them. Whoever scores it owes the baseline the same, two strangers averaged, and two passes a picture. Here every method predicts with one network.)
#
# ## Recap
#
# - CMT adds to CPS a teacher that both students learn from. Both hear the same, which should pull them together. In the recorded runs they end further apart than those of CPS all the same (0.08 and 0.05), whose pseudo labels weigh more.
# - A decay is a memory: the half-life is $\ln 0.5 / \ln \alpha$ updates.
# - Weights of networks with different starts must not be averaged: hidden units have no fixed order.
# - The public code's shares of 0.99 and 0.01 make the teacher an average of student 1.
# - Who predicts is decided before the test images are seen.
#
# **References.** Shen et al., IJCAI 2023, [arXiv 2301.04465](https://arxiv.org/abs/2301.04465). Wortsman et al., *Model soups*, ICML 2022, [arXiv 2203.05482](https://arxiv.org/abs/2203.05482). Entezari et al., *The role of permutation invariance*, ICLR 2022, [arXiv 2110.06296](https://arxiv.org/abs/2110.06296).
#
# **Next:** images mixed where the networks are unsure, in [UMIX](08_umix.ipynb).
