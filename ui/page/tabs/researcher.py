"""The tab that has everything: every question with every parameter, in a form made from them."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from analysis.questions import QUESTIONS
from analysis.questions.parameters import summary_of, takes_mask
from ui.messages import researcher as messages
from ui.page.form import Form
from ui.page.mask_editor import mask_editor, mask_of, picture_to_paint
from ui.page.question_panel import AnswerView, panel_intro, place_key
from ui.page.session import Session
from ui.service.actions import Actions
from ui.service.jobs import Job, pixel_of
from ui.service.queues import LIGHT
from ui.service.selection import Selection

NAME = messages.TAB
FIRST = "probe"
LAYOUT = {
    messages.WHERE: ("x", "y", "region", "label", "against", "hide_x", "hide_y"),
    messages.WHAT: (),
    messages.HOW: (
        *("steps", "probes", "noisy", "cell_px", "window_px"),
        *("seed", "short_side", "reach"),
    ),
}


def build(actions: Actions, session: Session, tab: gr.Tab) -> None:
    """Add the choice of question, its form and its answer, and wire them."""
    panel_intro(messages.TITLE, messages.SAYS, messages.GRADE)
    question = gr.Dropdown(
        [(first_line(name), name) for name in QUESTIONS],
        value=FIRST,
        label=messages.QUESTION,
        filterable=False,
    )
    described = gr.HTML(_described(FIRST), apply_default_css=False)
    form = Form(QUESTIONS, LAYOUT, FIRST)
    paint = gr.Checkbox(
        label=messages.PAINT, info=messages.PAINT_INFO, visible=takes_mask(QUESTIONS[FIRST])
    )
    painted = mask_editor(messages.EDITOR, "researcher-brush")
    view = AnswerView("researcher")
    now, quiet = session.selection, {"show_progress": "hidden", **LIGHT}

    def shown(now: Selection, question: str) -> list[Any]:
        x, y = pixel_of(actions, now)
        return [
            _described(question),
            *form.shown(question, {"x": x, "y": y}),
            gr.Checkbox(False, visible=takes_mask(QUESTIONS[question])),
            gr.ImageEditor(value=None, visible=False),
        ]

    def ask(now: Selection, question: str, paint: bool, painted: Any, *given: Any) -> Job:
        parameters = form.read(question, given)
        if paint and takes_mask(QUESTIONS[question]):
            parameters["mask"] = mask_of(painted, actions.stored(now).result.labels.shape)
        return Job(question, now, parameters)

    outputs = [described, *form.components, paint, painted]
    question.input(shown, [now, question], outputs, **quiet)
    paint.input(lambda on: gr.ImageEditor(visible=on), paint, painted, **quiet).then(
        lambda now, on: picture_to_paint(actions, now) if on else gr.skip(),
        [now, paint],
        painted,
        **quiet,
    )  # an editor takes a picture only once it is there
    view.wire(actions, session, ask, [question, paint, painted, *form.components])
    session.fill(
        tab,
        [question, *outputs, *view.outputs],
        lambda now: [FIRST, *shown(now, FIRST), *view.blank(now)],
        depends=place_key,
    )


def first_line(question: str) -> str:
    """Return what a question asks, in one sentence."""
    return summary_of(QUESTIONS[question]).split("\n")[0]


def _described(question: str) -> str:
    """Return the name of the question elsewhere, and what else it says of itself, as HTML."""
    says = " ".join(summary_of(QUESTIONS[question]).split("\n")[1:])
    return f'<p class="says"><code>{question}</code> <span lang="en">{html.escape(says)}</span></p>'
