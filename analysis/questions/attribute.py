"""Why this class here? One attribution method about one region, with what to know about its map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from analysis.attribution.attribute import Attribution
from analysis.attribution.messages import scored, summed
from analysis.attribution.methods import METHODS, AttributionSettings
from analysis.core.subject import Subject
from analysis.core.targets import SCORE_UNITS
from analysis.core.words import say, sentences
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
)
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MethodAsked = Annotated[
    str, "how to ask; what can be trusted most comes first", tuple(METHOD_NAMES)
]
OcclusionWindow = Annotated[
    int | None, "side of occlusion's windows in input pixels; by default an eighth of the short one"
]


@question
def attribute(
    model: Segmenter,
    image: PictureSource,
    mask: np.ndarray | None = None,
    *,
    x: X,
    y: Y,
    region: RegionAsked = "segment",
    label: Label = None,
    against: Against = None,
    method: MethodAsked = "integrated-gradients",
    stage: LayerStage = 4,
    score: ScoreAsked = "margin",
    baseline: Baseline = "blur",
    steps: Points = 16,
    window_px: OcclusionWindow = None,
    seed: Seed = 0,
    short_side: ShortSide = None,
) -> Steps:
    """Why this class here: what in the picture, or in a stage, speaks for it and against.

    Integrated gradients share out the change of the score among pixels. Occlusion and ablation hide
    parts and see how far it falls, which takes longer. SmoothGrad is a sensitivity. All others look
    at the map of one stage. What misleads about the method stands with its answer. A painted
    ``mask`` (H, W), bool, is the region where ``region`` is "mask".
    """
    asked = start(model, image, short_side, any_network=True)
    subject = asked.subject(x, y, region, label, mask, against)
    settings = AttributionSettings(baseline, steps, steps, seed, window_px)
    work = explain(asked, subject, METHOD_NAMES.get(method, method), stage, score, settings)
    found = yield from work
    chosen = METHODS[found.method]
    return asked.answer(
        title=say(
            "{method}: why {name} at {region}?",
            method=chosen.title,
            name=_class_words(asked, subject),
            region=subject.words,
        ),
        sentence=_sentence(found),
        grade=found.grade,
        numbers=_numbers(found, asked),
        arrays={"map": found.map, "region": subject.region},
        tables={},
        draw=lambda: _draw(asked, found),
    )


def _sentence(found: Attribution) -> str:
    method = METHODS[found.method]
    return sentences(method.description, scored(found), summed(found), method.misleads, found.note)


def _class_words(asked: Asked, subject: Subject) -> str:
    name, rival = asked.names[subject.label], subject.against
    if rival is None:
        return name
    return say("{name} rather than {rival}", name=name, rival=asked.names[rival])


def _numbers(found: Attribution, asked: Asked) -> dict[str, object]:
    return {
        "class": asked.names[found.label],
        "against": None if found.against is None else asked.names[found.against],
        "region_pixels": int(found.region.sum()),
        "score": found.score,
        "score_unit": SCORE_UNITS[found.score],
        "score_value": found.score_value,
        "baseline_score_value": found.baseline_score,
        **map_numbers(found),
    }


def _draw(asked: Asked, found: Attribution) -> Figure:
    from analysis.figures.attribution import attribution_figure

    return attribution_figure(found, asked.picture, asked.trace.model.classes)
