"""A link that restores what a visitor looks at: example, model, reach, pixel and tab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from ui.messages import page as text
from ui.messages import share as messages
from ui.service.actions import Actions
from ui.service.model_cache import OWN
from ui.service.selection import Selection
from uniformer.config import REACHES
from uniformer.factory import find_config
from uniformer.weights import WeightsError


def link_of(actions: Actions, now: Selection, tab: str) -> str:
    """Return the query of a link to ``now``, empty for a picture or model of the visitor's own."""
    example = actions.stored(now).subject.example
    if example is None or now.model.startswith(OWN):
        return ""
    query = {"example": example, "model": now.model, "reach": now.reach, "window": now.window_size}
    if now.pixel is not None:
        query |= {"x": now.pixel[0], "y": now.pixel[1]}
    return "?" + urlencode(query | {"tab": tab})


def restore(actions: Actions, now: Selection, query: Mapping[str, str]) -> Selection:
    """Return the selection that ``query`` asks for; what it leaves out stays as in ``now``.

    Raises ``ValueError`` with one sentence for what does not exist.
    """
    model = query.get("model", now.model)
    config = find_config(model)
    changed = model != now.model
    reach = query.get("reach", config.reach if changed else now.reach)
    if reach not in REACHES:
        raise ValueError(messages.bad_link("reach"))
    window = _number(query, "window", config.window_size if changed else now.window_size)
    wanted = replace(now, model=model, reach=reach, window_size=window)
    example = query.get("example", actions.stored(now).subject.example)
    same = example == actions.stored(now).subject.example
    if wanted != now or not same:
        try:
            wanted = actions.open_example(wanted, example or "").selection
        except WeightsError as error:
            raise ValueError(text.no_weights(config)) from error
    if "x" not in query or "y" not in query:
        return wanted
    x, y = _number(query, "x", 0), _number(query, "y", 0)
    height, width = actions.stored(wanted).result.labels.shape
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(messages.bad_link("pixel"))
    return replace(wanted, pixel=(x, y))


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise ValueError(messages.bad_link(name)) from None
