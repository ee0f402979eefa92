"""The workbench at the top of the page: `assets/web`, whose selection is that of the tabs below."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from ui.page.session import Session, attempt
from ui.service.actions import Actions
from ui.service.examples import ASSETS
from ui.service.queues import LIGHT
from ui.service.selection import Selection


def build(actions: Actions, session: Session) -> Any:
    """Add the workbench, and return the event after which tabs must be brought up to date."""
    workbench = gr.HTML(
        html_template='<div class="lens-workbench"></div>',
        js_on_load=(ASSETS / "workbench.js").read_text(encoding="utf-8"),
        elem_id="workbench",
        apply_default_css=False,
    )

    def look(event: gr.EventData) -> list[Any]:
        found, sentence = attempt(lambda: looked_at(actions, event))
        return [gr.skip() if sentence else found, sentence]

    return workbench.look(
        look, None, [session.selection, session.message], show_progress="hidden", **LIGHT
    )


def looked_at(actions: Actions, event: Any) -> Selection:
    """Return what the workbench shows. Raises ``ValueError`` for what is no longer kept."""
    pixel = None if event.pixel is None else (int(event.pixel[0]), int(event.pixel[1]))
    return replace(
        actions.selection(event.key),
        pixel=pixel,
        region=event.region,
        stage=event.stage,
        block=event.block,
        head=event.head,
    )
