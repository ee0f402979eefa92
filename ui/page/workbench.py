"""The workbench at the top of the page: `assets/web`, whose selection is that of the tabs below."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import gradio as gr

from ui.messages import page as text
from ui.page.session import Session, attempt
from ui.service.actions import Actions
from ui.service.examples import ASSETS
from ui.service.queues import LIGHT
from ui.service.selection import Region, Selection
from ui.web.asked import setting_of


def build(actions: Actions) -> gr.HTML:
    """Add the workbench to the page that is being built."""
    return gr.HTML(
        html_template='<div class="lens-workbench"></div>',
        js_on_load=(ASSETS / "workbench.js").read_text(encoding="utf-8"),
        elem_id="workbench",
        apply_default_css=False,
        wanted=None,
    )


def wire(bench: Any, actions: Actions, session: Session) -> None:
    """Have the tabs follow the workbench, and it them; call it when all tabs are built."""

    def look(event: gr.EventData) -> list[Any]:
        found, sentence = attempt(lambda: looked_at(actions, event._data))
        return [gr.skip() if sentence else found, sentence]

    shared = [session.selection, session.message]
    session.stop_work_on([bench.leave])
    looked = bench.look(look, None, shared, show_progress="hidden", **LIGHT)
    session.refill_after(looked)
    for event in session.made:  # a model chosen or uploaded in a tab
        told = event.then(
            lambda now: gr.HTML(wanted=setting_of(now) | {"key": now.key}),
            session.selection,
            bench,
            show_progress="hidden",
            **LIGHT,
        )
        session.refill_after(told)


def looked_at(actions: Actions, told: Any) -> Selection:
    """Return what the workbench shows. Raises ``ValueError`` for what is no longer kept."""
    if not isinstance(told, dict) or not isinstance(told.get("key"), str):
        raise ValueError(text.RESULT_GONE)
    now = actions.selection(told["key"])
    region: Any = told.get("region")
    pixel: Any = told.get("pixel")
    if region in get_args(Region):
        now = replace(now, region=region)
    height, width = actions.stored(now).result.labels.shape
    if isinstance(pixel, list) and len(pixel) == 2:
        x, y = (int(value) for value in pixel)
        if 0 <= x < width and 0 <= y < height:
            now = replace(now, pixel=(x, y))
    return now
