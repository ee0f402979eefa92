"""Two results of one picture for the linked probe of the tab that compares, as plain functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from ui.messages import compare as messages
from ui.messages.questions import made_by
from ui.service.actions import Actions
from ui.service.jobs import pixel_of
from ui.service.model_cache import RANDOM
from ui.service.selection import Selection
from uniformer.config import Reach
from uniformer.factory import find_config


def other_setting(
    actions: Actions,
    now: Selection,
    model: str,
    untrained: bool,
    reach: Reach | Literal[""],
    window: int,
) -> Selection:
    """Return the same picture labelled in another setting; "" and 0 stand for what ``now`` has."""
    name = model or now.model
    if untrained:
        name = RANDOM + (model or actions.stored(now).result.model)
    wanted = replace(now, model=name)
    return actions.change_reach(wanted, reach or now.reach, window or now.window_size).selection


def pair_payload(actions: Actions, now: Selection, other: Selection) -> dict[str, Any]:
    """Return both results for ``assets/pair.js``, with a title each and the pixel to start at."""
    both = now, other
    if any(find_config(actions.stored(one).result.model).task == "classify" for one in both):
        raise ValueError(messages.NO_PIXELS)
    return {
        "key": now.key,
        "titles": [_title(actions, one) for one in both],
        "results": [actions.lens(one) for one in both],
        "pixel": pixel_of(actions, now),
    }


def _title(actions: Actions, selection: Selection) -> str:
    result = actions.stored(selection).result
    said = made_by(result.model, selection.reach, selection.window_size)
    return said if result.weights.trained else f"{said} · {messages.UNTRAINED_TITLE}"
