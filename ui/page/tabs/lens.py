"""The lens tab: a probe on the picture, and what all four stages looked at to label that pixel."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import gradio as gr

from analysis.report.messages import GRADES, LENS, PANELS
from analysis.report.scripts import asset, script
from analysis.report.template import fill
from ui.messages import page as text
from ui.page.session import Session, attempt
from ui.service.actions import Actions
from ui.service.queues import LIGHT
from ui.service.selection import Selection

NAME = text.LENS_TAB


def build(actions: Actions, session: Session, tab: gr.Tab) -> None:
    """Add the lens to the page that is being built, and wire it.

    Moving the probe sends nothing. A click and the choice of a block or head become part of the
    shared selection; a block or head that was not sent yet comes as ``piece``.
    """
    # Words are put in here, not sent as properties: an update that reaches a lens not shown yet
    # would replace them all.
    words = {"text": LENS, "panels": PANELS, "grades": GRADES}
    lens = gr.HTML(
        None,
        html_template=fill(asset("lens.html"), words),
        js_on_load=script("lens").replace("props.text", json.dumps(LENS)),
        elem_id="lens",
        apply_default_css=False,
        piece=None,
        exact=None,
        go=None,
    )
    session.lens = lens

    session.fill(tab, [lens], lambda now: [actions.lens(now) | {"pixel": now.pixel}])

    def probe(now: Selection, event: gr.EventData) -> list[Any]:
        choices = {int(stage): tuple(choice) for stage, choice in event.choices.items()}
        values, sentence = attempt(lambda: actions.probe(now, event.x, event.y, choices))
        if sentence:
            return [gr.skip(), gr.skip(), sentence]
        return [replace(now, pixel=(event.x, event.y)), gr.HTML(exact=values), ""]

    def choose(now: Selection, event: gr.EventData) -> list[Any]:
        chosen = replace(now, stage=event.stage, block=event.block, head=event.head)
        if event.held:
            return [chosen, gr.skip(), ""]
        values, sentence = attempt(
            lambda: actions.lens_piece(now, event.stage, event.block, event.head)
        )
        if sentence:
            return [gr.skip(), gr.skip(), sentence]
        return [chosen, gr.HTML(piece=values), ""]

    shared = [session.selection, lens, session.message]
    lens.probe(probe, session.selection, shared, show_progress="hidden", **LIGHT)
    lens.choose(choose, session.selection, shared, show_progress="hidden", **LIGHT)
