"""Which classes the tokens of a stage cover."""

import numpy as np
import pytest

from analysis import AnalysisError
from analysis.core.grid import Grid
from analysis.core.token_classes import token_classes


def test_token_on_a_border_is_shared_by_its_classes():
    labels = np.zeros((32, 64), np.uint8)
    labels[:, 24:] = 7
    found = token_classes(labels, Grid((32, 64), (32, 64), 16))
    assert found.classes.tolist() == [0, 7]
    np.testing.assert_allclose(found.share[0, :, 1], [0, 0.5, 1, 1])
    np.testing.assert_allclose(found.share.sum(-1), 1)


def test_picture_smaller_than_the_map_still_has_a_class_everywhere():
    labels = np.arange(4, dtype=np.uint8).reshape(2, 2)
    found = token_classes(labels, Grid((2, 2), (64, 64), 16))
    assert found.share.shape == (4, 4, 4)
    np.testing.assert_array_equal(found.share[0, 0], [1, 0, 0, 0])
    np.testing.assert_array_equal(found.share[3, 3], [0, 0, 0, 1])


def test_labels_of_another_picture_are_refused():
    with pytest.raises(AnalysisError, match="32 x 32"):
        token_classes(np.zeros((32, 32), np.uint8), Grid((64, 64), (64, 64), 16))
