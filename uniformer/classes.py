"""Class sets: names and colours of what a model can predict, kept in ``uniformer/data``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from uniformer.plural import how_many

IGNORE_INDEX = 255
"""Label of a pixel without annotation."""

_COLOR = re.compile("#[0-9a-f]{6}")


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
    return ClassSet(
        name=f"numbered{count}",
        title=f"{count} classes without names",
        names=tuple(f"class {index}" for index in range(count)),
        colors=_stepped_colors(count),
    )


def named_classes(names: Sequence[str]) -> ClassSet:
    """Return classes of these names, in the colours of :func:`numbered_classes`.

    Raises ``ValueError`` for an empty name and for a name that comes twice.
    """
    if not all(names) or len(set(names)) < len(names):
        raise ValueError("Every class needs a name of its own.")
    count = len(names)
    return ClassSet(f"named{count}", f"{count} classes", tuple(names), _stepped_colors(count))


def new_classes(count: int | None, names: Sequence[str] | None, most: int = 255) -> ClassSet:
    """Return ``count`` classes without names, or those called ``names``.

    Raises ``ValueError`` where the two differ, and for fewer than 2 or more than ``most``.
    """
    if names is not None and count not in (None, len(names)):
        raise ValueError(f"There are {how_many(len(names), 'name')} for {count} classes.")
    number = count if names is None else len(names)
    if number is None or not 2 <= number <= most:
        raise ValueError(f"A model can have 2 to {most} classes, not {number}.")
    return numbered_classes(number) if names is None else named_classes(names)


def _stepped_colors(count: int) -> tuple[str, ...]:
    import colorsys

    colors = (
        colorsys.hsv_to_rgb(index * 0.618034 % 1.0, 0.55 + 0.15 * (index % 3), 0.9)
        for index in range(count)
    )
    return tuple("#" + bytes(round(255 * c) for c in color).hex() for color in colors)


@cache
def class_set(name: str) -> ClassSet:
    """Return the class set ``ade20k``, ``imagenet1k``, ``everyday50`` or, coarser, ``everyday22``.

    Raises ``KeyError`` for another name.
    """
    file = resources.files("uniformer") / "data" / f"{name}.json"
    if not file.is_file():
        raise KeyError(name)
    data = json.loads(file.read_text(encoding="utf-8"))
    if "names" in data:  # nobody paints a map with these, so they have no colours of their own
        names = tuple(data["names"])
        return ClassSet(name, data["title"], names, _stepped_colors(len(names)))
    return _from_rows(name, data["title"], data["classes"])


def card_classes(file: Path) -> ClassSet:
    """Return the classes in the JSON card that the training program writes beside its weights.

    Raises ``ValueError`` when ``file`` is no such card.
    """
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["classes"]
        classes = checked_classes(file.stem, rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} cannot be used: it must hold a list 'classes' with name and color ({error})."
        ) from error
    return classes


def checked_classes(name: str, rows: list[dict[str, str]]) -> ClassSet:
    """Return the classes in ``rows`` of name and color; raises ``ValueError`` for other colors."""
    classes = _from_rows(name, name, rows)
    if not all(map(_COLOR.fullmatch, classes.colors)):
        raise ValueError("a color is not like #rrggbb")
    return classes


def _from_rows(name: str, title: str, rows: list[dict[str, str]]) -> ClassSet:
    return ClassSet(
        name=name,
        title=title,
        names=tuple(str(row["name"]) for row in rows),
        colors=tuple(row["color"] for row in rows),
    )
