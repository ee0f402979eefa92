"""How long a GPU that is lent by the call is asked for: what the work should take, and a margin.

The host compares this with what a visitor has left for the day, two minutes for one who is not
signed in, so that asking for much shuts visitors out. Times are assumed, not measured: ten million
million multiply-accumulates a second, and the largest model.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from analysis.interventions.run import DRAWS
from analysis.layers import LayerAsk
from analysis.questions.common import TracedPicture
from analysis.report.page import Caption
from uniformer.pictures import Picture, PictureSource
from uniformer.segmenter import Segmenter

SMALL_PARAMETERS = 10**7
"""A model of fewer stays on the CPU, where it answers in less time than a GPU takes to be lent."""

START_SECONDS = 8
"""For the process to begin and the weights to reach the GPU."""

PASS_SECONDS = 0.2
"""Of one forward pass over a million pixels."""

MOST_SECONDS = 60

PASSES = {"probe": 3, "affinity": 3, "similarity": 3, "compare": 6}
OTHER_PASSES, PROBE_PASSES = 30, 12
STEP_PASSES, CURVE_PASSES = 4, 10
"""Forward passes that a question takes as long as, and those of each of its probes and steps.

Steps of faithfulness are points of curves, which are drawn both ways, twice, and in several cuts.
"""

RADII, WINDOWS = 6, 5
"""Of a radius-curve and of a reach-cost: they double up to the side of a map of 64 tokens."""


def label_seconds(
    model: Segmenter,
    picture: PictureSource,
    short_side: int | None = None,
    onto: PictureSource | None = None,
) -> int:
    """Return the seconds for labels; 0 for a model that stays on the CPU, as for all below."""
    return _seconds(model, picture, short_side, 2)


def answer_seconds(
    model: Segmenter, question: str, picture: PictureSource, values: dict[str, Any]
) -> int:
    """Return the seconds for a question with its parameters."""
    methods = str(values.get("methods") or "").count(",") + 1
    passes = PASSES.get(question, OTHER_PASSES) * methods
    if question == "what-if":
        passes = _what_if_passes(model, values.get("kind"))
    per_step = CURVE_PASSES if question == "faithfulness" else STEP_PASSES
    passes += per_step * values.get("steps", 0) * methods
    passes += PROBE_PASSES * values.get("probes", 0)
    return _seconds(model, picture, values.get("short_side"), passes)


def layer_seconds(
    model: Segmenter,
    picture: Picture,
    short_side: int,
    traced: TracedPicture | None,
    ask: LayerAsk,
) -> int:
    """Return the seconds for a layer, by the question behind it."""
    values = {**ask.values, "short_side": short_side}
    return answer_seconds(model, ask.kind.question, picture, values)


def report_seconds(
    model: Segmenter, picture: PictureSource, caption: Caption, short_side: int | None = None
) -> int:
    """Return the seconds for a report."""
    return _seconds(model, picture, short_side, 6)


def _what_if_passes(model: Segmenter, kind: str | None) -> int:
    """Return the passes of one change and its random ones, or of a series of them."""
    if kind == "head-sweep":
        backbone = model.config.backbone
        stages = zip(backbone.depths[2:], backbone.heads[2:], strict=True)
        return 2 + sum(depth * heads for depth, heads in stages)
    if kind == "radius-curve":
        return 2 + (RADII + 2) * (1 + DRAWS)
    if kind == "reach-cost":  # global, padded, hybrid and masked windows, each token alone
        return 3 + 2 * WINDOWS + (WINDOWS + 1) * (1 + DRAWS)
    return 2 * (2 + DRAWS)


def _seconds(
    model: Segmenter, picture: PictureSource, short_side: int | None, passes: float
) -> int:
    if sum(parameter.numel() for parameter in model.parameters()) < SMALL_PARAMETERS:
        return 0
    short = short_side or model.config.short_side
    pixels = picture.pixels if isinstance(picture, Picture) else picture
    shape = pixels.shape[:2] if isinstance(pixels, np.ndarray) else (3, 4)
    area = short * short * max(shape) / min(shape)
    return min(MOST_SECONDS, START_SECONDS + ceil(passes * PASS_SECONDS * area / 10**6))
