"""Calibration: counts per bin against torchmetrics, and cases with a known answer."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from uniformer.calibration import count_bins, reliability


def draw(accuracy, pixels=40_000, seed=0):
    """Confidences, labels and truth such that a label is right with probability accuracy(p)."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.34, 1, pixels)
    truth = np.zeros(pixels, dtype=np.uint8)
    prediction = (rng.uniform(size=pixels) > accuracy(confidence)).astype(np.uint8)
    return confidence, prediction, truth


def test_error_is_that_of_torchmetrics():
    probabilities = torch.rand(5_000, 4, generator=torch.Generator().manual_seed(0)).softmax(1)
    truth = torch.randint(0, 4, (5_000,), generator=torch.Generator().manual_seed(1))
    truth[::7] = 255
    confidence, prediction = probabilities.max(1)
    ours = reliability(count_bins(confidence.numpy(), prediction.numpy(), truth.numpy()))
    theirs = multiclass_calibration_error(
        probabilities, truth, 4, n_bins=15, norm="l1", ignore_index=255
    )
    assert ours.error == pytest.approx(theirs.item(), abs=1e-5)


def test_labels_that_are_right_as_often_as_they_say_have_no_error():
    assert reliability(count_bins(*draw(lambda p: p))).error < 0.01


def test_overconfidence_is_the_gap():
    assert reliability(count_bins(*draw(lambda p: p - 0.2))).error == pytest.approx(0.2, abs=0.01)


def test_sums_of_parts_are_the_sums_of_the_whole():
    maps = draw(lambda p: p)
    parts = zip(*(np.array_split(values, 3) for values in maps), strict=True)
    np.testing.assert_array_equal(sum(count_bins(*part) for part in parts), count_bins(*maps))


def test_without_annotated_pixels_there_is_no_error():
    empty = reliability(count_bins(np.ones(3), np.zeros(3), np.full(3, 255)))
    assert np.isnan(empty.error)
    assert not empty.pixels.any()
