"""A large photo is worked on at the size it is shown; what is taken away has all its pixels."""

from __future__ import annotations

import cv2

from analysis.core.words import say
from ui.messages import page as text
from uniformer.pictures import Picture

SHOWN_PIXELS = 2_000_000
"""More than screens show of a picture; networks see less of it."""


def made_smaller(picture: Picture) -> Picture:
    """Return ``picture`` with at most :data:`SHOWN_PIXELS`, each the mean of those it covers.

    A smaller picture is returned as it is, another one with a note of its size.
    """
    height, width = picture.pixels.shape[:2]
    factor = (SHOWN_PIXELS / (height * width)) ** 0.5
    if factor >= 1:
        return picture
    size = max(1, int(factor * width)), max(1, int(factor * height))
    pixels = cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA)
    note = say(
        text.SHOWN_SMALLER,
        shown=f"{size[0]} × {size[1]}",
        whole=f"{width} × {height}",
    )
    return Picture(pixels, (*picture.notes, note))
