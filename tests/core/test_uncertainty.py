"""The entropy map against the reference, and disagreement as the paper plots it."""

import math

import numpy as np
import pytest
import torch

from ucmt_lite.core.uncertainty import disagreement, entropy_of_mean


def test_entropy_agrees_with_the_reference(oracle):
    numbers = oracle("uncertainty.npz")
    for case in numbers["cases"]:
        logits = [torch.from_numpy(numbers[f"{case}/logits{i}"]) for i in (1, 2)]
        expected = numbers[f"{case}/entropy"]
        atol = 1e-12 if expected.dtype == np.float64 else 2e-6
        np.testing.assert_allclose(
            entropy_of_mean(*logits).numpy(), expected, rtol=0, atol=atol, err_msg=str(case)
        )


def test_entropy_spans_zero_to_ln_k_and_carries_no_gradient():
    sure = torch.full((1, 3, 2, 2), -30.0, requires_grad=True)
    with torch.no_grad():
        sure[:, 0] = 30
    undecided = torch.zeros(1, 3, 2, 2)
    assert abs(entropy_of_mean(sure, sure).max().item()) < 1e-5
    assert math.isclose(entropy_of_mean(undecided).mean().item(), math.log(3), rel_tol=1e-4)
    assert not entropy_of_mean(sure, undecided).requires_grad


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_entropy_of_half_precision_logits_is_computed_in_float32(kind):
    a, b = torch.randn(2, 1, 3, 8, 8).to(kind)
    torch.testing.assert_close(
        entropy_of_mean(a, b), entropy_of_mean(a.float(), b.float()), rtol=0, atol=0
    )


def test_disagreement_is_one_minus_dice_of_decisions():
    a = torch.tensor([[[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]])  # classes 0 0 0 1
    b = torch.tensor([[[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]])  # classes 0 0 1 1
    expected = 1 - (2 * 2 / 5 + 2 * 1 / 3) / 2
    assert math.isclose(disagreement(a, b).item(), expected, rel_tol=1e-4)
    assert disagreement(a, a).item() == 0
    assert disagreement(a, b) == disagreement(b, a)
    assert disagreement(a, 10 * a) == 0, "only the decisions count, not how sure they are"


def test_a_class_nobody_sees_is_agreement():
    nobody = torch.zeros(1, 3, 4)
    nobody[:, 0] = 1
    assert disagreement(nobody, nobody) == 0
