"""Questions say what the functions behind them say, and each draws what it talks about."""

from __future__ import annotations

import json
import pickle
from importlib import import_module

import numpy as np
import pytest
from conventions import assert_counted_from_0, assert_units_named
from steps import told

import analysis
from analysis.affinity.attended_classes import attended_classes
from analysis.affinity.global_affinity import global_affinity
from analysis.affinity.in_degree import in_degree
from analysis.affinity.local_affinity import local_affinity
from analysis.affinity.row_summary import row_statistics
from analysis.core.activation_cache import trace
from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, finish
from analysis.core.regions import segment_region
from analysis.core.targets import RegionScore
from analysis.core.token_classes import token_classes
from analysis.core.uncertainty import spread
from analysis.faithfulness.rank_correlation import RankCorrelation
from analysis.profile import depth_profile, profile_with_nulls
from analysis.questions import QUESTIONS
from analysis.questions.answer import Answer
from analysis.questions.common import in_reach
from analysis.questions.parameters import parameters_of
from analysis.receptive_field.effective import effective_fields
from analysis.receptive_field.theoretical import receptive_field
from analysis.receptive_field.units import margin_unit, stage_units
from analysis.rollout import relevance, rollout
from analysis.rollout.agreement import Agreement, Comparison
from uniformer.preprocess import preprocess

X, Y = 70, 20
LOCATED = {"x": X, "y": Y, "short_side": 64}
NEEDED = {
    "probe": LOCATED,
    "affinity": LOCATED,
    "jacobian": LOCATED,
    "profile": {"short_side": 64},
    "rollout": LOCATED,
    "receptive-field": LOCATED | {"probes": 1},
    "similarity": LOCATED,
    "representation": {"short_side": 64},
    "pruning": {"short_side": 64},
    "decoder-lens": LOCATED,
    "attribute": LOCATED | {"method": "layer-cam"},
    "attributions": LOCATED | {"methods": "layer-cam"},
    "faithfulness": LOCATED | {"methods": "gradient-x-activation", "steps": 1},
    "what-if": {"kind": "drop-block", "short_side": 64},
    "compare": {"other_reach": "window", "short_side": 64},
}
"""The least that every question needs."""


def asked(question: str, model, image, **parameters) -> Answer:
    return finish(QUESTIONS[question](model, image, **parameters))


def drawn_text(answer: Answer) -> str:
    """Draw the figure and return its title, caption and the labels of its colour bars."""
    figure = answer.figure()
    return " ".join(
        [figure.get_suptitle(), figure.get_supxlabel(), *(a.get_ylabel() for a in figure.axes)]
    )


def test_probe_gives_the_rows_of_every_block(tiny, picture):
    model, image = tiny(), picture()
    answer, traced = asked("probe", model, image, **LOCATED), trace(model, image, short_side=64)
    labels = traced.labels
    assert [row["name"] for row in answer.numbers["stages"]] == ["1.0", "2.0", "3.3", "4.0"]
    assert len(answer.tables["blocks"]) == 7
    for found in answer.tables["blocks"]:
        stage, block = found["stage"], found["block"]
        grid = traced.grid(stage)
        token = grid.token_at(X, Y)
        if stage < 3:
            row = local_affinity(traced, stage, block, token)
            spread = row_statistics(row).heads
        else:
            row = global_affinity(traced, stage, block, token)
            spread = row_statistics(row).heads
        attended = attended_classes(row, token_classes(labels, grid))
        assert found["distance_picture_px"] == spread.distance_picture_px.mean()
        assert found["entropy"] == spread.entropy.mean()
        assert found["attended"] == attended.in_words(model.classes)
    assert sum(row["share"] for row in answer.tables["classes"]) == pytest.approx(4)
    np.testing.assert_array_equal(answer.arrays["stage4_block0_weight"], row.weight)
    text = drawn_text(answer)
    assert "uniform" in text
    assert "E · exact" in text


def test_probe_counts_classes_in_the_last_block_of_each_stage_and_in_the_head_asked_for(
    tiny, picture
):
    def lively(model):
        model.decode_head.conv_seg.weight.mul_(30)

    model, image = tiny("window", 5, edit=lively), picture()
    traced = trace(model, image, short_side=64)
    labels = traced.labels
    assert len(np.unique(labels)) > 1
    answer = asked("probe", model, image, head=2, **LOCATED)
    for stage, block in ((1, 0), (2, 0), (3, 3), (4, 0)):
        grid, local = traced.grid(stage), stage < 3
        row = (local_affinity if local else global_affinity)(
            traced, stage, block, grid.token_at(X, Y)
        )
        found = row_statistics(row)
        head = 0 if local else 2
        attended = attended_classes(row, token_classes(labels, grid), None if local else head)
        numbers = answer.numbers["stages"][stage - 1]
        assert numbers["distance_picture_px"] == found.heads.distance_picture_px[head]
        assert numbers["uniform_distance_picture_px"] == found.uniform.distance_picture_px[0]
        assert numbers["padding_mass"] == found.padding_mass[head]
        rows = [each for each in answer.tables["classes"] if each["stage"] == stage]
        assert {each["block"] for each in rows} == {block}
        for name in ("share", "uniform_share"):
            padding = getattr(attended, name.replace("share", "padding_mass"))
            assert [each[name] for each in rows] == [*getattr(attended, name), padding]


