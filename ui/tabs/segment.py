"""The segment tab: the picture under its labels, the legend, and what can be taken away."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui import text
from ui.examples import ASSETS
from ui.handlers import Handlers
from ui.selection import Selection
from ui.session import LIGHT, Session, attempt

NAME = text.SEGMENT_TAB

# Hands a file to the browser as a download.
SAVE_FILE = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url;
  link.download = file.orig_name;
  link.click();
}"""


def build(handlers: Handlers, session: Session, tab: gr.Tab) -> None:
    """Add the tab's components to the page that is being built, and wire them."""
    viewer = gr.HTML(
        handlers.view(session.first),
        html_template=(ASSETS / "viewer.html").read_text(),
        js_on_load=(ASSETS / "viewer.js").read_text(),
        elem_id="viewer",
        apply_default_css=False,
        text=text.VIEWER,
        downloads=text.DOWNLOADS,
    )
    file = gr.File(visible="hidden")
    session.fill(tab, [viewer], lambda now: [handlers.view(now)])

    def take_away(now: Selection, event: gr.EventData) -> list[Any]:
        path, sentence = attempt(lambda: handlers.take_away(now, event.kind, event.opacity))
        return [None if path is None else str(path), sentence]

    viewer.take_away(
        take_away,
        session.selection,
        [file, session.message],
        show_progress="minimal",
        show_progress_on=viewer,
        **LIGHT,
    ).then(None, file, js=SAVE_FILE)
