import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from uniformer.metrics import Counts, boundaries, boundary_width, count, score

CLASSES = 6


def blobs(seed, height=60, width=80, classes=CLASSES):
    """A label map of blocks, with some pixels not annotated."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, classes, (height // 5 + 1, width // 5 + 1)).astype(np.uint8)
    labels = blocks.repeat(5, axis=0).repeat(5, axis=1)[:height, :width].copy()
    labels[rng.random(labels.shape) < 0.01] = 255
    return labels


def guess(seed):
    labels = blobs(seed)
    return np.where(labels == 255, 0, labels).astype(np.uint8)


def square(left, side=40, size=100):
    labels = np.zeros((size, size), dtype=np.uint8)
    labels[30 : 30 + side, left : left + side] = 1
    return labels


def test_a_perfect_prediction_scores_one():
    truth = blobs(0)
    scores = score(count(np.where(truth == 255, 3, truth).astype(np.uint8), truth, CLASSES))
    assert scores.miou == scores.macc == scores.aacc == scores.mean_boundary_iou == 1.0


@pytest.mark.parametrize("shift", [1, 3, 7])
def test_a_shifted_square_has_its_closed_form(shift):
    side, distance = 40, boundary_width(100, 100)
    assert distance == 3
    counts = count(square(20 + shift), square(20), 2)
    scores = score(counts)
    assert scores.iou[1] == (side - shift) / (side + shift)
    assert scores.accuracy[1] == (side - shift) / side
    assert scores.aacc == 1 - 2 * side * shift / 100**2
    if shift <= distance:
        hole = side - 2 * distance
        common = side * (side - shift) - hole * (hole + shift)
        assert counts.boundary_intersection[1] == common
        assert counts.boundary_union[1] == 2 * (side**2 - hole**2) - common


def test_permuting_the_classes_permutes_their_scores():
    order = np.array([3, 5, 0, 1, 4, 2, *range(6, 256)], dtype=np.uint8)
    plain = score(count(guess(1), blobs(2), CLASSES))
    permuted = score(count(order[guess(1)], order[blobs(2)], CLASSES))
    for name in ("iou", "accuracy", "boundary_iou"):
        np.testing.assert_array_equal(
            getattr(permuted, name)[order[:CLASSES]], getattr(plain, name)
        )
    assert permuted.miou == pytest.approx(plain.miou, abs=1e-12)


def test_the_confusion_matrix_equals_a_plain_count():
    prediction, truth = guess(3), blobs(4)
    expected = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    for wanted, found in zip(truth.ravel(), prediction.ravel(), strict=True):
        if wanted != 255:
            expected[wanted, found] += 1
    np.testing.assert_array_equal(count(prediction, truth, CLASSES).confusion, expected)


def test_counting_in_bands_changes_nothing(monkeypatch):
    whole = count(guess(3), blobs(4), CLASSES)
    monkeypatch.setattr("uniformer.metrics.BAND_PIXELS", 80 * 7)
    bands = count(guess(3), blobs(4), CLASSES)
    for name in ("confusion", "boundary_intersection", "boundary_union"):
        np.testing.assert_array_equal(getattr(bands, name), getattr(whole, name))


def test_pixels_without_annotation_do_not_count():
    truth = blobs(5)
    first, second = guess(6), guess(6)
    second[truth == 255] = 5
    one, other = count(first, truth, CLASSES), count(second, truth, CLASSES)
    assert one.confusion.sum() == (truth != 255).sum()
    np.testing.assert_array_equal(one.confusion, other.confusion)
    np.testing.assert_array_equal(one.boundary_intersection, other.boundary_intersection)
    np.testing.assert_array_equal(one.boundary_union, other.boundary_union)


def test_absent_classes_are_left_out_of_the_means_and_invented_ones_are_not():
    truth = np.zeros((20, 20), dtype=np.uint8)
    truth[:, 10:] = 1
    prediction = truth.copy()
    prediction[:5, :10] = 2  # never annotated
    scores = score(count(prediction, truth, 4))
    np.testing.assert_array_equal(scores.iou, [0.75, 1.0, 0.0, np.nan])
    np.testing.assert_array_equal(scores.accuracy, [0.75, 1.0, np.nan, np.nan])
    assert scores.miou == pytest.approx(1.75 / 3)
    assert scores.macc == pytest.approx(1.75 / 2)
    assert np.isnan(scores.boundary_iou[3])
    assert scores.boundary_iou[2] == 0.0


def test_a_picture_without_annotation_has_no_scores():
    scores = score(count(guess(7), np.full((60, 80), 255, dtype=np.uint8), CLASSES))
    assert np.isnan([scores.miou, scores.macc, scores.aacc, scores.mean_boundary_iou]).all()


def test_scores_are_of_the_whole_set_and_not_means_over_pictures():
    parts = [(guess(seed), blobs(seed + 20)) for seed in range(8, 11)]
    total = sum((count(*part, CLASSES) for part in parts), Counts.zero(CLASSES))
    joined = count(*(np.concatenate(maps) for maps in zip(*parts, strict=True)), CLASSES)
    np.testing.assert_array_equal(total.confusion, joined.confusion)
    assert score(total).miou == score(joined).miou
    assert score(total).miou != pytest.approx(
        np.mean([score(count(*part, CLASSES)).miou for part in parts]), abs=1e-6
    )


@pytest.mark.parametrize("shape", [(60, 80), (9, 70), (3, 3), (1, 50)])
@pytest.mark.parametrize("distance", [1, 2, 4, 40])
def test_boundaries_are_masks_minus_their_erosion(shape, distance):
    labels = blobs(12, *shape)
    labels[: shape[0] // 2 + 1, : shape[1] // 2] = 0  # a part that is large enough to be inside
    found = boundaries(labels, distance)
    for index in range(CLASSES):
        mask = labels == index
        inside = binary_erosion(mask, np.ones((3, 3)), iterations=distance, border_value=0)
        np.testing.assert_array_equal(found == index, mask & ~inside)


def test_boundaries_compare_as_the_two_masks_would():
    prediction, truth = guess(13), blobs(14)
    counts = count(prediction, truth, CLASSES)
    distance = boundary_width(*truth.shape)
    for index in range(CLASSES):
        edges = [
            mask & ~binary_erosion(mask, np.ones((3, 3)), iterations=distance, border_value=0)
            for mask in ((prediction == index) & (truth != 255), truth == index)
        ]
        assert counts.boundary_intersection[index] == (edges[0] & edges[1]).sum()
        assert counts.boundary_union[index] == (edges[0] | edges[1]).sum()


def test_the_boundary_is_two_percent_of_the_diagonal_and_at_least_a_pixel():
    assert boundary_width(300, 400) == 10
    assert boundary_width(512, 683) == 17
    assert boundary_width(8, 8) == 1