def test_a_head_is_that_head_and_must_exist(tiny, picture):
    model, image = tiny(), picture()
    answer = asked("affinity", model, image, stage=3, block=1, head=2, **LOCATED)
    traced = trace(model, image, short_side=64)
    row = global_affinity(traced, 3, 1, traced.grid(3).token_at(X, Y))
    spread = row_statistics(row).heads
    assert answer.numbers["distance_picture_px"] == spread.distance_picture_px[2]
    assert [one["entropy"] for one in answer.tables["heads"]] == list(spread.entropy)
    assert sum(one["output_share"] for one in answer.tables["heads"]) == pytest.approx(1)
    received = in_degree(traced, 3, 1)
    np.testing.assert_array_equal(answer.arrays["in_degree"], received.degree)
    heads = answer.tables["heads"]
    assert [one["largest_in_degree"] for one in heads] == list(received.max_degree)
    sinks = [one["head"] for one in heads if one["has_sink"]]
    assert (f"heads with one: {', '.join(map(str, sinks))} (of 4)" in answer.sentence) == bool(
        sinks
    )
    assert answer.sentence.startswith("Head 2 looks at ")
    mean = asked("affinity", model, image, stage=3, block=1, **LOCATED)
    assert mean.sentence.startswith("The mean of its heads looks at ")
    assert "uniform" in drawn_text(answer)
    for question in ("affinity", "probe"):
        with pytest.raises(AnalysisError, match="no head 9"):
            asked(question, model, image, head=9, **LOCATED)


def test_terms_of_a_convolution_are_its_exact_shares(tiny, picture):
    model, image = tiny(), picture()
    answer = asked("affinity", model, image, stage=1, **LOCATED)
    traced = trace(model, image, short_side=64)
    row = local_affinity(traced, 1, 0, traced.grid(1).token_at(X, Y))
    shares = [term["signed_share"] for term in answer.tables["terms"]]
    np.testing.assert_array_equal(np.reshape(shares, (5, 5)), row.signed_share)
    for term in answer.tables["terms"]:
        at = 2 + term["step_down"], 2 + term["step_right"]
        assert term["norm_share"] == row.norm_share[at]
    assert "%" in drawn_text(answer)
    assert answer.sentence.startswith("The convolution looks at ")


def test_profile_has_every_head_and_on_request_its_nulls(tiny, picture):
    model, image = tiny(), picture()
    answer = asked("profile", model, image, short_side=64, nulls=True, seed=1)
    direct = finish(profile_with_nulls(trace(model, image, short_side=64), image, seed=1))
    for name, draws in {"this picture": [direct.traced], **direct.nulls}.items():
        for number, profile in enumerate(draws):
            table = [
                row for row in answer.tables["heads"] if (row["of"], row["draw"]) == (name, number)
            ]
            assert [row["distance_picture_px"] for row in table] == [
                row["distance_picture_px"] for row in profile.rows()
            ]
    for name, draws in direct.nulls.items():
        numbers = answer.numbers[f"stages_{name.replace(' ', '_')}"]
        drawn = spread([
            np.mean([each.distance_over_uniform.mean() for each in one.blocks if each.stage == 3])
            for one in draws
        ])  # fmt: skip
        assert numbers[2]["stage"] == 3
        assert numbers[2]["distance_over_uniform"] == pytest.approx(drawn.mean)
        assert numbers[2]["distance_over_uniform_low"] == pytest.approx(drawn.low)
        assert f"{drawn.low:.0%} to {drawn.high:.0%}" in answer.sentence
    assert {row["of"] for row in answer.tables["heads"]} == {
        "this picture", "random weights", "shuffled pixels",
    }  # fmt: skip
    assert "S · statistic" in drawn_text(answer)


