"""What scores hide is said in a sentence, and nothing is said where all is well."""

import numpy as np
import pytest

from ucmt_lite.predict.findings import findings

CLASSES = ["background", "RV", "LV"]
WHOLE = np.array([[0, 1, 2]])


def rows(predicted, present, count=10):
    return [{"predicted": list(predicted), "present": list(present)}] * count


def test_a_network_that_learned_has_nothing_to_tell():
    assert findings(rows((3, 4), (3, 5)), CLASSES, [WHOLE]) == []


def test_background_on_nearly_all_images_is_told_once():
    (sentence,) = findings(rows((0, 0), (3, 5), 9) + rows((1, 0), (3, 5), 1), CLASSES, [WHOLE])
    assert "background alone in 9 of 10 images" in sentence and "learned nothing" in sentence


def test_images_without_an_object_do_not_count():
    assert findings(rows((0, 0), (0, 0), 30) + rows((3, 4), (3, 5), 2), CLASSES, [WHOLE]) == []


def test_a_class_that_is_never_predicted_is_named():
    (sentence,) = findings(rows((0, 4), (3, 5)), CLASSES, [WHOLE])
    assert "never predicts 'RV', which 10 of 10 images show" in sentence


@pytest.mark.parametrize("masks", [[np.array([[0, 2]])], [np.array([[0, 2]])] * 4])
def test_a_labeled_subset_that_lacks_a_class_is_told(masks):
    (sentence,) = findings(rows((3, 4), (3, 5)), CLASSES, masks)
    assert f"None of the {len(masks)} labeled images shows 'RV'" in sentence
