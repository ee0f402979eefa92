"""What if not? One thing is taken away, and the prediction compared with the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from analysis.answer import Answer, provenance
from analysis.errors import AnalysisError
from analysis.interventions import (
    DropBlock,
    HeadGate,
    HideRegion,
    Intervention,
    LocalKernel,
    Neighbourhood,
    PositionEncoding,
    SetWindow,
    WithoutKeys,
    region_tokens,
)
from analysis.progress import Progress
from analysis.questions.common import Label, Region, Seed, ShortSide
from analysis.questions.what_if_answers import (
    effect_steps,
    head_sweep_steps,
    radius_curve_steps,
    reach_cost_steps,
)
from analysis.regions import pixel_region, predicted_labels, segment_region
from analysis.subject import Subject, find_subject
from analysis.targets import RegionScore
from analysis.tracing import Trace, trace
from uniformer.pictures import PictureSource, open_picture
from uniformer.segmenter import Segmenter

Kind = Literal[
    "hide-region", "hide-segment", "hide-tokens", "silence-head", "mean-head", "window",
    "neighbourhood", "drop-position", "freeze-position", "centre-tap", "drop-block", "head-sweep",
    "radius-curve", "reach-cost",
]  # fmt: skip

DEFAULT_RADIUS = 2
"""Tokens: a neighbourhood of 5 x 5, as large as the kernels of the local stages."""

HIDDEN_SHARE = 4
"""A hidden square is by default this part of the picture's short side."""


@dataclass(frozen=True)
class _Asked:
    """The parameters that say what is taken away, with the picture's labels and trace."""

    trace: Trace
    labels: np.ndarray
    at: tuple[int, int] | None
    mask: np.ndarray | None
    stage: int
    block: int | None
    head: int | None
    size: int | None
    padded: bool
    fill: str


def what_if(
    model: Segmenter,
    image: PictureSource,
    mask: np.ndarray | None = None,
    *,
    kind: Annotated[Kind, "what is taken away, or which series of such runs is made"],
    x: Annotated[int | None, "column of the pixel whose region is watched, from 0"] = None,
    y: Annotated[int | None, "row of that pixel, from 0"] = None,
    region: Region = "segment",
    label: Label = None,
    stage: Annotated[
        int | None, "stage that changes; by default 1 for centre-tap, else 3; curves: 3 and 4"
    ] = None,
    block: Annotated[int | None, "block of the stage, from 0; by default all of them"] = None,
    head: Annotated[int | None, "head that is silenced, from 0; by default all of them"] = None,
    size: Annotated[
        int | None,
        "side of windows or radius of neighbourhoods in tokens; side of the hidden square in "
        "pixels of the picture",
    ] = None,
    padded: Annotated[bool, "windows with zero padding, as published, instead of masked ones"] = (
        False
    ),
    hide_x: Annotated[int | None, "column of what is hidden; by default that of the pixel"] = None,
    hide_y: Annotated[int | None, "row of what is hidden; by default that of the pixel"] = None,
    fill: Annotated[
        Literal["blur", "mean", "inpaint"], "what is shown where the picture is hidden"
    ] = "blur",
    seed: Seed = 0,
    short_side: ShortSide = None,
) -> Iterator[Progress | Answer]:
    """What if not: take one thing away, and see what changes beside a random control.

    With a pixel, the margin of its region is watched too. ``mask`` (H, W), bool, is a painted area:
    the one that is hidden, or with ``region`` "mask" the one that is watched. Raises
    :class:`analysis.errors.AnalysisError` for settings that do not fit together or the model.
    """
    picture = open_picture(image)
    traced = trace(model, picture, short_side=short_side)
    labels = predicted_labels(traced)
    subject = _subject(traced, labels, x, y, region, label, mask)
    target = None if subject is None else RegionScore(model, subject.region, subject.label)
    at = _hidden_at(hide_x, hide_y, subject)
    painted = None if region == "mask" else mask
    asked = _Asked(
        traced, labels, at, painted, _stage(stage, kind), block, head, size, padded, fill
    )
    settings = provenance(
        model, picture, kind=kind, x=x, y=y, region=region, label=label, stage=stage, block=block,
        head=head, size=size, padded=padded, hide_x=hide_x, hide_y=hide_y, fill=fill, seed=seed,
        short_side=traced.short_side,
    )  # fmt: skip
    if kind == "head-sweep":
        if target is None:
            raise AnalysisError("Choose a pixel: the heads are judged by what they do for it.")
        yield from head_sweep_steps(traced, target, subject, settings)
    elif kind == "radius-curve":
        stages = (3, 4) if stage is None else (stage,)
        yield from radius_curve_steps(traced, stages, target, settings, seed)
    elif kind == "reach-cost":
        sizes = _window_sizes(traced) if size is None else [size]
        yield from reach_cost_steps(traced, sizes, target, settings)
    else:
        yield Progress(1, 2)
        taken = _intervention(kind, asked)
        yield from effect_steps(traced, taken, target, subject, picture, settings, seed)