def test_profile_names_blocks_and_heads_from_zero_and_sums_each_stage_up(tiny, picture):
    def even_stage_4(model):
        model.backbone.blocks4[0].attn.qkv.weight[:64] = 0
        model.backbone.blocks4[0].attn.qkv.bias[:64] = 0

    model, image = tiny(edit=even_stage_4), picture()
    answer = asked("profile", model, image, short_side=64)
    direct = finish(depth_profile(trace(model, image, short_side=64)))
    assert [
        (row["name"], row["stage"], row["block"], row["head"]) for row in answer.tables["heads"]
    ] == [
        (block.name, block.stage, block.block, head)
        for block in direct.blocks
        for head in range(len(block.padding_mass))
    ]
    for block in direct.blocks:
        distance = answer.arrays[f"stage{block.stage}_block{block.block}_distance_picture_px"]
        np.testing.assert_array_equal(distance, block.heads.distance_picture_px)
    *_, third, fourth = answer.numbers["stages"]
    blocks = [block for block in direct.blocks if block.stage == 3]
    for name in ("distance_picture_px", "entropy", "mass_5x5"):
        wanted = np.mean([getattr(block.heads, name) for block in blocks])
        assert third[name] == pytest.approx(wanted)
    (even,) = blocks[0].uniform.distance_picture_px
    assert third["uniform_distance_picture_px"] == pytest.approx(even)
    assert fourth["uniform_distance_picture_px"] == pytest.approx(fourth["distance_picture_px"])
    assert (fourth["distance_over_uniform"], fourth["entropy"]) == pytest.approx((1, 1))
    share = f"{third['distance_over_uniform']:.0%}"
    assert share != "100%"
    assert f"stage 3 look {share} and those of stage 4 100% as far" in answer.sentence


def test_rollout_and_relevance_are_those_of_the_region(tiny, picture):
    model, image = tiny(), picture()
    traced = trace(model, image, short_side=64)
    labels = traced.labels
    region = segment_region(labels, X, Y)
    flow = asked("rollout", model, image, stage=3, **LOCATED)
    np.testing.assert_array_equal(flow.arrays["pixels"], rollout(traced, region, 3).pixels)
    assert sum(row["share"] for row in flow.tables["classes"]) == pytest.approx(1)
    answer = asked("rollout", model, image, rule="relevance", **LOCATED)
    direct = relevance(traced, RegionScore(model, region, int(labels[Y, X])))
    np.testing.assert_array_equal(answer.arrays["pixels"], direct.pixels)
    assert answer.numbers["score_nats"] == direct.score
    text = drawn_text(answer)
    assert "H · heuristic" in text
    assert "times the even share" in text


@pytest.mark.slow
def test_a_rollout_can_be_compared_with_gradient_and_occlusion(tiny, picture):
    answer = asked("rollout", tiny(), picture(), compare=True, **LOCATED)
    rows = answer.tables["agreement"]
    assert {row["map"] for row in rows} == {"rollout", "nearness to the region"}
    found = {row["reference"]: row for row in rows if row["map"] == "rollout"}
    change = found["change"]
    assert f"{change['spearman']:+.2f}" in answer.sentence
    assert f"within {change['chance']:.2f}" in answer.sentence
    beyond = abs(change["spearman"]) > change["chance"]
    assert ("cannot be told apart from chance" in answer.sentence) == (not beyond)


BESIDE_CHANCE = ("more than chance", "cannot be told apart from chance", "is not known")


@pytest.mark.parametrize(
    ("spearman", "chance", "words"),
    [
        (0.41, 0.4, BESIDE_CHANCE[0]),
        (-0.41, 0.4, BESIDE_CHANCE[0]),
        (0.39, 0.4, BESIDE_CHANCE[1]),
        (-0.39, 0.4, BESIDE_CHANCE[1]),
        (0.41, np.nan, BESIDE_CHANCE[2]),
    ],
)
def test_a_rollout_is_more_than_chance_only_where_it_is_above_it(
    tiny, picture, monkeypatch, spearman, chance, words
):
    def made_up(*_):
        yield Progress(1, 1)
        one = Comparison("rollout", "change", RankCorrelation(spearman, 0.1, 0.2), chance)
        return Agreement(1.0, 8, np.ones((8, 12)), np.ones((8, 12)), (one,))

    # The package has a function of the module's name.
    monkeypatch.setattr(import_module("analysis.questions.rollout"), "agreement", made_up)
    answer = asked("rollout", tiny(), picture(), compare=True, **LOCATED)
    told = [each for each in BESIDE_CHANCE if each in answer.sentence]
    assert told == [words]


