"""What one visitor is looking at; every tab reads and writes this one thing."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from ui.messages import web as text
from uniformer.config import MAX_WINDOW_SIZE, REACHES, Reach
from uniformer.predict import SHORT_SIDES

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


LONGEST_NAME = 200
LARGEST = 2**20
"""More than any side of a picture, stage, block or head."""


def from_browser(content: Any) -> Selection:
    """Return the selection that a page says it shows, as ``dataclasses.asdict`` had made it.

    Raises ``ValueError`` for anything that no page of this server says.
    """
    names = {entry.name for entry in fields(Selection)}
    if not isinstance(content, dict) or set(content) != names:
        raise ValueError(text.NOT_UNDERSTOOD)
    pixel = content["pixel"]
    pixel = tuple(pixel) if isinstance(pixel, list) else pixel
    said = Selection(**{**content, "pixel": pixel})
    if not (
        all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in (said.key, said.model))
        and said.reach in REACHES
        and _whole(said.window_size, 1, MAX_WINDOW_SIZE)
        and (pixel is None or (isinstance(pixel, tuple) and len(pixel) == 2))
        and all(_whole(value, 0, LARGEST) for value in pixel or ())
        and said.region in get_args(Region)
        and _whole(said.stage, 1, 4)
        and _whole(said.block, 0, LARGEST)
        and (said.head is None or _whole(said.head, 0, LARGEST))
        and (said.short_side is None or _whole(said.short_side, *SHORT_SIDES))
    ):
        raise ValueError(text.NOT_UNDERSTOOD)
    return said


def _whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high
