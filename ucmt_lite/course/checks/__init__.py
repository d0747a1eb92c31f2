"""The checks of exercises: they judge answers in lessons, and the kit's functions in its tests.

Each compares with a slow, literal rendering of the definition on small random inputs, and says in
one sentence what the mistake looks like (`judging`). One file a subject.
"""

from ucmt_lite.course.checks.across import check_pace, check_sure, check_swap
from ucmt_lite.course.checks.data import (
    check_class_shares,
    check_grey_to_classes,
    check_pairs,
    check_patient,
    check_split_by_patient,
    check_stretched,
    check_twins,
)
from ucmt_lite.course.checks.failures import (
    check_choice,
    check_decay,
    check_hours,
    check_lost,
    check_pair_lives,
    check_scattered,
)
from ucmt_lite.course.checks.losses import (
    check_cross_entropy,
    check_dice_loss,
)
from ucmt_lite.course.checks.maps import (
    check_area_under_roc,
    check_calibration_error,
    check_confident_errors,
    check_contradiction,
    check_control,
    check_entropy_of_mean,
    check_risk_coverage,
)
from ucmt_lite.course.checks.mixes import (
    check_cell_means,
    check_largest_share,
    check_random_cells,
    check_top_and_bottom,
    check_umix,
)
from ucmt_lite.course.checks.norms import (
    check_instance_norm,
)
from ucmt_lite.course.checks.overlap import (
    check_dice,
    check_disagreement,
    check_mean_scores,
    check_never_corrected,
    check_right_pixels,
)
from ucmt_lite.course.checks.statistics import (
    check_holm,
    check_interval,
    check_right_choices,
    check_seeds_needed,
    check_sign_test,
    check_verdict,
)
from ucmt_lite.course.checks.targets import (
    check_collaboration,
    check_consistency,
    check_cpc,
    check_cross_pseudo_supervision,
    check_flaw,
    check_leader,
    check_pseudo_label,
    check_ramp,
)
from ucmt_lite.course.checks.teachers import (
    check_ema_update,
    check_half_life,
    check_reordered,
    check_teacher_of_two,
)
from ucmt_lite.course.checks.volumes import (
    check_millilitres,
    check_shrunk,
    check_starts,
)

__all__ = [
    "check_area_under_roc",
    "check_calibration_error",
    "check_cell_means",
    "check_choice",
    "check_class_shares",
    "check_collaboration",
    "check_confident_errors",
    "check_consistency",
    "check_contradiction",
    "check_control",
    "check_cpc",
    "check_cross_entropy",
    "check_cross_pseudo_supervision",
    "check_decay",
    "check_dice",
    "check_dice_loss",
    "check_disagreement",
    "check_ema_update",
    "check_entropy_of_mean",
    "check_flaw",
    "check_grey_to_classes",
    "check_half_life",
    "check_holm",
    "check_hours",
    "check_instance_norm",
    "check_interval",
    "check_largest_share",
    "check_leader",
    "check_lost",
    "check_mean_scores",
    "check_millilitres",
    "check_never_corrected",
    "check_pace",
    "check_pair_lives",
    "check_pairs",
    "check_patient",
    "check_pseudo_label",
    "check_ramp",
    "check_random_cells",
    "check_reordered",
    "check_right_choices",
    "check_right_pixels",
    "check_risk_coverage",
    "check_scattered",
    "check_seeds_needed",
    "check_shrunk",
    "check_sign_test",
    "check_split_by_patient",
    "check_starts",
    "check_stretched",
    "check_sure",
    "check_swap",
    "check_teacher_of_two",
    "check_top_and_bottom",
    "check_twins",
    "check_umix",
    "check_verdict",
]
