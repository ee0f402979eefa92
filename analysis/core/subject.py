"""What a question is about: a pixel, the region around it, and a class with perhaps a rival."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from analysis.core.checks import check_region
from analysis.core.errors import AnalysisError
from analysis.core.regions import class_region, pixel_region, segment_region
from analysis.core.words import say
from uniformer.classes import ClassSet

Extent = Literal["pixel", "segment", "class", "mask"]


@dataclass(frozen=True)
class Subject:
    """A frozen ``region`` (H, W), bool, and the class ``label`` asked about, perhaps against one.

    ``x``, ``y`` is the pixel it was chosen by. ``words`` names it for titles.
    """

    x: int
    y: int
    region: np.ndarray
    label: int
    against: int | None
    words: str


def find_subject(
    labels: np.ndarray,
    classes: ClassSet,
    x: int,
    y: int,
    *,
    extent: Extent = "segment",
    label: str | None = None,
    against: str | None = None,
    mask: np.ndarray | None = None,
) -> Subject:
    """Return the subject at column ``x``, row ``y`` of a picture with predicted ``labels`` (H, W).

    ``extent`` chooses the pixel alone, the connected segment around it, all pixels of its class, or
    ``mask`` (H, W), bool. ``label`` and ``against`` are names or numbers of classes; without a
    label the predicted class of the pixel is asked about, with a mask the most frequent in it.

    Raises :class:`AnalysisError` for a pixel outside the picture, an unknown extent or class, an
    empty mask and a class compared with itself.
    """
    region = _region(labels, classes, x, y, extent, mask)
    own = int(np.bincount(labels[region]).argmax())
    wanted = own if label is None else find_class(label, classes)
    rival = None if against is None else find_class(against, classes)
    if rival == wanted:
        raise AnalysisError("Compare a class with another one, not with itself.")
    words = {
        "pixel": say("pixel ({x}, {y})", x=x, y=y),
        "segment": say("the {name} around ({x}, {y})", name=classes.names[own], x=x, y=y),
        "class": say("all {name}", name=classes.names[own]),
        "mask": "the painted region",
    }[extent]
    if region.all():
        words = "the whole picture"
    return Subject(x, y, region, wanted, rival, words)


def _region(
    labels: np.ndarray, classes: ClassSet, x: int, y: int, extent: str, mask: np.ndarray | None
) -> np.ndarray:
    if extent not in get_args(Extent):
        raise AnalysisError(f"The region must be one of {', '.join(get_args(Extent))}.")
    pixel = pixel_region(labels.shape, x, y)
    if extent == "pixel":
        return pixel
    if extent == "segment":
        return segment_region(labels, x, y)
    if extent == "class":
        return class_region(labels, int(labels[y, x]), classes)
    if mask is None:
        raise AnalysisError("Paint the region first, or choose pixel, segment or class.")
    return check_region(mask, labels.shape)


def find_class(name: str | int, classes: ClassSet) -> int:
    """Return the index of a class given by name, in any case, or by number.

    Raises :class:`AnalysisError` if there is no such class.
    """
    text = str(name).strip()
    lowered = [known.casefold() for known in classes.names]
    if text.casefold() in lowered:
        return lowered.index(text.casefold())
    if text.isdecimal() and int(text) < len(classes):
        return int(text)
    raise AnalysisError(
        f"There is no class {text!r}: choose one of {', '.join(classes.names[:30])}"
        f"{' ...' if len(classes) > 30 else ''}."
    )
