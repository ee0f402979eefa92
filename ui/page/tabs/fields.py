"""The tab on receptive fields: what the units at the chosen pixel can see, and what they do see."""

from __future__ import annotations

import gradio as gr

from analysis.receptive_field.effective import MOST_PROBES
from analysis.receptive_field.networks import PEERS
from ui.messages import fields as words
from ui.page.question_panel import AnswerView, panel_intro, place_key, place_line
from ui.page.session import Session
from ui.service.actions import Handlers
from ui.service.jobs import Question, pixel_of
from ui.service.selection import Selection

NAME = words.TAB


def build(handlers: Handlers, session: Session, tab: gr.Tab) -> None:
    """Add the tab's components to the page that is being built, and wire them."""
    panel_intro(words.TITLE, words.SAYS, words.GRADE)
    place = gr.HTML(elem_classes="place-line", apply_default_css=False)
    with gr.Row(elem_classes="choices"):
        others = gr.CheckboxGroup(
            [(label, name) for name, label in words.COMPARES.items()], label=words.COMPARE
        )
        probes = gr.Slider(
            4, MOST_PROBES, value=MOST_PROBES, step=1, label=words.PROBES, info=words.PROBES_INFO
        )
    peers = gr.Dropdown(PEERS, multiselect=True, label=words.PEERS, info=words.PEERS_INFO)
    view = AnswerView("fields")

    def asked(now: Selection, others: list[str], peers: list[str], probes: int) -> Question:
        return question(handlers, now, others, peers, probes)

    view.wire(handlers, session, asked, [others, peers, probes])
    session.fill(
        tab,
        [place, *view.outputs],
        lambda now: [place_line(handlers, now), *view.blank(now)],
        place_key,
    )


def question(
    handlers: Handlers, now: Selection, others: list[str], peers: list[str], probes: int
) -> Question:
    """Return what to ask; ``others`` are among "reaches" and "untrained"."""
    x, y = pixel_of(handlers, now)
    parameters = {name: name in others for name in words.COMPARES}
    parameters |= {"x": x, "y": y, "peers": ",".join(peers) or None, "probes": int(probes)}
    return Question("receptive-field", now, parameters)
