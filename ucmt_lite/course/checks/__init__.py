"""The checks of exercises: they judge answers in lessons, and the kit's functions in its tests.

Each compares with a slow, literal rendering of the definition on small random inputs, and says in
one sentence what the mistake looks like (`judging`). One file a subject.
"""

from ucmt_lite.course.checks.data import (
    check_class_shares,
    check_split_by_patient,
    check_twins,
)
from ucmt_lite.course.checks.losses import check_cross_entropy, check_dice_loss
from ucmt_lite.course.checks.maps import check_entropy_of_mean
from ucmt_lite.course.checks.mixes import check_umix
from ucmt_lite.course.checks.norms import check_instance_norm
from ucmt_lite.course.checks.overlap import check_dice, check_disagreement, check_mean_scores
from ucmt_lite.course.checks.targets import (
    check_consistency,
    check_cross_pseudo_supervision,
    check_pseudo_label,
)
from ucmt_lite.course.checks.teachers import check_ema_update

__all__ = [
    "check_class_shares",
    "check_consistency",
    "check_cross_entropy",
    "check_cross_pseudo_supervision",
    "check_dice",
    "check_dice_loss",
    "check_disagreement",
    "check_ema_update",
    "check_entropy_of_mean",
    "check_instance_norm",
    "check_mean_scores",
    "check_pseudo_label",
    "check_split_by_patient",
    "check_twins",
    "check_umix",
]