def _subject(
    traced: Trace,
    labels: np.ndarray,
    x: int | None,
    y: int | None,
    region: str,
    label: str | None,
    mask: np.ndarray | None,
) -> Subject | None:
    if x is None and y is None:
        return None
    if x is None or y is None:
        raise AnalysisError("A pixel needs both x and y.")
    return find_subject(labels, traced.model.classes, x, y, extent=region, label=label, mask=mask)


def _hidden_at(x: int | None, y: int | None, subject: Subject | None) -> tuple[int, int] | None:
    if (x is None) != (y is None):
        raise AnalysisError("The place to hide needs both hide_x and hide_y.")
    if x is not None:
        return x, y
    return None if subject is None else (subject.x, subject.y)


def _stage(stage: int | None, kind: str) -> int:
    if stage is not None:
        return stage
    return 1 if kind == "centre-tap" else 3


def _intervention(kind: str, asked: _Asked) -> Intervention:
    place = (asked.stage, asked.block)
    makers = {
        "hide-region": lambda: HideRegion(_hidden_area(asked), asked.fill),
        "hide-segment": lambda: HideRegion(_hidden_segment(asked), asked.fill),
        "hide-tokens": lambda: WithoutKeys(
            *place, region_tokens(asked.trace, asked.stage, _hidden_segment(asked))
        ),
        "silence-head": lambda: HeadGate(*place, asked.head),
        "mean-head": lambda: HeadGate(*place, asked.head, fill="mean"),
        "window": lambda: SetWindow(
            *place, _given(asked.size, asked.trace.model.window_size), asked.padded
        ),
        "neighbourhood": lambda: Neighbourhood(*place, _given(asked.size, DEFAULT_RADIUS)),
        "drop-position": lambda: PositionEncoding(*place, "off"),
        "freeze-position": lambda: PositionEncoding(*place, "mean"),
        "centre-tap": lambda: LocalKernel(*place, "centre"),
        "drop-block": lambda: DropBlock(*place),
    }
    if kind not in makers:
        raise AnalysisError(f"There is no kind {kind!r}: choose one of {', '.join(makers)}.")
    return makers[kind]()


def _given(size: int | None, default: int) -> int:
    return default if size is None else size


def _hidden_segment(asked: _Asked) -> np.ndarray:
    """Return the painted area, else the predicted segment at the place to hide."""
    if asked.mask is not None:
        return asked.mask
    return segment_region(asked.labels, *_place(asked))


def _hidden_area(asked: _Asked) -> np.ndarray:
    """Return the painted area, else a square around the place to hide, cut at the borders."""
    if asked.mask is not None:
        return asked.mask
    x, y = _place(asked)
    area = pixel_region(asked.labels.shape, x, y)
    side = _given(asked.size, max(1, min(area.shape) // HIDDEN_SHARE))
    if side < 1:
        raise AnalysisError(f"The square to hide must be at least 1 pixel wide, not {side}.")
    top, left = y - side // 2, x - side // 2
    area[max(0, top) : top + side, max(0, left) : left + side] = True
    return area


def _place(asked: _Asked) -> tuple[int, int]:
    if asked.at is None:
        raise AnalysisError("Choose the pixel to hide, or paint an area.")
    return asked.at


def _window_sizes(traced: Trace) -> list[int]:
    """Return sides of windows that double from two tokens on, all smaller than the map."""
    largest = max(traced.grid(3).shape)
    return [2**power for power in range(1, largest.bit_length()) if 2**power < largest]
