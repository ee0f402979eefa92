"""What a request of the workbench says, checked: one sentence tells what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ui.messages import web as text
from ui.service.model_cache import RANDOM
from ui.service.selection import Selection
from uniformer.config import MAX_WINDOW_SIZE, REACHES
from uniformer.predict import SHORT_SIDES

MOST_SHORT_SIDE = 1024
"""Largest short side of the network's input that a visitor may ask for, in pixels."""

LONGEST_NAME = 200


def whole(name: str, low: int, high: int) -> Callable[[Any], int]:
    """Return what checks a whole number from ``low`` to ``high``."""

    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            words = f"a whole number from {low} to {high}"
            raise ValueError(text.wrong(name=name, words=words))
        return value

    return check


def named(name: str, value: Any) -> str:
    """Return ``value`` if it is a short text."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        words = f"text of at most {LONGEST_NAME} characters"
        raise ValueError(text.wrong(name=name, words=words))
    return value


def read_setting(given: Any, now: Selection) -> Selection:
    """Return the selection that a ``Setting`` of ``assets/web/source.js`` means.

    Model, reach and window that it leaves out stay as in ``now``; weights and size are the model's
    own without ``untrained`` and ``shortSide``. Raises ``ValueError`` for anything else.
    """
    if not isinstance(given, dict):
        raise ValueError(text.NOT_UNDERSTOOD)
    model = named("model", given.get("model", now.model)).removeprefix(RANDOM)
    reach = given.get("reach", now.reach)
    if reach not in REACHES:
        raise ValueError(text.wrong(name="The reach", words=f"one of {', '.join(REACHES)}"))
    window = whole("The window size", 1, MAX_WINDOW_SIZE)(given.get("windowSize", now.window_size))
    short = given.get("shortSide")
    return replace(
        now,
        model=RANDOM + model if given.get("untrained") is True else model,
        reach=reach,
        window_size=window,
        short_side=None if short is None else _short_side(short),
    )


def setting_of(selection: Selection) -> dict[str, Any]:
    """Return a selection as a ``Setting`` of ``assets/web/source.js``."""
    setting = {
        "model": selection.model.removeprefix(RANDOM),
        "reach": selection.reach,
        "windowSize": selection.window_size,
        "untrained": selection.model.startswith(RANDOM),
    }
    short = selection.short_side
    return setting if short is None else {**setting, "shortSide": short}


_short_side = whole("The size the network sees", SHORT_SIDES[0], MOST_SHORT_SIDE)
