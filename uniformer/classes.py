"""Class sets: names and colours of what a model can predict, kept in ``uniformer/data``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

IGNORE_INDEX = 255
"""Label of a pixel without annotation."""


@dataclass(frozen=True)
class ClassSet:
    """Names and sRGB colours (``#rrggbb``) by class index.

    Colours need not be unique (ADE20K paints classes 6 and 48 alike), so a picture
    in class colours cannot always be decoded; class ids can.
    """

    name: str
    title: str
    names: tuple[str, ...]
    colors: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def palette(self) -> np.ndarray:
        """The colours as uint8 (classes, 3)."""
        return np.array([list(bytes.fromhex(color[1:])) for color in self.colors], dtype=np.uint8)


def numbered_classes(count: int) -> ClassSet:
    """Return placeholders for a model whose classes have no names: "class 0", "class 1", ...

    Hues step by the golden ratio, so that neighbouring indices differ clearly.
    """
    import colorsys

    colors = (
        colorsys.hsv_to_rgb(index * 0.618034 % 1.0, 0.55 + 0.15 * (index % 3), 0.9)
        for index in range(count)
    )
    return ClassSet(
        name=f"numbered{count}",
        title=f"{count} classes without names",
        names=tuple(f"class {index}" for index in range(count)),
        colors=tuple("#" + bytes(round(255 * c) for c in color).hex() for color in colors),
    )


@cache
def class_set(name: str) -> ClassSet:
    """Return the class set ``ade20k`` (150) or ``everyday22`` (22); else ``KeyError``."""
    file = resources.files("uniformer") / "data" / f"{name}.json"
    if not file.is_file():
        raise KeyError(name)
    data = json.loads(file.read_text(encoding="utf-8"))
    rows = data["classes"]
    return ClassSet(
        name=name,
        title=data["title"],
        names=tuple(row["name"] for row in rows),
        colors=tuple(row["color"] for row in rows),
    )
