"""Regions and the scores that explanations are about."""

import numpy as np
import pytest
import torch

from analysis import AnalysisError, trace
from analysis.core.regions import class_region, pixel_region, segment_region
from analysis.core.targets import RegionScore
from uniformer import segment
from uniformer.classes import numbered_classes
from uniformer.heads import resize_bilinear


def test_labels_of_a_trace_are_those_of_a_prediction(tiny, picture):
    model = tiny()
    np.testing.assert_array_equal(trace(model, picture()).labels, segment(picture(), model).labels)


def test_labels_of_a_large_picture_are_not_decided_at_a_smaller_size(tiny, picture):
    model, large = tiny(), picture(600, 900)
    np.testing.assert_array_equal(trace(model, large).labels, segment(large, model).labels)


def test_segment_is_the_connected_area_around_the_pixel():
    labels = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 2, 1]])
    expected = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]], dtype=bool)
    np.testing.assert_array_equal(segment_region(labels, 0, 0), expected)


@pytest.mark.parametrize(("score", "against"), [("margin", None), ("margin", 3), ("logit", None)])
def test_score_of_a_region_is_its_formula_on_resized_logits(tiny, picture, score, against):
    model = tiny()
    traced = trace(model, picture())
    region = np.zeros((64, 96), dtype=bool)
    region[10:30, 5:44] = True
    measured = RegionScore(model, region, 1, score=score, against=against).of_logits(traced.logits)
    z = resize_bilinear(traced.logits, (64, 96))[0].detach()[:, region]
    others = z[[0, 2, 3, 4]].logsumexp(0) if against is None else z[against]
    expected = z[1] - (others if score == "margin" else 0)
    torch.testing.assert_close(measured[0].detach(), expected.mean(), rtol=1e-9, atol=1e-9)


def test_probabilities_of_all_classes_sum_to_one(tiny, picture):
    model = tiny()
    traced = trace(model, picture())
    region = pixel_region((64, 96), 95, 63)
    scores = [RegionScore(model, region, c, score="probability") for c in range(5)]
    assert sum(s.of_logits(traced.logits).item() for s in scores) == pytest.approx(1)


def test_margin_ignores_what_all_logits_share(tiny, picture):
    model = tiny()
    logits = trace(model, picture()).logits
    score = RegionScore(model, pixel_region((64, 96), 3, 4), 2)
    torch.testing.assert_close(score.of_logits(logits + 7), score.of_logits(logits))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: RegionScore(m, np.zeros((4, 4), dtype=bool), 0), "empty"),
        (lambda m: RegionScore(m, np.ones((4, 4), dtype=bool), 5), "There is no class 5"),
        (lambda m: RegionScore(m, np.ones((4, 4)), 0), "boolean"),
        (lambda m: RegionScore(m, np.ones((4, 4), dtype=bool), 0, against=0), "itself"),
        (lambda m: RegionScore(m, np.ones((4, 4), dtype=bool), 0, score="x"), "score"),
        (lambda m: pixel_region((4, 4), 4, 0), "outside"),
        (lambda m: class_region(np.zeros((4, 4)), 3, numbered_classes(5)), "No pixel"),
    ],
)
def test_a_question_about_nothing_is_refused_in_one_sentence(tiny, call, words):
    with pytest.raises(AnalysisError, match=words) as error:
        call(tiny())
    assert str(error.value).count(".") <= 2
