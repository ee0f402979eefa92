"""The segment tab: the picture under its labels, the legend, and what can be taken away."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from analysis.report.scripts import asset, script
from analysis.report.template import fill
from ui.messages import page as text
from ui.page.download import SAVE_FILE
from ui.page.session import Session, attempt
from ui.service.actions import Actions
from ui.service.queues import LIGHT
from ui.service.selection import Selection

NAME = text.SEGMENT_TAB


def build(actions: Actions, session: Session, tab: gr.Tab) -> None:
    """Add the tab's components to the page that is being built, and wire them."""
    # Words are put in here, not sent as properties, as in the lens.
    words = {"text": text.VIEWER, "downloads": text.DOWNLOADS}
    viewer = gr.HTML(
        actions.view(session.first),
        html_template=fill(asset("viewer.html"), words),
        js_on_load=script("viewer").replace("props.text", json.dumps(text.VIEWER)),
        elem_id="viewer",
        apply_default_css=False,
    )
    file = gr.File(visible="hidden")
    session.fill(tab, [viewer], lambda now: [actions.view(now)])

    def take_away(now: Selection, event: gr.EventData) -> list[Any]:
        path, sentence = attempt(lambda: actions.export(now, event.kind, event.opacity))
        return [None if path is None else str(path), sentence]

    viewer.take_away(
        take_away,
        session.selection,
        [file, session.message],
        show_progress="minimal",
        show_progress_on=viewer,
        **LIGHT,
    ).then(None, file, js=SAVE_FILE)
