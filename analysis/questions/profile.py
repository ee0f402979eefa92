"""The question `profile`: how far and how evenly every block and head looks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np

from analysis.affinity.statistics import DISTANCES
from analysis.core.uncertainty import spread
from analysis.core.words import Said, percent, say, sentences
from analysis.profile.depth_profile import DepthProfile, depth_profile
from analysis.profile.nulls import Nulls, profile_with_nulls
from analysis.questions.answer import Row
from analysis.questions.common import ReachAsked, Seed, ShortSide, Steps, in_reach, question, start
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE = "this picture"


@question
def profile(
    model: Segmenter,
    image: PictureSource,
    *,
    nulls: Annotated[
        bool, "also measure random weights and shuffled pixels; takes seven times as long"
    ] = False,
    seed: Seed = 0,
    short_side: ShortSide = None,
    reach: ReachAsked = None,
) -> Steps:
    """How far and how evenly does every block and head look, from the first to the last?

    Means over all queries of the picture, beside those of uniform weights. Stages 1 and 2 are
    convolutions and local by construction. One picture is an anecdote: ask about some fifty.
    """
    asked = start(in_reach(model, reach), image, short_side)
    trace = asked.trace
    others: dict[str, tuple[DepthProfile, ...]] = {}
    if nulls:
        both = yield from profile_with_nulls(trace, asked.picture, seed=seed)
        found, others = both.traced, both.nulls
    else:
        found = yield from depth_profile(trace)
    return asked.answer(
        title="How far and how evenly every block looks",
        sentence=_sentence(found, others),
        grade="statistic",
        numbers={
            "stages": [_stage_means(found, stage) for stage in range(1, 5)],
            **{
                f"stages_{name.replace(' ', '_')}": _null_means(draws)
                for name, draws in others.items()
            },
        },
        arrays=_arrays(found),
        tables={"heads": _table(found, others)},
        draw=lambda: _draw(found, others),
    )


def _table(found: DepthProfile, nulls: Nulls) -> list[Row]:
    """Return a row per head of the picture's profile, and of every draw of the nulls."""
    return [
        {"of": name, "draw": number, **row}
        for name, draws in {PICTURE: (found,), **nulls}.items()
        for number, profile in enumerate(draws)
        for row in profile.rows()
    ]


def _null_means(draws: Sequence[DepthProfile]) -> list[Row]:
    """Return what means over a stage come to in a null, and in which range 95 % of draws are."""
    rows = []
    for stage in range(1, 5):
        means = [_stage_means(profile, stage) for profile in draws]
        row: Row = {"stage": stage}
        for name in means[0].keys() - {"stage"}:
            row |= spread([mean[name] for mean in means]).named(name)
        rows.append({name: row[name] for name in ("stage", *sorted(row.keys() - {"stage"}))})
    return rows


def _stage_means(profile: DepthProfile, stage: int) -> Row:
    """Return the means over blocks and heads of a stage."""
    blocks = [block for block in profile.blocks if block.stage == stage]
    return {
        "stage": stage,
        **{name: _mean(getattr(block.heads, name) for block in blocks) for name in DISTANCES},
        **{
            f"uniform_{name}": _mean(getattr(block.uniform, name) for block in blocks)
            for name in DISTANCES
        },
        "distance_over_uniform": _mean(block.distance_over_uniform for block in blocks),
        "entropy": _mean(block.heads.entropy for block in blocks),
        "mass_5x5": _mean(block.heads.mass_5x5 for block in blocks),
        "padding_mass": _mean(block.padding_mass for block in blocks),
    }


def _mean(values: Iterable[np.ndarray]) -> float:
    return float(np.mean([np.mean(value) for value in values]))


def _sentence(profile: DepthProfile, nulls: Nulls) -> Said:
    ratios = [_stage_means(profile, stage)["distance_over_uniform"] for stage in (3, 4)]
    beside = []
    for name, draws in nulls.items():
        third, fourth = (_null_means(draws)[stage - 1] for stage in (3, 4))
        ends = [
            percent(row[f"distance_over_uniform_{end}"])
            for row in (third, fourth)
            for end in ("low", "high")
        ]
        beside.append(
            say(
                "With {name} 95 % of draws are within {low3}% to {high3}% and {low4}% to {high4}%.",
                name=name,
                **dict(zip(("low3", "high3", "low4", "high4"), ends, strict=True)),
            )
        )
    return sentences(
        say(
            "Blocks of stage 3 look {third}% and those of stage 4 {fourth}% as far as they would "
            "with uniform weights.",
            third=percent(ratios[0]),
            fourth=percent(ratios[1]),
        ),
        *beside,
        "The convolutions of stages 1 and 2 are local by construction, so that their locality is "
        "no finding.",
    )


def _arrays(profile: DepthProfile) -> dict[str, np.ndarray]:
    """Return distance and entropy of the heads of every block, named by stage and block from 0."""
    return {
        f"stage{block.stage}_block{block.block}_{name}": getattr(block.heads, name)
        for block in profile.blocks
        for name in ("distance_picture_px", "entropy")
    }


def _draw(profile: DepthProfile, nulls: Nulls) -> Figure:
    from analysis.figures.profile import profile_figure

    return profile_figure(profile, nulls)
