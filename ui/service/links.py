"""A link to what a visitor looks at; `assets/web/selection.js` reads it."""

from __future__ import annotations

from urllib.parse import urlencode

from ui.service.actions import Actions
from ui.service.model_cache import OWN
from ui.service.selection import Selection


def link_of(actions: Actions, now: Selection) -> str:
    """Return the query of a link to ``now``, empty for a picture or model of the visitor's own."""
    example = actions.stored(now).subject.example
    if example is None or now.model.startswith(OWN):
        return ""
    query = {"example": example, "model": now.model, "reach": now.reach, "window": now.window_size}
    if now.pixel is not None:
        query |= {"x": now.pixel[0], "y": now.pixel[1]}
    return "?" + urlencode(query)
