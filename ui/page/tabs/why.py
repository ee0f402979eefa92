"""The tab on attribution: why this class, by one method or several, and what to know of a map."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from analysis.attribution.methods import METHODS
from analysis.core.evidence import GRADES
from analysis.core.subject import Extent
from analysis.core.words import say
from analysis.questions.explaining import METHOD_NAMES
from ui.messages import why as messages
from ui.page.answer_card import note_line
from ui.page.mask_editor import mask_editor, mask_of, picture_to_paint
from ui.page.question_panel import AnswerView, panel_intro, place_key, place_line
from ui.page.said import said
from ui.page.session import Session
from ui.service.actions import Actions
from ui.service.jobs import Job, pixel_of
from ui.service.queues import LIGHT
from ui.service.selection import Selection

NAME = messages.TAB
DEFAULT_METHOD = "integrated-gradients"
DEFAULT_METHODS = ("integrated-gradients", "segment-ablation", "grad-cam")


def build(actions: Actions, session: Session, tab: gr.Tab) -> None:
    """Add choosers, editor and answers to the page that is being built, and wire them."""
    panel_intro(messages.TITLE, messages.INTRO, messages.INTRO_GRADE)
    where = gr.HTML(apply_default_css=False)
    with gr.Row():
        region = gr.Radio(
            [(name, key) for key, name in messages.REGIONS.items()],
            value="segment",
            label=messages.REGION,
            info=messages.REGION_INFO,
        )
        label = gr.Dropdown([""], label=messages.LABEL, info=messages.LABEL_INFO)
        against = gr.Dropdown([""], label=messages.AGAINST, info=messages.AGAINST_INFO)
    painted = mask_editor(messages.EDITOR, "why-brush")
    with gr.Row():
        method = gr.Dropdown(
            method_choices(), value=DEFAULT_METHOD, label=messages.METHOD, filterable=False
        )
        stage = gr.Radio(
            [1, 2, 3, 4], value=4, label=messages.STAGE, info=messages.STAGE_INFO, visible=False
        )
    described = gr.HTML(_described(DEFAULT_METHOD), apply_default_css=False)
    one = AnswerView("attribute")
    with gr.Accordion(messages.SEVERAL, open=False):
        gr.HTML(note_line(messages.SEVERAL_SAYS), apply_default_css=False)
        methods = gr.CheckboxGroup(
            method_choices(), value=list(DEFAULT_METHODS), label=messages.METHODS
        )
        several = AnswerView("attributions")
        gr.HTML(note_line(messages.TRUST_SAYS), apply_default_css=False)
        show = gr.Radio(
            [(name, key) for key, name in messages.SHOWS.items()],
            value="curves",
            label=messages.SHOW,
        )
        trusted = AnswerView("faithfulness", messages.TRUST_ASK)

    def about(now: Selection, *chosen: Any) -> dict[str, Any]:
        return place(actions, now, *chosen)

    def ask_one(now: Selection, method: str, stage: int, *chosen: Any) -> Job:
        return why(now, about(now, *chosen), method, stage)

    def ask_several(now: Selection, methods: list[str], stage: int, *chosen: Any) -> Job:
        return side_by_side(now, about(now, *chosen), methods, stage)

    def ask_trust(now: Selection, methods: list[str], stage: int, show: str, *chosen: Any) -> Job:
        return trust(now, about(now, *chosen), methods, stage, show)

    chosen = [region, label, against, painted]
    trusted.wire(actions, session, ask_trust, [methods, stage, show, *chosen])
    one.wire(actions, session, ask_one, [method, stage, *chosen])
    several.wire(actions, session, ask_several, [methods, stage, *chosen])
    method.change(
        lambda name: [_described(name), gr.Radio(visible=uses_stage(name))],
        method,
        [described, stage],
        show_progress="hidden",
        **LIGHT,
    )
    _wire_region(actions, session, region, painted)

    def fill(now: Selection) -> list[Any]:
        return [
            place_line(actions, now),
            now.region,
            gr.Dropdown(class_choices(actions, now, messages.LABEL_DEFAULT), value=""),
            gr.Dropdown(class_choices(actions, now, messages.AGAINST_DEFAULT), value=""),
            gr.ImageEditor(value=None, visible=False),
            *one.blank(now),
            *several.blank(now),
            *trusted.blank(now),
        ]

    outputs = [where, *chosen, *one.outputs, *several.outputs, *trusted.outputs]
    session.fill(tab, outputs, fill, depends=place_key)


def _wire_region(
    actions: Actions, session: Session, region: gr.Radio, painted: gr.ImageEditor
) -> None:
    """Keep the region with the selection, and show the editor for one that is painted."""

    def choose(now: Selection, region: Extent) -> list[Any]:
        if region == "mask":
            return [now, gr.ImageEditor(visible=True)]
        return [replace(now, region=region), gr.ImageEditor(visible=False)]

    inputs = [session.selection, region]
    region.input(
        choose, inputs, [session.selection, painted], show_progress="hidden", **LIGHT
    ).then(  # an editor takes a picture only once it is there
        lambda now, region: picture_to_paint(actions, now) if region == "mask" else gr.skip(),
        inputs,
        painted,
        show_progress="hidden",
        **LIGHT,
    )


def _described(name: str) -> str:
    """Return the line under the choice of method."""
    says, grade = method_words(name)
    sentences = " ".join(map(said, says))
    return f'<p class="says">{sentences} <span class="grade">{said(grade)}</span></p>'


def method_choices() -> list[tuple[str, str]]:
    """Return title and name of every method, what can be trusted most first."""
    return [(METHODS[key].title, name) for name, key in METHOD_NAMES.items()]


def method_words(name: str) -> tuple[list[str], str]:
    """Return what a method answers, how it misleads and what it takes, and its evidence grade."""
    method = METHODS[METHOD_NAMES[name]]
    cost = say(messages.COST, cost=method.cost)
    return [method.description, method.misleads, cost], GRADES[method.grade]


def uses_stage(name: str) -> bool:
    """Return whether the method looks at the map of a stage."""
    return METHODS[METHOD_NAMES[name]].uses_stage


def class_choices(actions: Actions, now: Selection, default: str) -> list[tuple[str, str]]:
    """Return the model's classes, those in the picture first, after ``default`` for none chosen."""
    result = actions.stored(now).result
    present = [row.name for row in result.table()]
    others = [name for name in result.classes.names if name not in present]
    return [(default, ""), *((name, name) for name in [*present, *others])]


