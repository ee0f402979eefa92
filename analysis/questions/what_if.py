"""What if not? One thing is taken away, and the prediction compared with the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import numpy as np

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.regions import pixel_region, segment_region
from analysis.core.subject import Extent, Subject
from analysis.core.targets import RegionScore
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
from analysis.questions.common import (
    Asked,
    Label,
    RegionAsked,
    Seed,
    ShortSide,
    Steps,
    question,
    start,
)
from analysis.questions.what_if_answers import (
    effect_steps,
    head_sweep_steps,
    radius_curve_steps,
    reach_cost_steps,
)
from uniformer.pictures import PictureSource
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


WatchedX = Annotated[int | None, "column of the pixel whose region is watched, from 0"]
WatchedY = Annotated[int | None, "row of that pixel, from 0"]
ChangedStage = Annotated[
    int | None, "stage that changes; by default 1 for centre-tap, else 3; curves: 3 and 4"
]
ChangedBlock = Annotated[int | None, "block of the stage, from 0; by default all of them"]
SilencedHead = Annotated[int | None, "head that is silenced, from 0; by default all of them"]
SizeAsked = Annotated[
    int | None,
    "side of windows or radius of neighbourhoods in tokens; side of the hidden square in "
    "pixels of the picture",
]
Padded = Annotated[bool, "windows with zero padding, as published, instead of masked ones"]
HiddenX = Annotated[int | None, "column of what is hidden; by default that of the pixel"]
HiddenY = Annotated[int | None, "row of what is hidden; by default that of the pixel"]
Fill = Annotated[Literal["blur", "mean", "inpaint"], "what is shown where the picture is hidden"]


OF_THE_PICTURE = ("hide-region", "hide-segment")
"""Kinds that change the picture, not the model: any network can be asked."""


@dataclass(frozen=True)
class Taken:
    """The parameters that say what is taken away; ``at`` is where to hide, ``mask`` what."""

    kind: Kind
    at: tuple[int, int] | None
    mask: np.ndarray | None
    stage: int | None
    block: int | None
    head: int | None
    size: int | None
    padded: bool
    fill: Literal["blur", "mean", "inpaint"]


@question
def what_if(
    model: Segmenter,
    image: PictureSource,
    mask: np.ndarray | None = None,
    *,
    kind: Annotated[Kind, "what is taken away, or which series of such runs is made"],
    x: WatchedX = None,
    y: WatchedY = None,
    region: RegionAsked = "segment",
    label: Label = None,
    stage: ChangedStage = None,
    block: ChangedBlock = None,
    head: SilencedHead = None,
    size: SizeAsked = None,
    padded: Padded = False,
    hide_x: HiddenX = None,
    hide_y: HiddenY = None,
    fill: Fill = "blur",
    seed: Seed = 0,
    short_side: ShortSide = None,
) -> Steps:
    """What if not: take one thing away, and see what changes beside random changes as large.

    With a pixel, the margin of its region is watched too. A painted ``mask`` (H, W), bool, is the
    area that is hidden, or with ``region`` "mask" the one that is watched. A head-sweep silences
    every head in turn, a radius-curve lets attention reach ever further, reach-cost tries windows.
    """
    asked = start(model, image, short_side, any_network=kind in OF_THE_PICTURE)
    subject = _subject(asked, x, y, region, label, mask)
    at = _hidden_at(hide_x, hide_y, subject)
    painted = None if region == "mask" else mask
    taken = Taken(kind, at, painted, stage, block, head, size, padded, fill)
    return (yield from _answered(asked, taken, subject, seed))


def _answered(asked: Asked, taken: Taken, subject: Subject | None, seed: int) -> Steps:
    target = None
    if subject is not None:
        target = RegionScore(asked.trace.model, subject.region, subject.label)
    if taken.kind == "head-sweep":
        if target is None or subject is None:
            raise AnalysisError("Choose a pixel: the heads are judged by what they do for it.")
        return (yield from head_sweep_steps(asked, target, subject))
    if taken.kind == "radius-curve":
        stages = (3, 4) if taken.stage is None else (taken.stage,)
        return (yield from radius_curve_steps(asked, stages, target, seed))
    if taken.kind == "reach-cost":
        sizes = _window_sizes(asked.trace) if taken.size is None else [taken.size]
        return (yield from reach_cost_steps(asked, sizes, target, seed))
    return (yield from effect_steps(asked, _intervention(asked, taken), target, subject, seed))


def _subject(
    asked: Asked,
    x: int | None,
    y: int | None,
    region: Extent,
    label: str | None,
    mask: np.ndarray | None,
) -> Subject | None:
    if x is None and y is None:
        return None
    if x is None or y is None:
        raise AnalysisError("A pixel needs both x and y.")
    return asked.subject(x, y, region, label, mask)


def _hidden_at(x: int | None, y: int | None, subject: Subject | None) -> tuple[int, int] | None:
    if x is not None and y is not None:
        return x, y
    if x is not None or y is not None:
        raise AnalysisError("The place to hide needs both hide_x and hide_y.")
    return None if subject is None else (subject.x, subject.y)


def _intervention(asked: Asked, taken: Taken) -> Intervention:
    stage = (1 if taken.kind == "centre-tap" else 3) if taken.stage is None else taken.stage
    place, trace = (stage, taken.block), asked.trace
    makers: dict[str, Callable[[], Intervention]] = {
        "hide-region": lambda: HideRegion(_hidden_area(asked, taken), taken.fill),
        "hide-segment": lambda: HideRegion(_hidden_segment(asked, taken), taken.fill),
        "hide-tokens": lambda: WithoutKeys(
            *place, region_tokens(trace, stage, _hidden_segment(asked, taken))
        ),
        "silence-head": lambda: HeadGate(*place, taken.head),
        "mean-head": lambda: HeadGate(*place, taken.head, fill="mean"),
        "window": lambda: SetWindow(
            *place, _given(taken.size, trace.model.window_size), taken.padded
        ),
        "neighbourhood": lambda: Neighbourhood(*place, _given(taken.size, DEFAULT_RADIUS)),
        "drop-position": lambda: PositionEncoding(*place, "off"),
        "freeze-position": lambda: PositionEncoding(*place, "mean"),
        "centre-tap": lambda: LocalKernel(*place, "centre"),
        "drop-block": lambda: DropBlock(*place),
    }
    if taken.kind not in makers:
        raise AnalysisError(
            f"There is no kind {taken.kind!r}: choose one of {', '.join(get_args(Kind))}."
        )
    return makers[taken.kind]()


def _given(size: int | None, default: int) -> int:
    return default if size is None else size


def _hidden_segment(asked: Asked, taken: Taken) -> np.ndarray:
    """Return the painted area, else the predicted segment at the place to hide."""
    return segment_region(asked.labels, *_place(taken)) if taken.mask is None else taken.mask


def _hidden_area(asked: Asked, taken: Taken) -> np.ndarray:
    """Return the painted area, else a square around the place to hide, cut at the borders."""
    if taken.mask is not None:
        return taken.mask
    x, y = _place(taken)
    area = pixel_region(asked.labels.shape, x, y)
    side = _given(taken.size, max(1, min(area.shape) // HIDDEN_SHARE))
    if side < 1:
        raise AnalysisError(f"The square to hide must be at least 1 pixel wide, not {side}.")
    top, left = y - side // 2, x - side // 2
    area[max(0, top) : top + side, max(0, left) : left + side] = True
    return area


def _place(taken: Taken) -> tuple[int, int]:
    if taken.at is None:
        raise AnalysisError("Choose the pixel to hide, or paint an area.")
    return taken.at


def _window_sizes(traced: Trace) -> list[int]:
    """Return sides of windows that double from two tokens on, all smaller than the map."""
    largest = max(traced.grid(3).shape)
    return [2**power for power in range(1, largest.bit_length()) if 2**power < largest]
