"""Why this class here, asked of several methods: maps side by side, each on its own scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from analysis.attribution.attribute import Attribution
from analysis.attribution.methods import METHODS, AttributionSettings
from analysis.core.evidence import most_doubtful
from analysis.core.progress import part_of
from analysis.core.targets import SCORE_UNITS
from analysis.core.words import say, sentences
from analysis.questions.answer import Row
from analysis.questions.common import (
    Against,
    Asked,
    Label,
    RegionAsked,
    Seed,
    ShortSide,
    Steps,
    X,
    Y,
    question,
    start,
)
from analysis.questions.explaining import (
    METHOD_NAMES,
    Baseline,
    LayerStage,
    Points,
    ScoreAsked,
    explain,
    map_numbers,
    methods_named,
)
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MethodsAsked = Annotated[str, "names of methods of the question attribute, separated by commas"]

SENTENCE = sentences(
    "The same question put to each method, each map on its own scale.",
    "Agreement is no proof: maps can share a bias.",
    "Rank them by intervention before one is believed.",
)


@question
def attributions(
    model: Segmenter,
    image: PictureSource,
    mask: np.ndarray | None = None,
    *,
    x: X,
    y: Y,
    region: RegionAsked = "segment",
    label: Label = None,
    against: Against = None,
    methods: MethodsAsked = "integrated-gradients,segment-ablation,grad-cam",
    stage: LayerStage = 4,
    score: ScoreAsked = "margin",
    baseline: Baseline = "blur",
    steps: Points = 16,
    seed: Seed = 0,
    short_side: ShortSide = None,
) -> Steps:
    """Why this class here, by several methods: where they agree, and where a map is one method's.

    Each map has a scale of its own, and agreement is no proof: rank them by faithfulness before one
    is believed. A painted ``mask`` (H, W), bool, is the region where ``region`` is "mask".
    """
    names = methods_named(methods)
    asked = start(model, image, short_side, any_network=True)
    subject = asked.subject(x, y, region, label, mask, against)
    settings = AttributionSettings(baseline, steps, steps, seed)
    found: list[Attribution] = []
    for part, name in enumerate(names):
        work = explain(asked, subject, METHOD_NAMES[name], stage, score, settings)
        found.append((yield from part_of(work, part, len(names))))
    return asked.answer(
        title=say(
            "Why {name} at {region}? Asked {count} ways",
            name=asked.names[subject.label],
            region=subject.words,
            count=len(found),
        ),
        sentence=SENTENCE,
        grade=most_doubtful(one.grade for one in found),
        numbers=_numbers(found, asked),
        arrays={
            "region": subject.region,
            **{one.method.replace("_", "-"): one.map for one in found},
        },
        tables={"methods": [_row(one) for one in found]},
        draw=lambda: _draw(asked, found),
    )


def _numbers(found: list[Attribution], asked: Asked) -> dict[str, object]:
    first = found[0]
    return {
        "class": asked.names[first.label],
        "score": first.score,
        "score_unit": SCORE_UNITS[first.score],
        "score_value": first.score_value,
        "methods": len(found),
    }


def _row(found: Attribution) -> Row:
    return {
        **map_numbers(found),
        "title": METHODS[found.method].title,
        "grade": found.grade,
        "note": found.note,
    }


def _draw(asked: Asked, found: list[Attribution]) -> Figure:
    from analysis.figures.attribution import attribution_comparison

    return attribution_comparison(found, asked.picture, asked.trace.model.classes)
