"""How long a GPU that is lent by the call is asked for: what the work should take, and a margin.

The host compares this with what a visitor has left for the day, two minutes for one who is not
signed in, so that asking for much shuts visitors out. Times are assumed, not measured: ten million
million multiply-accumulates a second, and the largest model.
"""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from analysis.layers import LayerAsk
from analysis.questions.common import TracedPicture
from analysis.report.page import Caption
from ui.service.cost import asked_by, passes
from ui.service.films import ShortFilm
from uniformer.pictures import Picture, PictureSource
from uniformer.preprocess import network_size
from uniformer.segmenter import Segmenter

SMALL_PARAMETERS = 10**7
"""A model of fewer stays on the CPU, where it answers in less time than a GPU takes to be lent."""

START_SECONDS = 8
"""For the process to begin and the weights to reach the GPU."""

PASS_SECONDS = 0.2
"""Of one forward pass over a million pixels."""

MOST_SECONDS = 60

MARGIN = 2
"""Times by which passes exceed the estimate: what is no pass takes as long as on a processor."""


def label_seconds(
    model: Segmenter,
    picture: PictureSource,
    short_side: int | None = None,
    onto: PictureSource | None = None,
) -> int:
    """Return the seconds for labels; 0 for a model that stays on the CPU, as for all below."""
    return _seconds(model, picture, short_side, 2)


def film_seconds(
    model: Segmenter, frames: ShortFilm, target: Path, short_side: int | None = None
) -> int:
    """Return the seconds for a labelled film."""
    width, height = frames.size
    first: np.ndarray = np.empty((height, width, 3), np.uint8)
    return _seconds(model, first, short_side, 2 * len(frames.times()))


def answer_seconds(
    model: Segmenter, question: str, picture: PictureSource, values: dict[str, Any]
) -> int:
    """Return the seconds for a question with its parameters."""
    short = values.get("short_side") or model.config.short_side
    height, width = _shape(picture)
    size = network_size(height, width, short, model.config.size_divisor)
    return _seconds(model, picture, short, MARGIN * passes(model.config, question, values, size))


def layer_seconds(
    model: Segmenter,
    picture: Picture,
    short_side: int,
    traced: TracedPicture | None,
    ask: LayerAsk,
) -> int:
    """Return the seconds for a layer, by the question behind it."""
    question, values = asked_by(ask, short_side)
    return answer_seconds(model, question, picture, values)


def report_seconds(
    model: Segmenter, picture: PictureSource, caption: Caption, short_side: int | None = None
) -> int:
    """Return the seconds for a report."""
    return _seconds(model, picture, short_side, 6)


def _seconds(
    model: Segmenter, picture: PictureSource, short_side: int | None, passes: float
) -> int:
    if sum(parameter.numel() for parameter in model.parameters()) < SMALL_PARAMETERS:
        return 0
    short = short_side or model.config.short_side
    shape = _shape(picture)
    area = short * short * max(shape) / min(shape)
    return min(MOST_SECONDS, START_SECONDS + ceil(passes * PASS_SECONDS * area / 10**6))


def _shape(picture: PictureSource) -> tuple[int, int]:
    """Return height and width, or usual ones of what is not opened yet."""
    pixels = picture.pixels if isinstance(picture, Picture) else picture
    return pixels.shape[:2] if isinstance(pixels, np.ndarray) else (480, 640)
