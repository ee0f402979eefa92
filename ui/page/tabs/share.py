"""The tab on what can be taken away: the report, a link, and the same in Python."""

from __future__ import annotations

from typing import Any

import gradio as gr

from analysis.report import template
from ui.messages import share as messages
from ui.page.download import SAVE_FILE
from ui.page.question_panel import place_key
from ui.page.session import Session, attempt
from ui.service.actions import Actions
from ui.service.examples import ASSETS
from ui.service.export import write_report
from ui.service.jobs import pixel_of
from ui.service.links import link_of
from ui.service.queues import HEAVY
from ui.service.selection import Selection
from ui.service.snippets import site_command, start_snippet

NAME = messages.TAB


def build(actions: Actions, session: Session, tab: gr.Tab) -> None:
    """Add the tab's components to the page that is being built, and wire them."""
    gr.Markdown(f"## {messages.REPORT}\n{messages.REPORT_SAYS}")
    button = gr.Button(messages.REPORT_GET, variant="primary", scale=0, elem_id="share-report")
    file = gr.File(visible="hidden")
    gr.Markdown(f"## {messages.LINK}\n{messages.LINK_SAYS}")
    # Put in here: an update would wipe properties.
    said = {"label": messages.LINK, "copy": messages.COPY, "without": messages.LINK_NONE}
    link = gr.HTML(
        None,
        html_template=template.fill((ASSETS / "link.html").read_text(), said),
        js_on_load=(ASSETS / "link.js").read_text(),
        elem_id="share-link",
        apply_default_css=False,
    )
    gr.Markdown(f"## {messages.PYTHON}\n{messages.PYTHON_SAYS}")
    program = gr.Code(language="python", show_label=False, interactive=False, wrap_lines=True)
    gr.Markdown(f"## {messages.SITE}")
    command = gr.Code(
        language="shell", show_label=False, interactive=False, lines=1, wrap_lines=True
    )

    def fill(now: Selection) -> list[Any]:
        query, result = link_of(actions, now), actions.stored(now).result
        return [query, start_snippet(result, pixel_of(actions, now)), site_command(result)]

    session.fill(tab, [link, program, command], fill, depends=place_key)

    def report(now: Selection) -> list[Any]:
        path, sentence = attempt(lambda: write_report(actions.stored(now), actions.trace(now)))
        return [None if path is None else str(path), sentence]

    button.click(
        report,
        session.selection,
        [file, session.message],
        show_progress="minimal",
        show_progress_on=button,
        **HEAVY,
    ).then(None, file, js=SAVE_FILE)
