"""Layers are the questions' answers, put in their place: same numbers, no pass of their own."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from quick_layers import LEAST
from steps import told

from analysis import AnalysisError
from analysis.affinity.row_summary import affinity_row
from analysis.attribution.methods import METHODS
from analysis.core.activation_cache import trace
from analysis.core.grid import Grid
from analysis.core.progress import finish
from analysis.core.uncertainty import spread
from analysis.layers import LAYERS, Layer, LayerAsk, layer_work, question_of
from analysis.layers.layer import Placed
from analysis.layers.numbers import numbers_of
from analysis.questions import QUESTIONS, common
from analysis.questions.common import TracedPicture
from analysis.questions.explaining import METHOD_NAMES
from analysis.questions.parameters import parameters_of
from analysis.questions.what_if import Kind
from uniformer.pictures import Picture
from uniformer.segmenter import UNTRAINED

X, Y = 70, 20

LONGEST = ("faithfulness", "representation", "fields", "radius-curve")

NOTE = UNTRAINED.note
"""What ends the sentence of every answer about random weights."""

TOLD_TIMES = ("seconds",)


@pytest.fixture
def traced(tiny, picture):
    """A model, its picture and the trace that all layers start from."""
    model, image = tiny(), picture()
    return model, TracedPicture(Picture(image), trace(model, image, short_side=64))


def asked(name, **more):
    return LayerAsk(name, X, Y, parameters=LEAST.get(name, {}), **more)


def untimed(values):
    """Return values without the times that they took."""
    if isinstance(values, dict):
        return {key: untimed(value) for key, value in values.items() if key not in TOLD_TIMES}
    return [untimed(value) for value in values] if isinstance(values, list) else values


def test_every_question_method_and_intervention_is_a_layer():
    assert {kind.question for kind in LAYERS.values()} == set(QUESTIONS)
    methods = {kind.fixed["method"] for kind in LAYERS.values() if "method" in kind.fixed}
    assert methods == set(METHOD_NAMES)
    kinds = {kind.fixed["kind"] for kind in LAYERS.values() if "kind" in kind.fixed}
    assert kinds | {"hide-region", "hide-segment"} == set(Kind.__args__)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_offers_what_its_question_takes_and_can_be_asked_as_it_stands(name):
    kind = LAYERS[name]
    known = {each.name for each in parameters_of(QUESTIONS[kind.question])}
    assert set(kind.named) <= known
    assert kind.fixed.keys() <= known
    assert not set(kind.named) & kind.fixed.keys()
    assert kind.title
    assert kind.help
    assert kind.misleads


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LONGEST else name for name in LAYERS],
)
def test_a_layer_has_the_numbers_of_its_question_and_runs_no_pass_of_its_own(
    traced, monkeypatch, name
):
    model, given = traced
    question, arguments = question_of(asked(name), given.trace)
    answer = finish(QUESTIONS[question](model, given.picture.pixels, **arguments))
    monkeypatch.setattr(common, "trace", lambda *a, **k: pytest.fail("the picture is traced anew"))
    layer = finish(layer_work(model, given, asked(name)))
    assert isinstance(layer, Layer)
    assert layer.answer.settings == answer.settings
    assert untimed(layer.answer.numbers).keys() == untimed(answer.numbers).keys()
    for key, array in answer.arrays.items():
        np.testing.assert_array_equal(layer.answer.arrays[key], array, err_msg=key)
    plain = {
        key: value
        for key, value in answer.numbers.items()
        if isinstance(value, int | float) and key not in TOLD_TIMES
    }
    for number in layer.numbers:
        if number.key in plain:
            np.testing.assert_equal(number.value, plain[number.key])
    _assert_placed(layer.placed, given.trace)


def _assert_placed(placed, traced):
    """Maps cover the picture, values are within their scale, boxes have an area, plots lines."""
    if placed.map is not None:
        height, width = traced.picture_size_px
        down, across = np.multiply(placed.map.shape, placed.token_size_px)
        assert (down, across) == pytest.approx((height, width), rel=0.5)
        assert placed.scale.low - 1e-6 <= np.nanmin(placed.map)
        assert np.nanmax(placed.map) <= placed.scale.high * (1 + 1e-6) + 1e-6
        assert placed.scale.words
    for box in placed.boxes:
        assert box.left < box.right
        assert box.top < box.bottom
    for plot in placed.plots:
        for series in plot.series:
            assert len(series.x) == len(series.y)
    assert (placed.form == "plot") == (placed.map is None)


def test_another_model_or_setting_is_traced_anew(tiny, picture):
    model, image = tiny(), picture()
    given = TracedPicture(Picture(image), trace(model, image, short_side=64))
    assert given.fits(model, 64)
    assert not given.fits(model, 96)
    assert not given.fits(tiny(), 64)
    model.set_reach("window", 2)
    assert not given.fits(model, 64)
    answer = finish(QUESTIONS["probe"](model, given, x=X, y=Y, short_side=64))
    anew = finish(QUESTIONS["probe"](model, image, x=X, y=Y, short_side=64))
    assert answer.numbers["stages"][2] == anew.numbers["stages"][2]
    model.set_reach("global", 3)


@pytest.mark.parametrize("name", ["occlusion", "segment-ablation", "integrated-gradients", "field"])
def test_a_map_is_told_while_it_is_made(traced, name):
    steps, layer = told(layer_work(*traced, asked(name)))
    known = [step.found for step in steps if step.found is not None]
    assert known
    for found in known:
        assert isinstance(found, Placed)
        assert found.map.shape == layer.placed.map.shape
        assert found.scale.kind == layer.placed.scale.kind
    assert [step.found is None for step in steps].count(False) >= len(steps) - 1


def test_an_effect_is_told_before_it_is_compared(traced):
    steps, layer = told(layer_work(*traced, asked("silence-head")))
    alone = steps[0].found
    assert isinstance(alone, Layer)
    np.testing.assert_array_equal(alone.placed.map, layer.placed.map)
    keys = {number.key for number in alone.numbers}
    assert "kl_nats" in keys
    assert not any(key.startswith("control") or key == "verdict" for key in keys)
    assert layer.sentence.startswith(alone.sentence.removesuffix(NOTE))
    assert alone.answer.settings == layer.answer.settings
    assert all(step.found is None for step in steps[1:])


@pytest.mark.parametrize("region", ["pixel", "segment", "class", "mask"])
def test_what_is_hidden_is_what_is_chosen(traced, region):
    model, given = traced
    mask = np.zeros((64, 96), bool)
    mask[3:9, 60:80] = True
    layer = finish(layer_work(model, given, asked("hide", region=region, mask=mask)))
    labels = given.trace.labels
    area = {
        "class": labels == labels[Y, X],
        "mask": mask,
    }.get(region)
    words = layer.answer.numbers["intervention"]
    if area is not None:
        assert words.startswith(f"{area.mean():.1%} of the picture")
    kind = layer.answer.settings["parameters"]["kind"]
    assert kind == ("hide-region" if region == "pixel" else "hide-segment")


def test_a_field_lies_in_what_the_unit_can_see(traced):
    layer = finish(layer_work(*traced, LayerAsk("field", X, Y, parameters={"level": "stage 1"})))
    box = layer.placed.boxes[0]
    known = np.isfinite(layer.placed.map)
    down, across = layer.placed.token_size_px
    rows, columns = np.nonzero(known)
    assert rows.min() * down >= box.top - 1e-6
    assert (rows.max() + 1) * down <= box.bottom + 1e-6
    assert columns.min() * across >= box.left - 1e-6
    assert (columns.max() + 1) * across <= box.right + 1e-6
    assert known.sum() < known.size
    assert layer.placed.map[known].max() == 0


def test_the_boxes_of_a_field_lie_in_the_picture_as_it_was_given(tiny, picture):
    model, image = tiny(), picture(130, 241)
    given = TracedPicture(Picture(image), trace(model, image, short_side=64))
    ask = LayerAsk("field", 100, 50, parameters={"level": "stage 2", "probes": 4})
    layer = finish(layer_work(model, given, ask))
    (row,) = layer.answer.tables["fields"]
    seen = tuple(layer.answer.numbers["input_size_px"])  # sides are multiples of 32 here
    grid = Grid((130, 241), seen, stride=8)
    down, across = np.divide((130, 241), seen)
    token = grid.box(grid.token_at(100, 50))
    center = (token.left_px + token.right_px) / 2, (token.top_px + token.bottom_px) / 2
    could, *does = layer.placed.boxes
    for box, percent in zip(does, (50, 95), strict=True):
        side = row[f"side_{percent}_input_px"]
        assert box.right - box.left == pytest.approx(side * across)
        assert box.bottom - box.top == pytest.approx(side * down)
        middle = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        assert middle == pytest.approx(center)
        assert f"{percent} %" in box.name
    assert could.left == pytest.approx(row["theoretical_left_input_px"] * across)
    assert could.bottom - could.top == pytest.approx(row["theoretical_height_picture_px"])


LIVE_CHOICES = [
    (name, parameter.name, value)
    for name, kind in LAYERS.items()
    if kind.live or kind.group == "why"
    for parameter in kind.parameters
    for value in parameter.choices or ()
]


@pytest.mark.parametrize(("name", "parameter", "value"), LIVE_CHOICES)
def test_every_choice_that_a_layer_offers_can_be_placed(traced, name, parameter, value):
    ask = asked(name)
    ask = dataclasses.replace(ask, parameters={**ask.parameters, parameter: value})
    _assert_placed(finish(layer_work(*traced, ask)).placed, traced[1].trace)


@pytest.mark.parametrize(
    "wrong",
    [
        LayerAsk("nothing", X, Y),
        LayerAsk("grad-cam", 96, Y),
        LayerAsk("grad-cam", X, Y, region="picture"),
        LayerAsk("row", X, Y, region="mask"),
        LayerAsk("row", X, Y, parameters={"colour": 1}),
        LayerAsk("field", X, Y, parameters={"level": "all"}),
        LayerAsk("grad-cam", X, Y, region="mask"),
        LayerAsk("hide", X, Y, region="mask"),
        LayerAsk("grad-cam", X, Y, label=77),
    ],
)
def test_what_cannot_be_asked_is_refused(traced, wrong):
    with pytest.raises(AnalysisError):
        finish(layer_work(*traced, wrong))


def test_numbers_have_their_unit_and_their_error():
    found = numbers_of(
        {
            "margin_change_nats": -2.0, "side_50_picture_px": 24.0,
            "side_50_error_picture_px": 1.5, "positive_share_in_region": 0.5, "x": 3,
            "score_value": 1.0, "score_unit": "logits", "stages": [{}], "verdict": "more",
        }
    )  # fmt: skip
    by_key = {number.key: number for number in found}
    assert by_key.keys() == {
        "margin_change_nats", "side_50_picture_px", "positive_share_in_region", "score_value",
        "verdict",
    }  # fmt: skip
    side = by_key["side_50_picture_px"]
    assert (side.unit, side.error, side.name) == ("px of the picture", 1.5, "side 50")
    assert by_key["score_value"].unit == "logits"
    assert by_key["positive_share_in_region"].unit == "share"
    assert by_key["margin_change_nats"].unit == "nats"
    assert [number.first for number in found] == sorted((n.first for n in found), reverse=True)


@pytest.mark.parametrize("head", [None, 1])
def test_the_row_that_is_shown_is_the_mean_of_all_heads_or_the_head_asked_for(traced, head):
    ask = LayerAsk("row", X, Y, parameters={"stage": 3, "block": 1, "head": head})
    layer = finish(layer_work(*traced, ask))
    row = affinity_row(traced[1].trace, 3, 1, X, Y)
    wanted = row.weight.mean(0) if head is None else row.weight[head]
    np.testing.assert_allclose(layer.placed.map, wanted)
    assert not np.allclose(wanted, row.weight.max(0))


def test_terms_of_a_convolution_lie_around_the_token_of_the_pixel(traced):
    layer = finish(layer_work(*traced, LayerAsk("row", 1, Y, parameters={"stage": 2, "block": 0})))
    row = affinity_row(traced[1].trace, 2, 0, 1, Y)
    at, column = row.token
    assert column == 0
    np.testing.assert_allclose(layer.placed.map[at - 2 : at + 3, :3], row.norm_share[:, 2:])
    assert np.isfinite(layer.placed.map).sum() == 15


def test_an_error_without_a_number_of_its_own_is_a_number():
    (number,) = numbers_of({"conservation_error": 1e-7})
    assert (number.key, number.value, number.error) == ("conservation_error", 1e-7, None)


def _plots(name, tables):
    answer = SimpleNamespace(tables=tables)
    return {plot.title: plot for plot in LAYERS[name].place(answer, None, {}).plots}


def _cost(x, kl, control=(np.nan, np.nan), overlap=0.0, **more):
    low, high = control
    return {
        **x, "kl_nats": kl, "control_kl_nats": (low + high) / 2, "control_kl_nats_low": low,
        "control_kl_nats_high": high, "control_overlap_share": overlap, **more,
    }  # fmt: skip


def test_only_controls_apart_from_the_change_stand_beside_a_curve():
    rows = [
        _cost({"radius_tokens": 0}, 3.0, (2.0, 4.0)),
        _cost({"radius_tokens": 1}, 2.0, (1.0, 2.0), overlap=0.3),
        _cost({"radius_tokens": 2}, 1.0),
    ]
    (plot,) = _plots("radius-curve", {"radii": rows}).values()
    near, elsewhere = plot.series
    assert (near.x, near.y) == ([0, 1, 2], [3.0, 2.0, 1.0])
    assert (elsewhere.x, elsewhere.low, elsewhere.y, elsewhere.high) == ([0], [2.0], [3.0], [4.0])


def test_each_kind_of_reach_has_a_line_of_its_own_and_random_keys_beside():
    rows = [
        _cost({"keys_per_query": 24.0}, 0.0, reach="global"),
        _cost({"keys_per_query": 16.0}, 0.2, reach="padded window"),
        _cost({"keys_per_query": 9.0}, 0.3, (0.4, 0.6), reach="masked window"),
        _cost({"keys_per_query": 4.0}, 0.5, (0.6, 0.8), reach="masked window"),
    ]
    (plot,) = _plots("reach-cost", {"reaches": rows}).values()
    lines = {each.name: (each.x, each.y) for each in plot.series}
    assert lines == {
        "global": ([24.0], [0.0]),
        "padded window": ([16.0], [0.2]),
        "masked window": ([4.0, 9.0], [0.5, 0.3]),
        "as many elsewhere": ([4.0, 9.0], [0.7, 0.5]),
    }
    assert plot.series[-1].low == [0.6, 0.4]


def test_a_profile_has_one_line_per_null_with_the_range_of_its_draws():
    rows = [
        {"of": of, "draw": draw, "name": "3.1", "distance_picture_px": distance + head,
         "uniform_distance_picture_px": 9.0, "entropy": 0.5, "mass_5x5": 0.1}
        for of, draws in (("this picture", [2.0]), ("random weights", [5.0, 6.0, 7.0]))
        for draw, distance in enumerate(draws)
        for head in (0, 1)
    ]  # fmt: skip
    own, even, null = _plots("profile", {"heads": rows})["How far"].series
    assert (own.name, own.y, own.low) == ("this picture", [2.5], None)
    assert (even.name, even.y) == ("evenly", [9.0])
    assert (null.name, null.y) == ("random weights", [6.5])
    wanted = spread([5.5, 6.5, 7.5])
    assert (null.low, null.high) == ([wanted.low], [wanted.high])


@pytest.mark.parametrize(
    ("name", "more", "unit", "words"),
    [
        ("rollout", {}, "share per pixel", "flows from here"),
        ("relevance", {}, "nats per pixel", "flows from here"),
        ("occlusion", {"window_px": 32, "score": "probability"}, "hidden, probability", "for it"),
        ("eigen-cam", {}, "principal component", "like the region"),
        ("smooth-grad", {"steps": 2}, "nats per unit", "small change"),
        ("layer-cam", {}, "nats per token", "speaks for it"),
    ],
)
def test_a_map_says_its_unit_and_what_is_much_on_the_way_too(traced, name, more, unit, words):
    steps, layer = told(layer_work(*traced, LayerAsk(name, X, Y, parameters=more)))
    for placed in [layer.placed, *(step.found for step in steps if step.found is not None)]:
        assert unit in placed.scale.unit
        assert words in placed.scale.words
    assert layer.answer.numbers.get("map_unit", layer.placed.scale.unit) == layer.placed.scale.unit


def test_what_a_method_always_says_is_said_once(traced):
    layer = finish(layer_work(*traced, asked("layer-cam")))
    method = METHODS["layer_cam"]
    assert method.description in layer.answer.sentence
    assert method.description not in layer.sentence
    assert dataclasses.replace(layer).misleads == method.misleads
