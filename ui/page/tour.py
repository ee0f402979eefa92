"""A guided tour in six steps, each of which sets what the page shows while it explains it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from ui.messages import tour as messages
from ui.page.session import Session, attempt, show_place_after
from ui.service.actions import Actions
from ui.service.queues import HEAVY
from ui.service.selection import Selection


def selection_of(actions: Actions, number: int) -> tuple[Selection, str]:
    """Return what step ``number``, from 0, is about and the tab that shows it.

    It is always about the first example: the words speak of it.
    """
    _, _, tab, reach, pixel = messages.STEPS[number]
    now = actions.first.selection
    if reach != now.reach:
        now = actions.change_reach(now, reach, now.window_size).selection
    return replace(now, pixel=pixel), tab


class Tour:
    """The tour above the tabs; :meth:`wire` it when these are there."""

    def __init__(self) -> None:
        with gr.Accordion(messages.TITLE, open=False, elem_id="tour"):
            self.says = gr.HTML(messages.step(0))
            with gr.Row():
                self.back = gr.Button(
                    messages.BACK, interactive=False, scale=0, elem_id="tour-back"
                )
                self.next = gr.Button(
                    messages.START, variant="primary", scale=0, elem_id="tour-next"
                )
            self.at = gr.State(-1)

    def wire(self, actions: Actions, session: Session, tabs: gr.Tabs) -> None:
        """Have both buttons show a step."""

        def go(number: int) -> list[Any]:
            found, sentence = attempt(lambda: selection_of(actions, number))
            if sentence:
                return [gr.skip(), sentence, *[gr.skip()] * 6]
            selection, tab = found
            last = number == len(messages.STEPS) - 1
            return [
                selection, "", gr.Tabs(selected=tab), tab, messages.step(number),
                gr.Button(interactive=number > 0), gr.Button(messages.NEXT, interactive=not last),
                number,
            ]  # fmt: skip

        session.stop_work_on([self.back.click, self.next.click])
        outputs = [session.selection, session.message, tabs, session.open_tab, self.says]
        outputs += [self.back, self.next, self.at]
        for button, way in ((self.back, -1), (self.next, 1)):
            event = button.click(
                lambda at, way=way: go(at + way),
                self.at,
                outputs,
                show_progress="hidden",
                **HEAVY,
            )
            session.made.append(event)
            show_place_after(event, session)
