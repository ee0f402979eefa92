"""What-if and compare as questions: the numbers of the functions, and words for no change."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import AnalysisError, trace
from analysis.core.progress import finish
from analysis.core.shared_weight_copy import shared_weight_copy
from analysis.core.targets import RegionScore
from analysis.interventions import DropBlock, HeadGate, HideRegion, Neighbourhood
from analysis.interventions.effect import effect_report
from analysis.interventions.head_sweep import head_sweep
from analysis.profile.nulls import random_model
from analysis.questions import QUESTIONS
from uniformer import create_model, segment

MASK = np.zeros((64, 96), dtype=bool)
MASK[8:30, 20:60] = True
PAINTED = {"x": 30, "y": 20, "region": "mask", "label": "1"}


def ask(question, model, photo, mask=None, **parameters):
    extra = () if mask is None else (mask,)
    return finish(QUESTIONS[question](model, photo, *extra, **parameters))


@pytest.fixture
def lively():
    """Return an edit after which the random model predicts several classes."""

    def edit(model):
        model.decode_head.conv_seg.weight.mul_(30)
        model.decode_head.conv_seg.bias.zero_()

    return edit


@pytest.mark.parametrize(
    ("parameters", "taken"),
    [
        ({"kind": "silence-head", "stage": 3, "block": 1, "head": 2}, HeadGate(3, 1, 2)),
        ({"kind": "mean-head", "block": 0}, HeadGate(3, 0, None, fill="mean")),
        ({"kind": "neighbourhood", "size": 0, "stage": 4}, Neighbourhood(4, None, 0)),
        ({"kind": "drop-block", "stage": 3, "block": 1}, DropBlock(3, 1)),
    ],
)
def test_an_effect_answer_has_the_numbers_of_the_intervention(
    tiny, picture, lively, parameters, taken
):
    model, photo = tiny(edit=lively), picture()
    answer = ask("what-if", model, photo, MASK, **PAINTED, **parameters)
    report = effect_report(trace(model, photo), [taken], target=RegionScore(model, MASK, 1))
    assert answer.numbers["kl_nats"] == pytest.approx(report.effect.kl_nats)
    assert answer.numbers["margin_change_nats"] == pytest.approx(report.effect.margin_change_nats)
    np.testing.assert_array_equal(answer.arrays["changed"], report.effect.changed)
    assert answer.numbers["verdict"] == report.standing
    assert answer.numbers["controls"] == len(report.controls)
    if report.controls:
        assert answer.numbers["control_kl_nats"] == pytest.approx(report.kl_nats.mean)
    assert answer.numbers["intervention"] == taken.describe()
    answer.figure().draw_without_rendering()
    assert answer.to_json()


def test_a_painted_area_is_what_is_hidden(tiny, picture, lively):
    model, photo = tiny(edit=lively), picture()
    answer = ask("what-if", model, photo, MASK, kind="hide-region", fill="mean")
    report = effect_report(trace(model, photo), [HideRegion(MASK, "mean")], picture=photo)
    assert answer.numbers["kl_nats"] == pytest.approx(report.effect.kl_nats)


def test_a_painted_area_that_is_watched_is_not_the_one_hidden(tiny, picture, lively):
    model, photo = tiny(edit=lively), picture()
    answer = ask("what-if", model, photo, MASK, kind="hide-region", size=8, fill="mean", **PAINTED)
    square = np.zeros_like(MASK)
    square[16:24, 26:34] = True
    target = RegionScore(model, MASK, 1)
    hidden = [HideRegion(square, "mean")]
    report = effect_report(trace(model, photo), hidden, target=target, picture=photo)
    assert answer.numbers["kl_nats"] == pytest.approx(report.effect.kl_nats)
    assert answer.numbers["margin_change_nats"] == pytest.approx(report.effect.margin_change_nats)
    assert answer.numbers["watched_region"] == "the painted region"


@pytest.mark.parametrize(
    "parameters",
    [
        {"kind": "window", "size": 64},
        {"kind": "neighbourhood", "size": 64},
        {"kind": "neighbourhood", "size": 64, "stage": 4},
    ],
)
def test_what_takes_nothing_away_says_so_in_words(tiny, picture, lively, parameters):
    answer = ask("what-if", tiny(edit=lively), picture(), **parameters)
    assert answer.sentence.startswith("Nothing changed")
    assert answer.numbers["flipped_share"] == 0


def test_the_series_have_the_numbers_of_their_functions(tiny, picture, lively):
    model, photo = tiny(edit=lively), picture()
    heads = ask("what-if", model, photo, MASK, kind="head-sweep", **PAINTED)
    sweep = finish(head_sweep(trace(model, photo), RegionScore(model, MASK, 1)))
    for stage, values in sweep.margin_change_nats.items():
        np.testing.assert_allclose(heads.arrays[f"stage_{stage}"], values)
    assert heads.numbers["strongest_margin_change_nats"] == pytest.approx(
        min(values.min() for values in sweep.margin_change_nats.values())
    )
    radii = ask("what-if", model, photo, kind="radius-curve", stage=4).tables["radii"]
    assert radii[0]["radius_tokens"] == 0
    assert radii[-1]["kl_nats"] == pytest.approx(0, abs=1e-9)
    reaches = ask("what-if", model, photo, kind="reach-cost", size=2).tables["reaches"]
    assert reaches[0]["reach"] == "global"
    assert reaches[0]["kl_nats"] == pytest.approx(0, abs=1e-9)
    assert reaches[0]["keys_per_query"] == 24


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"kind": "head-sweep"}, "Choose a pixel"),
        ({"kind": "hide-region"}, "Choose the pixel to hide"),
        ({"kind": "hide-region", "x": 3}, "both x and y"),
        ({"kind": "hide-region", "hide_x": 3}, "both hide_x and hide_y"),
        ({"kind": "hide-region", "x": 3, "y": 3, "size": 0}, "at least 1 pixel"),
        ({"kind": "window", "size": 0}, "window must be"),
        ({"kind": "silence-head", "stage": 1}, "stages 3 and 4"),
        ({"kind": "nonsense"}, "no kind 'nonsense'.*reach-cost"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(tiny, picture, parameters, words):
    with pytest.raises(AnalysisError, match=words):
        ask("what-if", tiny(), picture(), **parameters)


def test_a_comparison_of_reaches_is_that_of_the_two_predictions(tiny, picture, lively):
    model, photo = tiny(edit=lively), picture()
    other = shared_weight_copy(model)
    other.set_reach("window", 2)
    answer = ask("compare", model, photo, other_reach="window", other_window_size=2)
    a, b = segment(photo, model).labels, segment(photo, other).labels
    np.testing.assert_array_equal(answer.arrays["labels_a"], a)
    np.testing.assert_array_equal(answer.arrays["labels_b"], b)
    assert 0 < answer.numbers["differing_share"] == pytest.approx((a != b).mean())
    p, q = (trace(each, photo).logits.softmax(1) for each in (model, other))
    np.testing.assert_allclose(answer.arrays["kl_nats"], (p * (p / q).log()).sum(1)[0], atol=1e-12)
    assert answer.numbers["kl_nats"] == pytest.approx(answer.arrays["kl_nats"].mean())
    for row in answer.tables["classes"]:
        here, there = (labels == int(row["class"].split()[1]) for labels in (a, b))
        assert row["iou"] == pytest.approx((here & there).sum() / (here | there).sum())
        assert row["area_a_share"] == pytest.approx(here.mean())
        assert row["area_b_share"] == pytest.approx(there.mean())
    answer.figure().draw_without_rendering()
    assert answer.to_json()


def test_a_comparison_with_no_weights_keeps_reach_and_size_and_says_which_is_which(picture):
    model, photo = create_model("nano", reach="window", window_size=4), picture()
    found = ask("compare", model, photo, other_weights="none", short_side=64)
    other = random_model(model)
    other.set_reach("window", 4)
    traces = [trace(each, photo, short_side=64) for each in (model, other)]
    for side, traced in zip("ab", traces, strict=True):
        np.testing.assert_array_equal(found.arrays[f"labels_{side}"], traced.labels)
        confidence = traced.logits.softmax(1).amax(1).mean().item()
        assert found.numbers[f"confidence_{side}"] == pytest.approx(confidence, rel=1e-5)
    assert found.title == "nano, trained | nano, untrained"
    assert (found.numbers["a"], found.numbers["b"]) == ("nano, trained", "nano, untrained")
    assert (found.numbers["other_reach"], found.numbers["other_window_tokens"]) == ("window", 4)
    assert not found.numbers["other_weights"]["trained"]


def test_equal_settings_differ_nowhere_and_none_other_is_refused(tiny, picture, lively):
    model = tiny(edit=lively)
    same = ask("compare", model, picture(), other_reach="global")
    assert same.sentence.startswith("Nothing changed")
    assert same.numbers["kl_nats"] == 0
    assert same.numbers["mean_iou"] == 1
    with pytest.raises(AnalysisError, match="Choose another"):
        ask("compare", model, picture())
    with pytest.raises(AnalysisError, match="other classes"):
        ask("compare", model, picture(), other_model="nano", other_weights="none")
