"""The tab that compares two models, weights, reaches or windows, and answers with numbers."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui.messages import compare as messages
from ui.messages import questions as common
from ui.messages.page import REACH_NAMES
from ui.page.answer_card import progress_line
from ui.page.question_panel import AnswerView, panel_intro
from ui.page.session import Session
from ui.service.actions import Actions
from ui.service.jobs import Job
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
    session.fill(tab, view.outputs, view.blank)


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
