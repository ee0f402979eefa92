"""What a caller may ask for, and what stops work on the caller's behalf."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from analysis.core.progress import Progress, Work, relay
from analysis.core.words import say
from analysis.questions.parameters import Parameter
from ui.host.places import is_wanted
from ui.messages import page as text

R = TypeVar("R")

QUESTION_PIXELS = 4 * 10**6
QUESTION_SHORT_SIDE = 1024
QUESTION_SECONDS = 300
QUESTION_COUNTS = {"steps": 128, "probes": 32}
"""Most that one question may ask for: pixels of the picture, pixels of the network's short side,
time to work, and repetitions of what may not be stopped in between."""

SURE_SECONDS, SURE_FACTOR = 10, 1.5
"""Time after which the steps done tell how long all will take, and how far off that may be."""

LARGEST = 2**31 - 1
LONGEST = 200

_KINDS: dict[type, tuple[str, Callable[[Any], bool]]] = {
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: (
        f"a whole number between -{LARGEST} and {LARGEST}",
        lambda value: type(value) is int and abs(value) <= LARGEST,
    ),
    float: (
        f"a number between -{LARGEST} and {LARGEST}",
        lambda value: type(value) in (int, float) and abs(value) <= LARGEST,  # no NaN either
    ),
    str: (
        f"text of at most {LONGEST} characters",
        lambda value: isinstance(value, str) and len(value) <= LONGEST,
    ),
}

NOBODY_WAITS = "The one who asked has left, so this was stopped."


def check(parameter: Parameter, value: Any) -> Any:
    """Return ``value`` if ``parameter`` may have it; ``ValueError`` says what it may be.

    Nothing is converted, but a whole number may stand for any number.
    """
    if value is None and (parameter.optional or parameter.default is None):
        return None
    if parameter.choices is not None:
        # By identity of type as well: 1 is not True.
        if any(type(value) is type(choice) and value == choice for choice in parameter.choices):
            return value
        raise ValueError(
            f"{parameter.name} must be one of {', '.join(map(str, parameter.choices))}."
        )
    words, fits = _KINDS[parameter.kind]
    if not fits(value):
        raise ValueError(f"{parameter.name} must be {words}.")
    return value


def bound(values: dict[str, Any]) -> None:
    """Refuse values that would take too long; :func:`check` has seen their types."""
    if (values.get("short_side") or 0) > QUESTION_SHORT_SIDE:
        raise ValueError(f"short_side may be at most {QUESTION_SHORT_SIDE}.")
    for name, most in QUESTION_COUNTS.items():
        if values.get(name, 0) > most:
            raise ValueError(f"{name} may be at most {most}.")


def in_time(work: Work[R]) -> Work[R]:
    """Go on with ``work`` while it is wanted and may end within ``QUESTION_SECONDS``.

    Raises ``ValueError`` with one sentence once it is not. Called where the request begins.
    """
    within_time = within(QUESTION_SECONDS)

    def passed_on(step: Progress) -> Progress:
        within_time(step.done, step.total)
        return step

    return relay(work, passed_on)


def within(seconds: float) -> Callable[[int, int], None]:
    """Return a ``progress`` for :func:`analysis.core.progress.finish` that stops what is in vain.

    That is work which the request it is made for no longer waits for, and work of over ``seconds``;
    work that would take far longer is stopped as soon as that shows. It raises ``ValueError`` with
    one sentence, and is made in the thread of the request.
    """
    start, wanted = time.monotonic(), is_wanted()

    def progress(done: int, total: int) -> None:
        if not wanted():
            raise ValueError(NOBODY_WAITS)
        spent = time.monotonic() - start
        expected = spent / max(done, 1) * total
        if spent > seconds or (spent > SURE_SECONDS and expected > SURE_FACTOR * seconds):
            about, given = f"{max(spent, expected):.0f}", f"{seconds:g}"
            raise ValueError(
                say(text.TAKES_TOO_LONG, seconds=about, given=given, done=done, total=total)
            )

    return progress
