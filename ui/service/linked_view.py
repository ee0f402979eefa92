"""Two results of one picture for the linked probe of the tab that compares, as plain functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ui.messages import compare as words
from ui.messages.questions import made_by
from ui.service.actions import Handlers
from ui.service.jobs import pixel_of
from ui.service.model_cache import RANDOM
from ui.service.selection import Selection


def other_setting(
    handlers: Handlers, now: Selection, model: str, untrained: bool, reach: str, window: int
) -> Selection:
    """Return the same picture labelled in another setting; "" and 0 stand for what ``now`` has."""
    name = model or now.model
    if untrained:
        name = RANDOM + (model or handlers.held(now).result.model)
    wanted = replace(now, model=name)
    return handlers.change_reach(wanted, reach or now.reach, window or now.window_size).selection


def pair_payload(handlers: Handlers, now: Selection, other: Selection) -> dict[str, Any]:
    """Return both results for ``assets/pair.js``, with a title each and the pixel to start at."""
    both = now, other
    return {
        "key": now.key,
        "titles": [_title(handlers, one) for one in both],
        "results": [handlers.lens(one) for one in both],
        "pixel": pixel_of(handlers, now),
    }


def _title(handlers: Handlers, selection: Selection) -> str:
    result = handlers.held(selection).result
    said = made_by(result.model, selection.reach, selection.window_size)
    return said if result.weights.trained else f"{said} · {words.UNTRAINED_TITLE}"
