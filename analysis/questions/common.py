"""What questions share: parameters described once, the trace they start from, the answer's form."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from torch import Tensor

from analysis.affinity.untrained import untrained_note
from analysis.core.activation_cache import Trace, trace
from analysis.core.checks import change_reach, check_blocks
from analysis.core.evidence import Grade
from analysis.core.forward import windows_of
from analysis.core.progress import Progress, Work, relay
from analysis.core.shared_weight_copy import shared_weight_copy
from analysis.core.subject import Extent, Subject, find_subject
from analysis.core.words import sentences
from analysis.questions.answer import Answer, Row, digest, provenance
from uniformer.config import Reach
from uniformer.pictures import Picture, PictureSource, read_picture
from uniformer.preprocess import preprocess
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Steps = Work[Answer]
"""What a question is: it yields its progress and returns the answer."""

X = Annotated[int, "column of the pixel, from 0 at the left"]
Y = Annotated[int, "row of the pixel, from 0 at the top"]
Stage = Annotated[int, "stage, 1 to 4"]
Block = Annotated[int | None, "block of the stage, from 0; by default the last"]
Head = Annotated[
    int | None,
    "head of the block, from 0; by default all of them, measured one by one and averaged",
]
RegionAsked = Annotated[Extent, "region asked about: the pixel, its segment or all of its class"]
Label = Annotated[str | None, "class asked about, by name or number; by default the predicted one"]
Against = Annotated[str | None, "class to compare with: why the one rather than the other"]
ShortSide = Annotated[
    int | None,
    "short side of the network's input in pixels, 64 to 2048; by default the model's own",
]
Seed = Annotated[int, "seed of what is drawn at random"]
ReachAsked = Annotated[Reach | None, "reach of stage 3; by default the model's own"]


@dataclass(frozen=True)
class TracedPicture:
    """A picture and the trace it left: a question about it need not run the model again."""

    picture: Picture
    trace: Trace

    def fits(self, model: Segmenter, short_side: int | None) -> bool:
        """Whether tracing ``model`` anew would leave the same trace."""
        mine = self.trace.model
        own, given = (next(each.parameters(), None) for each in (mine, model))
        same = own is given
        if own is not None and given is not None:
            same = own.data_ptr() == given.data_ptr()
        windows = windows_of(model)
        short_side = model.config.short_side if short_side is None else short_side
        return same and windows == self.trace.windows and short_side == self.trace.short_side


@dataclass(frozen=True)
class Asked:
    """A ``picture``, uint8 (H, W, 3), its ``trace``, and what stands beside any finding about it.

    ``notes`` are what had to be assumed to read the picture. ``note`` is one sentence if the
    weights are untrained, else None. What was asked, and of which model, is known to
    :func:`question`.
    """

    picture: np.ndarray
    notes: tuple[str, ...]
    trace: Trace
    note: str | None

    @property
    def labels(self) -> np.ndarray:
        """The predicted class of every pixel, uint8 (H, W)."""
        return self.trace.labels

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the model's classes."""
        return self.trace.model.classes.names

    def subject(
        self,
        x: int,
        y: int,
        region: Extent,
        label: str | None,
        mask: np.ndarray | None = None,
        against: str | None = None,
    ) -> Subject:
        """Return region and class asked about; arguments are those of :func:`find_subject`."""
        return find_subject(
            self.labels, self.trace.model.classes, x, y,
            extent=region, label=label, against=against, mask=mask,
        )  # fmt: skip

    def inputs(self, multiple: int | None = None) -> Tensor:
        """Return what the network sees of the picture, (1, 3, h, w).

        Sides are rounded up to those of ``multiple`` pixels; None: as the model wants them.
        """
        model = self.trace.model
        multiple = model.config.size_divisor if multiple is None else multiple
        pixels = preprocess(self.picture, self.trace.short_side, multiple)
        return pixels.to(model.device, model.dtype)

    def answer(
        self,
        *,
        title: str,
        sentence: str,
        grade: Grade,
        numbers: dict[str, Any],
        arrays: dict[str, np.ndarray],
        tables: dict[str, list[Row]],
        draw: Callable[[], Figure],
    ) -> Answer:
        """Return the answer; the note, if there is one, is in sentence, numbers and figure.

        ``draw`` makes the figure. Tables without rows are left out. What was asked is added by
        :func:`question`.
        """
        return Answer(
            question="",
            title=title,
            sentence=sentences(sentence, self.note),
            grade=grade,
            numbers={**numbers, **({"warning": self.note} if self.note else {})},
            arrays=arrays,
            tables={name: rows for name, rows in tables.items() if rows},
            settings=provenance(self.trace.model, Picture(self.picture, self.notes)),
            figure=lambda: _noted(draw(), self.note),
        )


def question(ask: Callable[..., Steps]) -> Callable[..., Steps]:
    """Make a function a question: its answers bear its name and all parameters it was asked with.

    The name has hyphens where the function's has underscores.
    """
    signature = inspect.signature(ask)
    keywords = [name for name, one in signature.parameters.items() if one.kind is one.KEYWORD_ONLY]

    @functools.wraps(ask)
    def asked(*given: Any, **named: Any) -> Steps:
        bound = signature.bind(*given, **named)
        bound.apply_defaults()
        mask = bound.arguments.get("mask")
        settings = {
            "parameters": {name: bound.arguments[name] for name in keywords},
            "mask_sha256": None if mask is None else digest(mask),
        }
        return _named(ask(*given, **named), ask.__name__.replace("_", "-"), settings)

    return asked


def start(
    model: Segmenter,
    image: PictureSource | TracedPicture,
    short_side: int | None = None,
    *,
    any_network: bool = False,
) -> Asked:
    """Return ``image`` and what it leaves in ``model``: what all questions start from.

    A :class:`TracedPicture` spares the pass where its trace is of the same model and settings.
    Unless the question can be asked of ``any_network``, one that is no UniFormer is refused with
    :class:`AnalysisError`. Raises what :func:`analysis.core.activation_cache.trace` raises.
    """
    if not any_network:
        check_blocks(model)
    if isinstance(image, TracedPicture):
        picture, traced = image.picture, image.trace
        if not image.fits(model, short_side):
            traced = trace(model, picture, short_side=short_side)
    else:
        picture = read_picture(image)
        traced = trace(model, picture, short_side=short_side)
    return Asked(picture.pixels, picture.notes, traced, untrained_note(traced))


def in_reach(model: Segmenter, reach: Reach | None) -> Segmenter:
    """Return ``model``, or a copy in ``reach`` that shares its weights; ``model`` stays as is.

    Raises :class:`AnalysisError` for a reach that the model cannot have.
    """
    if reach is None or reach == model.reach:
        return model
    model_copy = shared_weight_copy(model)
    change_reach(model_copy, reach)
    return model_copy


def _named(steps: Steps, name: str, settings: dict[str, Any]) -> Steps:
    def named(answer: Answer) -> Answer:
        return replace(answer, question=name, settings=answer.settings | settings)

    def told(step: Progress) -> Progress:
        return replace(step, found=named(step.found)) if isinstance(step.found, Answer) else step

    return named((yield from relay(steps, told)))


def _noted(figure: Figure, note: str | None) -> Figure:
    """Return the figure with the note at the end of its caption."""
    if note:
        figure.supxlabel(f"{figure.get_supxlabel()} {note}")
    return figure
