"""What a layer consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from analysis.questions.answer import Answer

LayerForm = Literal["map", "boxes", "labels", "plot"]


@dataclass(frozen=True)
class Scale:
    """How values become colours: from ``low`` to ``high``, in ``unit``; ``words`` say what is much.

    A diverging scale is even about 0. ``low`` and ``high`` are those of this map; two maps of one
    unit may share the wider of both.
    """

    kind: Literal["sequential", "diverging", "ratio", "categorical"]
    low: float
    high: float
    unit: str
    words: str


@dataclass(frozen=True)
class Number:
    """One number of an answer, by its ``key`` there.

    ``error`` is its standard error in the same unit, None where it is exact or not an estimate;
    ``first`` are those that belong beside the sentence.
    """

    key: str
    name: str
    value: float | int | str | bool | None
    error: float | None
    unit: str
    help: str
    first: bool


@dataclass(frozen=True)
class LabelledBox:
    """A rectangle in pixels of the picture, and what it says."""

    left: float
    top: float
    right: float
    bottom: float
    name: str
    says: str = ""


@dataclass(frozen=True)
class Series:
    """One line of a plot, perhaps with the range of what it is compared with."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True)
class Plot:
    """Lines over one axis."""

    title: str
    x_title: str
    y_title: str
    series: Sequence[Series]


@dataclass(frozen=True)
class Placed:
    """Where an answer's content goes.

    ``map`` (rows, columns) is float for maps and an index of a class for labels; a value covers
    ``token_size_px`` (height, width) of the picture. NaN is not drawn.
    """

    form: LayerForm
    map: np.ndarray | None = None
    token_size_px: tuple[float, float] = (1.0, 1.0)
    scale: Scale | None = None
    boxes: Sequence[LabelledBox] = ()
    plots: Sequence[Plot] = ()


@dataclass(frozen=True)
class Layer:
    """An answer with its place over the picture.

    ``sentence`` is the answer's without what its kind says of every such answer; ``misleads`` is
    how it can mislead.
    """

    id: str
    answer: Answer
    placed: Placed
    sentence: str
    misleads: str
    numbers: Sequence[Number] = field(default_factory=tuple)