def place(
    actions: Actions,
    now: Selection,
    region: str,
    label: str | None,
    against: str | None,
    painted: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return the parameters that say what is asked about."""
    x, y = pixel_of(actions, now)
    asked = {"x": x, "y": y, "region": region, "label": label or None, "against": against or None}
    if region == "mask":
        asked["mask"] = mask_of(painted, actions.stored(now).result.labels.shape)
    return asked


def why(now: Selection, asked: dict[str, Any], method: str, stage: int) -> Job:
    """Return the question of one method."""
    return Job("attribute", now, asked | {"method": method, "stage": stage})


def trust(now: Selection, asked: dict[str, Any], methods: list[str], stage: int, show: str) -> Job:
    """Return the question which of several methods to believe; it is about one class alone."""
    rest = {name: value for name, value in asked.items() if name != "against"}
    return Job("faithfulness", now, rest | _several(methods, stage) | {"show": show})


def side_by_side(now: Selection, asked: dict[str, Any], methods: list[str], stage: int) -> Job:
    """Return the question of several methods, in their own order."""
    return Job("attributions", now, asked | _several(methods, stage))


def _several(methods: list[str], stage: int) -> dict[str, Any]:
    chosen = [name for name in METHOD_NAMES if name in methods]
    return {"methods": ",".join(chosen), "stage": stage}
