"""The teacher's update and the schedules against the reference."""

import numpy as np
import pytest
import torch
from torch import nn

from ucmt_lite.common import InputError
from ucmt_lite.core.ema import ema_update
from ucmt_lite.training.schedules import polynomial_decay, sigmoid_rampup


class Vector(nn.Module):
    def __init__(self, values):
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(values.copy()))


def updated(numbers, step, decay, share, dtype=np.float64):
    teacher, *students = (
        Vector(numbers[n].astype(dtype)) for n in ("teacher", "student1", "student2")
    )
    ema_update(teacher, students[: len(share)], decay, step, share)
    return teacher.weight.detach().numpy()


def test_one_and_two_students_agree_with_the_reference(oracle):
    numbers = oracle("ema.npz")
    decay, coefficient = float(numbers["decay"]), float(numbers["coefficient"])
    for row, step in enumerate(numbers["steps"]):
        both = updated(numbers, int(step), decay, (coefficient, 1 - coefficient))
        np.testing.assert_allclose(both, numbers["weighted_after"][row], rtol=0, atol=1e-13)
        np.testing.assert_allclose(
            updated(numbers, int(step), decay, (1.0,)),
            numbers["single_after"][row],
            rtol=0,
            atol=1e-13,
        )
        single = updated(numbers, int(step), decay, (coefficient, 1 - coefficient), np.float32)
        np.testing.assert_allclose(
            single, numbers["float32/weighted_after"][row], rtol=0, atol=2e-6
        )
    for i, decay in enumerate(numbers["grid/decays"]):
        for j, share in enumerate(numbers["grid/coefficients"]):
            for row, step in enumerate(numbers["steps"]):
                got = updated(numbers, int(step), float(decay), (float(share), 1 - float(share)))
                np.testing.assert_allclose(
                    got, numbers["grid/weighted_after"][i, j, row], rtol=0, atol=1e-13
                )


def test_at_step_zero_the_teachers_own_weights_vanish():
    teacher, student = nn.Linear(3, 2), nn.Linear(3, 2)
    ema_update(teacher, [student], decay=0.99, step=0)
    assert all(
        torch.equal(a, b) for a, b in zip(teacher.parameters(), student.parameters(), strict=True)
    )


def test_buffers_stay_the_teachers_own_and_students_do_not_move():
    teacher, student = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    student.running_mean.fill_(5)
    before = [p.clone() for p in student.parameters()]
    ema_update(teacher, [student], decay=0.5, step=10)
    assert teacher.running_mean.tolist() == [0, 0]
    assert all(torch.equal(a, b) for a, b in zip(before, student.parameters(), strict=True))


def test_a_share_for_every_student_together_1():
    for students, share in ((1, (0.5,)), (2, (1.0,)), (1, (0.5, 0.5)), (2, (1.5, -0.5))):
        with pytest.raises(InputError, match="share of the teacher, together 1"):
            ema_update(nn.Linear(1, 1), [nn.Linear(1, 1)] * students, 0.9, 1, share=share)


def test_ramp_agrees_with_the_reference(oracle):
    numbers = oracle("ramp.npz")
    got = [sigmoid_rampup(c, n) for c, n in zip(numbers["current"], numbers["length"], strict=True)]
    np.testing.assert_allclose(got, numbers["value"], rtol=0, atol=1e-14)
    weights = [0.1 * sigmoid_rampup(int(i) // 150, 200) for i in numbers["ssl4mis/iteration"]]
    np.testing.assert_allclose(weights, numbers["ssl4mis/weight"], rtol=0, atol=1e-14)


def test_polynomial_decay_falls_to_zero_and_stays():
    values = [polynomial_decay(step, 10) for step in range(12)]
    assert values[0] == 1 and values[10] == values[11] == 0
    assert values == sorted(values, reverse=True)


def test_a_student_of_another_architecture_is_refused_unless_its_share_is_0():
    teacher, student, other = (nn.Linear(2, n) for n in (2, 2, 3))
    before = teacher.weight.detach().clone()
    with pytest.raises(InputError, match="another architecture"):
        ema_update(teacher, [student, other], 0.9, 5, (0.5, 0.5))
    assert torch.equal(teacher.weight, before)
    ema_update(teacher, [student, other], 0.9, 0, (1, 0))
    assert torch.equal(teacher.weight, student.weight)
