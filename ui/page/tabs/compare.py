"""The tab that compares two models, weights, reaches or windows: a linked probe, and the answer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import gradio as gr

from analysis.report.messages import LENS
from analysis.report.scripts import asset, script
from analysis.report.template import fill
from ui.messages import compare as messages
from ui.messages import questions as common
from ui.messages.page import REACH_NAMES
from ui.page.answer_card import progress_line
from ui.page.question_panel import AnswerView, panel_intro
from ui.page.session import Session, attempt
from ui.service.actions import Actions
from ui.service.jobs import Job
from ui.service.linked_view import other_setting, pair_payload
from ui.service.queues import HEAVY, LIGHT
from ui.service.selection import Selection
from uniformer import list_models
from uniformer.config import REACHES

NAME = messages.TAB
WINDOW_SIZES = (4, 8, 14, 16, 24, 32)


def build(actions: Actions, session: Session, tab: gr.Tab) -> None:
    """Add the tab's components to the page that is being built, and wire them."""
    panel_intro(messages.TITLE, messages.SAYS, messages.GRADE)
    with gr.Row(elem_classes="choices"):
        choices = _choices()
    view = AnswerView("compare")
    pair = _pair()
    # The button is off while the weights are fetched, and the answer waits for them.
    pressed = view.button.click(
        lambda: [progress_line(common.WAITING, None), gr.Button(interactive=False)],
        outputs=[view.status, view.button],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    download = session.banner.fetch_on(pressed.then, *choices[:2])
    inputs = [session.banner.fetched, *choices]
    view.wire(actions, session, fetched_question, inputs, on=download.then)
    _wire_pair(actions, session, download, inputs, pair)
    session.fill(tab, [pair, *view.outputs], lambda now: [None, *view.blank(now)])


def _choices() -> list[gr.Dropdown]:
    """Add the choices of the other setting."""
    plain = {"filterable": False}
    models = [(messages.SAME_MODEL, ""), *((name, name) for name in list_models())]
    weights = [(messages.TRAINED, False), (messages.UNTRAINED, True)]
    reaches = [(messages.SAME, ""), *((REACH_NAMES[reach], reach) for reach in REACHES)]
    windows = [(messages.SAME, 0), *((str(size), size) for size in WINDOW_SIZES)]
    return [
        gr.Dropdown(models, value="", label=messages.MODEL, **plain),
        gr.Dropdown(weights, value=False, label=messages.WEIGHTS, **plain),
        gr.Dropdown(reaches, value="window", label=messages.REACH, **plain),
        gr.Dropdown(windows, value=0, label=messages.WINDOW, **plain),
    ]


def _pair() -> gr.HTML:
    said = LENS | messages.PAIR
    return gr.HTML(
        None,
        # Words are put in here: an update would wipe properties.
        html_template=fill(asset("pair.html"), {"text": said, "sides": [0, 1]}),
        js_on_load=script("pair").replace("props.text", json.dumps(said)),
        elem_id="pair",
        apply_default_css=False,
    )


def _wire_pair(
    actions: Actions,
    session: Session,
    download: Any,
    inputs: list[Any],
    pair: gr.HTML,
) -> None:
    """Show both results under one probe once asked, and have a click choose the pixel."""
    now, about = session.selection, gr.State(None)

    def make(now: Selection, fetched: str | None, *chosen: Any) -> list[Any]:
        if not is_here(now, fetched, *chosen):  # which the status tells
            return [None, now.key, ""]
        made, sentence = attempt(
            lambda: pair_payload(actions, now, other_setting(actions, now, *chosen))
        )
        return [made, now.key, sentence]

    download.then(
        make,
        [now, *inputs],
        [pair, about, session.message],
        show_progress="hidden",
        **HEAVY,
    ).then(  # the visitor may look at something else by now
        lambda now, about: gr.skip() if about == now.key else None,
        [now, about],
        pair,
        show_progress="hidden",
        **LIGHT,
    )

    def choose(now: Selection, event: gr.EventData) -> Selection:
        return replace(now, pixel=(event.x, event.y))

    pair.probe(choose, now, now, show_progress="hidden", **LIGHT)


def is_here(now: Selection, fetched: str | None, model: str, untrained: bool, *rest: Any) -> bool:
    """Whether all weights of the other setting are here, if only ``fetched`` was fetched."""
    return untrained or model in ("", now.model, fetched)


def fetched_question(now: Selection, fetched: str | None, *chosen: Any) -> Job:
    """Return what to ask; ``ValueError`` for weights that were not fetched."""
    if not is_here(now, fetched, *chosen):
        raise ValueError(messages.NOT_FETCHED)
    return question(now, *chosen)


def question(now: Selection, model: str, untrained: bool, reach: str, window: int) -> Job:
    """Return what to ask; empty strings and 0 stand for the same as in the result."""
    weights = "none" if untrained else "default" if model and model != now.model else "same"
    parameters = {
        "other_model": model or None,
        "other_weights": weights,
        "other_reach": reach or None,
        "other_window_size": window or None,
    }
    return Job("compare", now, parameters)
