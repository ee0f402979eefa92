from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from analysis import AnalysisError
from analysis.evaluation.error_map import (
    BORDER_MISS,
    HIT,
    MISS,
    UNKNOWN,
    error_map,
    top_confusions,
)
from analysis.figures.evaluation import (
    class_iou_figure,
    confusion_figure,
    error_map_figure,
    reliability_figure,
)
from uniformer.evaluation import Evaluation
from uniformer.metrics import boundary_width, count
from uniformer.segmenter import UNTRAINED

NAMES = ("sky", "tree", "road")


def halves(height=60, width=80):
    """Sky on the left, tree on the right."""
    truth = np.zeros((height, width), dtype=np.uint8)
    truth[:, width // 2 :] = 1
    return truth


def evaluation_of(*pairs):
    rng = np.random.default_rng(0)
    counts = [
        count(labels, truth, 3, rng.uniform(0.4, 1, truth.shape).astype(np.float32))
        for labels, truth in pairs
    ]
    return Evaluation.of(
        sum(counts[1:], counts[0]), NAMES, model="toy", weights=UNTRAINED, settings={},
        images="images", annotations="annotations", pictures=len(pairs),
    )  # fmt: skip


def test_a_perfect_map_is_all_hits_and_the_edge_of_the_picture_is_no_border():
    truth = halves()
    found = error_map(truth, truth, 3)
    assert (found.kind == HIT).all()
    inverted = error_map(1 - truth, truth, 3)
    near = np.zeros_like(truth, dtype=bool)
    near[:, 40 - found.border_px : 40 + found.border_px] = True
    assert found.border_px == boundary_width(60, 80) == 2
    np.testing.assert_array_equal(inverted.kind == BORDER_MISS, near)
    np.testing.assert_array_equal(inverted.kind == MISS, ~near)


def test_a_shifted_border_misses_near_the_border_only():
    truth = halves()
    found = error_map(np.roll(truth, 1, axis=1), truth, 3)
    assert found.kind[30, 40] == BORDER_MISS
    assert (found.kind[:, 1:] == MISS).sum() == 0
    assert found.share(BORDER_MISS) == pytest.approx(1 / 80)
    assert found.share(HIT) + found.share(BORDER_MISS) + found.share(MISS) == pytest.approx(1)


def test_borders_are_those_of_all_classes_and_of_what_is_not_annotated():
    rng = np.random.default_rng(0)
    truth = np.kron(rng.integers(0, 3, (5, 7)), np.ones((16, 16), int)).astype(np.uint8)
    truth[20:30, 20:50] = 255
    labels = rng.integers(0, 3, truth.shape).astype(np.uint8)
    found = error_map(labels, truth, 3)
    near = np.zeros(truth.shape, dtype=bool)
    square = np.ones((2 * found.border_px + 1,) * 2)
    for one in (0, 1, 2, 255):
        near |= binary_dilation(truth != one, square) & (truth == one)
    known, wrong = truth != 255, labels != truth
    np.testing.assert_array_equal(found.kind == UNKNOWN, ~known)
    np.testing.assert_array_equal(found.kind == BORDER_MISS, known & wrong & near)
    np.testing.assert_array_equal(found.kind == MISS, known & wrong & ~near)
    np.testing.assert_array_equal(found.confusion, count(labels, truth, 3).confusion)


@pytest.mark.parametrize(
    ("labels", "truth", "words"),
    [
        (halves(), halves(30), "60 x 80 pixels, the annotation 30 x 80"),
        (halves(), np.full((60, 80), 255, np.uint8), "No pixel is annotated"),
        (halves() + 4, halves(), "no class 5: the classes are 0 to 2"),
    ],
)
def test_maps_that_cannot_be_compared_are_refused(labels, truth, words):
    with pytest.raises(AnalysisError, match=words):
        error_map(labels, truth, 3)


def test_confusions_come_most_frequent_first_with_their_share_of_the_class():
    matrix = np.array([[90, 8, 2], [30, 10, 0], [0, 0, 50]])
    found = top_confusions(matrix, NAMES)
    assert [(one.truth, one.predicted, one.pixels) for one in found] == [
        ("tree", "sky", 30),
        ("sky", "tree", 8),
        ("sky", "road", 2),
    ]
    assert [one.share for one in found] == pytest.approx([0.75, 0.08, 0.02])
    assert top_confusions(matrix, NAMES, 1) == found[:1]
    assert top_confusions(np.diag([3, 4, 5]), NAMES) == ()


def test_the_reliability_diagram_shows_accuracy_and_pixels_of_every_bin():
    found = evaluation_of((np.roll(halves(), 9, axis=1), halves()))
    above, below = reliability_figure(found).axes
    bins, used = found.reliability, found.reliability.pixels > 0
    heights = [bar.get_height() for bar in above.patches]
    np.testing.assert_array_equal(heights, bins.accuracy[used])
    dots = next(line for line in above.lines if line.get_marker() == "o")
    np.testing.assert_array_equal(dots.get_xdata(), bins.confidence[used])
    assert sum(bar.get_height() for bar in below.patches) == pytest.approx(1)


def test_classes_stand_best_first_and_those_not_met_are_counted():
    truth = halves()
    truth[:10] = 0
    found = evaluation_of((np.roll(truth, 9, axis=1), truth))
    figure = class_iou_figure(found)
    scores = figure.axes[0]
    widths = [bar.get_width() for bar in scores.patches]
    assert widths == sorted((row.iou for row in found.classes[:2]), reverse=True)
    assert "2 of 3 classes" in figure.get_supxlabel()
    assert f"{found.miou:.1%}" in figure.get_suptitle()


def test_the_confusion_figure_has_rows_of_shares_and_names_the_confusions():
    labels = halves()
    labels[:30, 40:] = 2
    found = evaluation_of((labels, halves()))
    matrix, bars, _ = confusion_figure(found).axes
    np.testing.assert_array_equal(matrix.images[0].get_array(), [[0.5, 0.5], [np.nan, np.nan]])
    assert [label.get_text() for label in matrix.get_yticklabels()] == ["tree", "road"]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["tree → road (50%)"]
    assert bars.patches[0].get_width() == 25
    words = confusion_figure(evaluation_of((halves(), halves()))).axes[0].texts[0].get_text()
    assert "No pixel" in words


def test_the_error_map_leaves_what_is_not_annotated_clear():
    truth = halves()
    truth[:5] = 255
    found = error_map(np.roll(truth, 6, axis=1), truth, 3)
    figure = error_map_figure(found, np.zeros((60, 80, 3), np.uint8))
    shown = figure.axes[1].images[1].get_array()
    np.testing.assert_array_equal(shown.mask, truth == 255)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[0] == f"right: {found.share(HIT):.1%}"
