"""What one visitor is looking at; every tab reads and writes this one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from uniformer.config import Reach

Region = Literal["pixel", "segment", "class"]
"""What a question about a pixel is about: the pixel, the segment around it, all of its class."""


@dataclass(frozen=True)
class Selection:
    """A result, the model and reach that made it, and the place in it that is being asked about.

    ``key`` finds picture, labels and trace in the store. ``pixel`` is (x, y) of the picture, None
    until one is chosen; a new picture forgets it. ``stage``, ``block`` and ``head`` (None: the
    mean) are those last looked at; blocks and heads are counted from 0, as in ``analysis``.
    ``short_side`` is that of the network's input in pixels, None for the model's own.
    """

    key: str
    model: str
    reach: Reach
    window_size: int
    pixel: tuple[int, int] | None = None
    region: Region = "segment"
    stage: int = 3
    block: int = 0
    head: int | None = None
    short_side: int | None = None
