"""Losses against numbers of the reference code, and the properties a reader would name."""

import numpy as np
import pytest
import torch

from ucmt_lite.core.losses import (
    dice_loss,
    hard_consistency,
    masked_loss,
    one_hot,
    pseudo_label,
    segmentation_loss,
    soft_consistency,
)


def tolerance(dtype) -> dict:
    return {"rtol": 1e-10, "atol": 1e-14} if dtype == np.float64 else {"rtol": 1e-4, "atol": 1e-6}


@pytest.mark.parametrize(("loss", "name"), [(dice_loss, ""), (segmentation_loss, "half_ce_")])
def test_value_and_gradient_agree_with_the_reference(oracle, loss, name):
    numbers = oracle("dice_loss.npz")
    assert len(numbers["cases"]) > 10
    for case in numbers["cases"]:
        logits = torch.from_numpy(numbers[f"{case}/logits"]).requires_grad_()
        value = loss(logits, torch.from_numpy(numbers[f"{case}/labels"]))
        value.backward()
        expected, gradient = numbers[f"{case}/{name}value"], numbers[f"{case}/{name}grad"]
        np.testing.assert_allclose(
            value.item(), expected, **tolerance(logits.numpy(force=True).dtype), err_msg=case
        )
        np.testing.assert_allclose(
            logits.grad.numpy(), gradient, **tolerance(gradient.dtype), err_msg=case
        )


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_losses_of_half_precision_logits_are_computed_in_float32(kind):
    a, b = torch.randn(2, 1, 3, 8, 8).to(kind)
    y = torch.randint(0, 3, (1, 8, 8))
    for loss, target in (
        (dice_loss, y),
        (segmentation_loss, y),
        (soft_consistency, b),
        (hard_consistency, b),
    ):
        expected = loss(a.float(), target if target is y else b.float())
        torch.testing.assert_close(loss(a, target), expected, rtol=0, atol=0)


def test_a_class_the_image_does_not_show_costs_nearly_one_with_almost_no_gradient():
    logits = torch.randn(1, 2, 8, 8, dtype=torch.float64, requires_grad=True)
    nothing = torch.zeros(1, 8, 8, dtype=torch.long)
    dice_loss(logits, nothing).backward()
    empty = logits.grad.abs().sum().item()
    logits.grad = None
    something = (torch.rand(1, 8, 8) > 0.5).long()
    dice_loss(logits, something).backward()
    assert dice_loss(logits, nothing) > 0.5
    assert empty < logits.grad.abs().sum().item()


def test_pseudo_label_is_a_target_without_a_past():
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    label = pseudo_label(logits)
    assert label.shape == (2, 4, 4) and label.dtype == torch.long and not label.requires_grad


def test_one_hot_in_3d_has_a_single_true_class_a_voxel():
    labels = torch.randint(0, 4, (2, 3, 4, 5))
    hot = one_hot(labels, 4)
    assert hot.shape == (2, 4, 3, 4, 5)
    assert (hot.sum(1) == 1).all() and (hot.float().argmax(1) == labels).all()


@pytest.mark.parametrize("consistency", [soft_consistency, hard_consistency])
def test_no_gradient_reaches_the_target_of_a_consistency_loss(consistency):
    a, b = (torch.randn(1, 2, 3, requires_grad=True) for _ in range(2))
    consistency(a, b).backward()
    assert b.grad is None and a.grad.abs().sum() > 0


def test_a_masked_loss_is_the_segmentation_loss_of_what_counts():
    """Pixels that do not count have no part in it, and no gradient."""
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    target = torch.randint(0, 3, (2, 8, 8))
    left = torch.zeros(2, 8, 8, dtype=torch.bool)
    left[..., :4] = True
    masked = masked_loss(logits, target, left)
    cropped = segmentation_loss(logits[..., :4], target[..., :4])
    torch.testing.assert_close(masked, cropped)
    masked.backward()
    assert (logits.grad[..., :4] != 0).any() and (logits.grad[..., 4:] == 0).all()


def test_a_masked_loss_works_in_3d_and_where_an_image_has_nothing_that_counts():
    torch.manual_seed(0)
    logits = torch.randn(2, 2, 4, 4, 4, requires_grad=True)
    target = torch.randint(0, 2, (2, 4, 4, 4))
    counted = torch.zeros(2, 4, 4, 4, dtype=torch.bool)
    counted[0] = True
    loss = masked_loss(logits, target, counted)
    loss.backward()
    # Nothing of an empty image is a perfect overlap in the Dice's mean over images
    alone = masked_loss(logits[:1], target[:1], counted[:1])
    cross_entropy = torch.nn.functional.cross_entropy(logits[:1], target[:1])
    torch.testing.assert_close(loss, (cross_entropy + (2 * alone - cross_entropy) / 2) / 2)
    assert (logits.grad[1] == 0).all() and loss.isfinite()