def test_fields_are_those_of_the_tokens_and_the_margin_at_the_pixel(tiny, picture):
    model, image = tiny(), picture()
    answer = asked("receptive-field", model, image, **LOCATED)
    x = preprocess(image, 64).double()
    token = (5, 17)
    direct = effective_fields(stage_units(model, {1: token}), [x])[1]
    first = answer.arrays["field0_tiny_global_stage_1"]
    assert (first > 0).sum() == (direct.energy > 0).sum()
    rows = {row["level"]: row for row in answer.numbers["fields"]}
    seen = receptive_field(model, (64, 96), 1, token)
    assert rows["stage 1"]["theoretical_height_input_px"] == seen.height_px
    labels = trace(model, image, short_side=64).labels
    margin = effective_fields(margin_unit(model, (Y, X), int(labels[Y, X])), [x])["margin"]
    np.testing.assert_array_equal(answer.arrays["field4_tiny_global_logits"], margin.energy)
    assert "log10 of energy" in drawn_text(answer)


def test_fields_of_other_reaches_and_random_weights_stand_beside(tiny, picture):
    answer = asked(
        "receptive-field", tiny(), picture(), reaches=True, untrained=True, probes=1, **LOCATED
    )
    rows = answer.tables["fields"]
    names = [row["network"] for row in rows]
    assert len(rows) == 4 * 5
    assert set(names) == {"tiny (global)", "tiny (hybrid 3)", "tiny (window 3)"}
    with pytest.raises(AnalysisError, match="no network 'vgg'"):
        asked("receptive-field", tiny(), picture(), peers="swin_t,vgg", **LOCATED)


@pytest.mark.parametrize(
    ("show", "title"), [("curves", "Energy within a square"), ("table", "Extent of receptive")]
)
def test_fields_can_be_shown_as_curves_or_a_table(tiny, picture, show, title):
    answer = asked("receptive-field", tiny(), picture(), show=show, probes=1, **LOCATED)
    assert title in drawn_text(answer)


def test_another_reach_is_asked_of_a_twin(tiny, picture):
    model, image = tiny(), picture()
    answer = asked("probe", model, image, reach="window", **LOCATED)
    windowed = tiny("window")
    assert answer.numbers == asked("probe", windowed, image, **LOCATED).numbers
    assert answer.settings["reach"] == "window"
    model_copy = in_reach(model, "window")
    assert next(model_copy.parameters()).data_ptr() == next(model.parameters()).data_ptr()
    assert model.reach == "global"


def test_all_questions_are_here():
    assert set(NEEDED) == set(QUESTIONS)


@pytest.mark.parametrize("question", NEEDED)
def test_an_answer_says_what_was_asked_and_that_weights_are_untrained(question, tiny, picture):
    model = tiny()
    steps, answer = told(QUESTIONS[question](model, picture(), **NEEDED[question]))
    assert all(isinstance(step, Progress) for step in steps)
    assert_counted_from_0(answer, model)
    assert_units_named(answer)
    assert json.loads(answer.to_json())["question"] == question
    parameters = {one.name: one.default for one in parameters_of(QUESTIONS[question])}
    assert answer.settings["parameters"] == parameters | NEEDED[question]
    assert list(answer.settings["parameters"]) == list(parameters)
    note = "random and untrained"
    assert note in answer.numbers["warning"]
    assert note in answer.sentence
    assert note in drawn_text(answer)


FORMS = [
    (question, {"show": show} if show else {})
    for question in NEEDED
    for show in next(
        (one.choices for one in parameters_of(QUESTIONS[question]) if one.name == "show"), [""]
    )
]
BESIDE = {"peers": {"peers": "resnet50"}}
"""What a form of a figure needs besides."""


@pytest.mark.parametrize(("question", "form"), FORMS)
def test_every_figure_can_be_drawn_in_another_process(question, form, tiny, picture):
    parameters = NEEDED[question] | form | BESIDE.get(form.get("show"), {})
    figure = asked(question, tiny(), picture(), **parameters).figure()
    assert pickle.loads(pickle.dumps(figure)).get_suptitle() == figure.get_suptitle()


@pytest.mark.parametrize("question", [name for name, needed in NEEDED.items() if "x" in needed])
def test_a_pixel_outside_the_picture_is_refused_in_one_sentence(question, tiny, picture):
    with pytest.raises(AnalysisError, match="outside the picture"):
        asked(question, tiny(), picture(), x=96, y=0, short_side=64)


def test_weights_that_are_not_finite_are_refused(tiny, picture):
    def break_(model):
        model.backbone.norm4.weight[0] = float("nan")

    with pytest.raises(AnalysisError, match="not finite"):
        asked("probe", tiny(edit=break_), picture(), **LOCATED)


def test_a_picture_smaller_than_a_window_says_what_padding_takes(tiny, picture):
    answer = asked("probe", tiny("window", 12), picture(), **LOCATED)
    third = answer.numbers["stages"][2]
    assert third["padding_mass"] > 0.2
    assert "padding" in third["attended"]


def test_every_public_name_is_there():
    assert all(hasattr(analysis, name) for name in analysis.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = analysis.nothing
