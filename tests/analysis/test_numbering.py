"""One known block and head has one number, in every title, sentence, table, figure and chooser."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conventions import assert_counted_from_0, mentioned, texts_of

from analysis import DropBlock, HeadGate, depth_profile, finish, trace
from analysis.core.forward import Place
from analysis.questions import QUESTIONS
from analysis.representation.survey import survey
from ui.page.tabs.what_if import blocks_and_heads

BLOCK, HEAD = 2, 1
AT = {"x": 40, "y": 30, "short_side": 64}
OF_A_BLOCK = {
    "affinity": [{**AT, "stage": 3, "block": BLOCK, "head": HEAD}],
    "jacobian": [{**AT, "stage": 3, "block": BLOCK}],
    "what-if": [
        {"kind": "silence-head", "stage": 3, "block": BLOCK, "head": HEAD, "short_side": 64},
        {"kind": "drop-block", "stage": 3, "block": BLOCK, "short_side": 64},
    ],
}


@pytest.mark.parametrize(
    ("question", "parameters"),
    [(question, given) for question, many in OF_A_BLOCK.items() for given in many],
)
def test_the_block_asked_for_is_the_block_told_of(tiny, picture, question, parameters):
    answer = finish(QUESTIONS[question](tiny(), picture(), **parameters))
    figure = answer.figure()
    everything = mentioned([answer.title, answer.sentence, str(answer.numbers), *texts_of(figure)])
    assert mentioned([answer.title])["block"] == {BLOCK}
    if question == "what-if":  # beside the block stands a control, which is another
        assert BLOCK in mentioned([*texts_of(figure)])["block"]
    else:
        assert everything["block"] == {BLOCK}
    if "head" in parameters:
        assert HEAD in everything["head"]
    if question == "affinity":
        assert answer.numbers["name"] == f"3.{BLOCK}"
        assert [row["head"] for row in answer.tables["heads"]] == [0, 1, 2, 3]
        assert everything["head"] == {0, 1, 2, 3}
    named = [row["name"] for row in answer.tables.get("heads", [])]
    assert set(named) <= {f"3.{BLOCK}"}


@pytest.mark.parametrize("show", ["contributions", "blocks", "heads"])
def test_what_is_counted_from_1_would_be_found(tiny, picture, show):
    """The rule that every question is held to is broken here, one way at a time."""
    model = tiny()
    answer = finish(QUESTIONS["affinity"](model, picture(), stage=3, **AT))
    assert_counted_from_0(answer, model)
    broken = {
        "contributions": {
            "arrays": {"stage3_block4_weight": answer.arrays["stage3_block3_weight"]}
        },
        "blocks": {"title": answer.title.replace("block 3", "block 4")},
        "heads": {"sentence": "Head 4 looks at sky."},
    }
    with pytest.raises(AssertionError):
        assert_counted_from_0(replace(answer, **broken[show]), model)


def test_the_strongest_head_of_a_sweep_is_that_of_the_chooser_and_of_the_figure(tiny, picture):
    answer = finish(QUESTIONS["what-if"](tiny(), picture(), kind="head-sweep", **AT))
    numbers, traced = answer.numbers, trace(tiny(), picture(), short_side=64)
    most = {name: numbers[f"strongest_{name}"] for name in ("name", "stage", "block", "head")}
    assert most["name"] == f"{most['stage']}.{most['block']}"
    said = mentioned([answer.sentence])
    assert said in (
        {"block": {most["block"]}, "head": {most["head"]}},
        {"block": set(), "head": set()},
    )
    for axes, stage in zip(answer.figure().axes, (3, 4), strict=False):
        for axis, options in zip(
            (axes.yaxis, axes.xaxis), blocks_and_heads(traced, stage), strict=True
        ):
            ticks = [tick.get_text() for tick in axis.get_ticklabels()]
            assert ticks == [words for words, number in options if number != -1]
            assert ticks == [str(number) for number in range(len(ticks))]


def test_tables_of_blocks_can_be_joined(tiny, picture):
    model, image = tiny(), picture()
    traced = trace(model, image, short_side=64)
    place = ("name", "stage", "block")
    profile = finish(depth_profile(traced))
    representation = finish(survey(traced))
    probed = finish(QUESTIONS["probe"](model, image, **AT)).tables["blocks"]
    places = [
        [tuple(row[name] for name in place) for row in rows]
        for rows in (
            probed,
            representation.rows(),
            [row for row in profile.rows() if row["head"] == 0],
        )
    ]
    assert places[0] == places[1] == places[2]
    assert places[0] == [
        (f"{stage}.{block}", stage, block)
        for stage, depth in enumerate(model.config.backbone.depths, start=1)
        for block in range(depth)
    ]


def test_interventions_name_the_block_of_the_state_dict():
    assert Place(3, 5).name == "3.5"
    assert "block 5" in DropBlock(3, 5).describe()
    assert "block 5: head 2 x 0" in HeadGate(3, 5, 2).describe()
