"""The tab that compares the labels of two models, weights, reaches or windows."""

from __future__ import annotations

import gradio as gr

from ui.asking import Question
from ui.controls import WINDOW_SIZES
from ui.handlers import Handlers
from ui.questions import AnswerView, panel_intro
from ui.selection import Selection
from ui.session import Session
from ui.text import REACH_NAMES
from ui.words import compare as words
from uniformer import list_models
from uniformer.config import REACHES

NAME = words.TAB


def build(handlers: Handlers, session: Session, tab: gr.Tab) -> None:
    """Add the tab's components to the page that is being built, and wire them."""
    panel_intro(words.SAYS, words.GRADE)
    with gr.Row(elem_classes="choices"):
        model = gr.Dropdown(
            [(words.SAME_MODEL, ""), *((name, name) for name in list_models())],
            value="",
            label=words.MODEL,
            filterable=False,
        )
        untrained = gr.Dropdown(
            [(words.TRAINED, False), (words.UNTRAINED, True)],
            value=False,
            label=words.WEIGHTS,
            filterable=False,
        )
        reach = gr.Dropdown(
            [(words.SAME, ""), *((REACH_NAMES[reach], reach) for reach in REACHES)],
            value="window",
            label=words.REACH,
            filterable=False,
        )
        window = gr.Dropdown(
            [(words.SAME, 0), *((str(size), size) for size in WINDOW_SIZES)],
            value=0,
            label=words.WINDOW,
            filterable=False,
        )
    view = AnswerView("compare")
    view.wire(handlers, session, question, [model, untrained, reach, window])
    session.fill(tab, view.outputs, view.blank)


def question(now: Selection, model: str, untrained: bool, reach: str, window: int) -> Question:
    """Return what to ask; empty strings and 0 stand for the same as in the result."""
    weights = "none" if untrained else "default" if model and model != now.model else "same"
    parameters = {
        "other_model": model or None,
        "other_weights": weights,
        "other_reach": reach or None,
        "other_window_size": window or None,
    }
    return Question("compare", now, parameters)
