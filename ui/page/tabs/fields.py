"""The tab on receptive fields: what the units at the chosen pixel can see, and what they do see."""

from __future__ import annotations

from typing import Any

import gradio as gr

from analysis.receptive_field.effective import MOST_PROBES
from analysis.receptive_field.networks import PEERS
from ui.messages import fields as messages
from ui.page.question_panel import AnswerView, panel_intro, place_key, place_line
from ui.page.session import Session
from ui.service.actions import Actions
from ui.service.jobs import Job, pixel_of
from ui.service.selection import Selection

NAME = messages.TAB


def build(actions: Actions, session: Session, tab: gr.Tab) -> None:
    """Add the tab's components to the page that is being built, and wire them."""
    panel_intro(messages.TITLE, messages.SAYS, messages.GRADE)
    place = gr.HTML(elem_classes="place-line", apply_default_css=False)
    with gr.Row(elem_classes="choices"):
        others = gr.CheckboxGroup(
            [(label, name) for name, label in messages.COMPARES.items()], label=messages.COMPARE
        )
        probes = gr.Slider(
            4,
            MOST_PROBES,
            value=MOST_PROBES,
            step=1,
            label=messages.PROBES,
            info=messages.PROBES_INFO,
        )
    peers = gr.Dropdown(PEERS, multiselect=True, label=messages.PEERS, info=messages.PEERS_INFO)
    view = AnswerView("fields")

    def asked(now: Selection, others: list[str], peers: list[str], probes: int) -> Job:
        return question(actions, now, others, peers, probes)

    view.wire(actions, session, asked, [others, peers, probes])
    session.fill(
        tab,
        [place, *view.outputs],
        lambda now: [place_line(actions, now), *view.blank(now)],
        place_key,
    )


def question(
    actions: Actions, now: Selection, others: list[str], peers: list[str], probes: int
) -> Job:
    """Return what to ask; ``others`` are among "reaches" and "untrained"."""
    x, y = pixel_of(actions, now)
    parameters: dict[str, Any] = {name: name in others for name in messages.COMPARES}
    parameters |= {"x": x, "y": y, "peers": ",".join(peers) or None, "probes": int(probes)}
    return Job("receptive-field", now, parameters)
