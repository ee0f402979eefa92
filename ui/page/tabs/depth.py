"""The tab on local and global affinity through depth, in one reach or in two side by side."""

from __future__ import annotations

from typing import Any, Literal

import gradio as gr

from analysis.questions import QUESTIONS
from ui.messages import depth as messages
from ui.page.question_panel import AnswerView, panel_intro, place_key, place_line
from ui.page.session import Session
from ui.service.actions import Actions
from ui.service.jobs import Job, pixel_of
from ui.service.queues import LIGHT
from ui.service.selection import Selection
from uniformer.config import REACHES, Reach

NAME = messages.TAB
AT_A_PIXEL = ("rollout", "similarity", "jacobian", "decoder-lens")


def build(actions: Actions, session: Session, tab: gr.Tab) -> None:
    """Add the tab's components to the page that is being built, and wire them."""
    panel_intro(messages.TITLE, messages.SAYS, messages.GRADE)
    with gr.Row(elem_classes="choices"):
        what = gr.Radio(
            [(label, name) for name, label in messages.WHATS.items() if name in QUESTIONS],
            value="profile",
            label=messages.WHAT,
            info=messages.WHAT_INFO["profile"],
        )
        beside = gr.Dropdown(
            [(messages.BESIDE_NONE, ""), *((messages.BESIDES[reach], reach) for reach in REACHES)],
            value="",
            label=messages.BESIDE,
            filterable=False,
            scale=0,
            min_width=180,
        )
    nulls = gr.Checkbox(label=messages.NULLS)
    place = gr.HTML(elem_classes="place-line", visible=False, apply_default_css=False)
    view = AnswerView("depth")

    def choose(what: str) -> list[Any]:
        return [
            gr.Radio(info=messages.WHAT_INFO[what]),
            gr.Checkbox(visible=what == "profile"),
            gr.HTML(visible=what in AT_A_PIXEL),
        ]

    what.change(choose, what, [what, nulls, place], show_progress="hidden", **LIGHT)

    def asked(now: Selection, what: str, nulls: bool, beside: Reach | Literal[""]) -> list[Job]:
        return questions(actions, now, what, nulls, beside)

    view.wire(actions, session, asked, [what, nulls, beside])
    session.fill(
        tab,
        [place, *view.outputs],
        lambda now: [place_line(actions, now), *view.blank(now)],
        place_key,
    )


def questions(
    actions: Actions, now: Selection, what: str, nulls: bool, beside: Reach | Literal[""]
) -> list[Job]:
    """Return what to ask: ``what`` in the reach of the result, and in the reach ``beside`` it."""
    parameters: dict[str, Any] = {}
    if what == "profile":
        parameters["nulls"] = nulls
    if what in AT_A_PIXEL:
        parameters["x"], parameters["y"] = pixel_of(actions, now)
    found = [Job(what, now, parameters)]
    if beside and beside != now.reach:
        other = actions.change_reach(now, beside, now.window_size).selection
        found.append(Job(what, other, parameters))
    return found
