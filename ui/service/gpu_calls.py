"""All that needs a model for long: the only calls that take a GPU where one is lent by the call.

Each is given a model that the caller has acquired, yields its progress and returns what it finds;
nothing is kept here.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis import trace
from analysis.core.progress import Progress, Work, relay
from analysis.layers import Layer, LayerAsk, layer_work
from analysis.questions import QUESTIONS
from analysis.questions.answer import Answer
from analysis.questions.common import TracedPicture
from analysis.report.page import Caption, report_html
from ui.service.films import ShortFilm
from ui.service.gpu_seconds import (
    answer_seconds,
    film_seconds,
    label_seconds,
    layer_seconds,
    report_seconds,
)
from ui.service.zerogpu import is_lent, on_gpu
from uniformer import Classification, classify, segment
from uniformer.pictures import Picture, PictureSource
from uniformer.runtime import find_device
from uniformer.segmentation import Segmentation
from uniformer.segmenter import Segmenter
from uniformer.video import label_film


@dataclass(frozen=True)
class _Drawn:
    """A figure that is drawn: unlike the function that draws it, it can go to another process."""

    figure: Any

    def __call__(self) -> Any:
        return self.figure


@on_gpu(label_seconds)
def label(
    model: Segmenter,
    picture: PictureSource,
    short_side: int | None = None,
    onto: PictureSource | None = None,
) -> Work[Segmentation]:
    """Return the labels of ``picture``, for the pixels of ``onto`` where that is another size.

    Raises ``ValueError`` where they cannot be had.
    """
    result = segment(picture, _placed(model), short_side=short_side, onto=onto)
    yield Progress(1, 1)
    return result


@on_gpu(label_seconds)
def name(
    model: Segmenter, picture: PictureSource, short_side: int | None = None, whole: bool = False
) -> Work[Classification]:
    """Return what a classifier says that ``picture``, or the square in its middle, shows."""
    result = classify(picture, _placed(model), whole=whole, short_side=short_side)
    yield Progress(1, 1)
    return result


@on_gpu(film_seconds)
def film(
    model: Segmenter, frames: ShortFilm, target: Path, short_side: int | None = None
) -> Work[None]:
    """Write the labelled film and its table as :func:`uniformer.video.label_film`, frame by frame.

    Each step has the frame under its labels as ``found``.
    """
    work = label_film(frames, target, _placed(model), short_side=short_side)
    with closing(work):
        for number, frame in enumerate(work, 1):
            yield Progress(number, frame.total, frame.shown)


@on_gpu(answer_seconds)
def answer(
    model: Segmenter, question: str, picture: PictureSource, values: dict[str, Any]
) -> Work[Answer]:
    """Return the answer to one of ``QUESTIONS``; close it to stop the work.

    When it ends, however it ends, the model is as it was.
    """
    work = QUESTIONS[question](_placed(model), picture, **values)
    if not is_lent():
        return (yield from work)
    # What draws an answer cannot leave this process: it is drawn here, and only the last one.
    found = yield from relay(work, _without_what_is_found)
    return replace(found, figure=_Drawn(found.figure()))


@on_gpu(layer_seconds)
def layer(
    model: Segmenter,
    picture: Picture,
    short_side: int,
    traced: TracedPicture | None,
    ask: LayerAsk,
) -> Work[Layer]:
    """Yield the progress of a layer and return the layer; close it to stop the work.

    ``traced`` is the picture with its trace, None where a GPU is lent: it is traced there.
    """
    if traced is None:
        model = _placed(model)
        traced = TracedPicture(picture, trace(model, picture, short_side=short_side))
    work = layer_work(model, traced, ask)
    if not is_lent():
        return (yield from work)
    found = yield from relay(work, _without_what_is_found)
    drawn = _Drawn(found.answer.figure())
    return replace(found, answer=replace(found.answer, figure=drawn))


@on_gpu(report_seconds)
def report(
    model: Segmenter, picture: PictureSource, caption: Caption, short_side: int | None = None
) -> Work[tuple[str, str]]:
    """Return the facts of the labels as JSON, and the report as one HTML page."""
    model = _placed(model)
    result = segment(picture, model, short_side=short_side)
    yield Progress(1, 3)
    traced = trace(model, picture, short_side=short_side)
    yield Progress(2, 3)
    page = report_html(result, traced, caption)
    return json.dumps(result.describe(), indent=2, ensure_ascii=False), page


def _without_what_is_found(step: Progress) -> Progress:
    return replace(step, found=None)


def _placed(model: Segmenter) -> Segmenter:
    """Return the model where it is to run: a lent GPU is there within the call only."""
    return model.to(find_device("auto")) if is_lent() else model
