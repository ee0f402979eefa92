"""The tab on interventions: take one thing away and see which labels change."""

from __future__ import annotations

from typing import Any

import gradio as gr

from analysis import Trace
from ui.messages import what_if as messages
from ui.page.mask_editor import mask_editor, mask_of, picture_to_paint
from ui.page.question_panel import AnswerView, panel_intro, place_key, place_line
from ui.page.said import said
from ui.page.session import Session
from ui.service.actions import Actions
from ui.service.jobs import Job, pixel_of
from ui.service.queues import LIGHT
from ui.service.selection import Selection

NAME = messages.TAB
FIRST = "hide-region"
CHOICES = ("stage", "block", "head", "size", "fill", "padded", "paint")
"""What an intervention may leave to choose, in the order of the page."""

LOCAL_STAGES, GLOBAL_STAGES = (1, 2), (3, 4)


def build(actions: Actions, session: Session, tab: gr.Tab) -> None:
    """Add the choices of an intervention and the answer, and wire them."""
    panel_intro(messages.TITLE, messages.INTRO, messages.INTRO_GRADE)
    where = gr.HTML(apply_default_css=False)
    kind = gr.Dropdown(
        [(title, name) for name, (title, _, _) in messages.KINDS.items()],
        value=FIRST,
        label=messages.KIND,
        filterable=False,
    )
    described = gr.HTML(_described(FIRST), apply_default_css=False)
    with gr.Row():
        choices = _choices()
    painted = mask_editor(messages.EDITOR, "what-if-brush")
    view = AnswerView("what-if", messages.ASK)

    def ask(now: Selection, kind: str, painted: Any, *values: Any) -> Job:
        given = dict(zip(CHOICES, values, strict=True))
        return what_if(actions, now, kind, given, painted)

    view.wire(actions, session, ask, [kind, painted, *choices.values()])
    _wire_choices(actions, session, kind, described, choices, painted)

    def fill(now: Selection) -> list[Any]:
        # The numbers of blocks and heads are those of the model: they start anew.
        return [
            place_line(actions, now),
            FIRST,
            _described(FIRST),
            *_shown(actions.trace(now), FIRST),
            gr.ImageEditor(value=None, visible=False),
            *view.blank(now),
        ]

    outputs = [where, kind, described, *choices.values(), painted, *view.outputs]
    session.fill(tab, outputs, fill, depends=place_key)


def _choices() -> dict[str, Any]:
    """Add everything an intervention may leave to choose, by the names of ``CHOICES``."""
    return {
        "stage": gr.Radio([3, 4], value=3, label=messages.STAGE, visible=False),
        "block": gr.Dropdown([(messages.ALL, -1)], value=-1, label=messages.BLOCK, visible=False),
        "head": gr.Dropdown([(messages.ALL, -1)], value=-1, label=messages.HEAD, visible=False),
        "size": gr.Number(0, label=messages.SIZE, info=messages.SIZE_INFO, precision=0, minimum=0),
        "fill": gr.Radio(
            [(name, key) for key, name in messages.FILLS.items()], value="blur", label=messages.FILL
        ),
        "padded": gr.Checkbox(label=messages.PADDED, visible=False),
        "paint": gr.Checkbox(label=messages.PAINT, info=messages.PAINT_INFO),
    }


def _wire_choices(
    actions: Actions,
    session: Session,
    kind: gr.Dropdown,
    described: gr.HTML,
    choices: dict[str, Any],
    painted: gr.ImageEditor,
) -> None:
    """Show what a kind leaves to choose, the blocks and heads of a stage, and the editor."""
    now, quiet = session.selection, {"show_progress": "hidden", **LIGHT}
    kind.input(
        lambda now, kind: [
            _described(kind),
            *_shown(actions.trace(now), kind),
            gr.ImageEditor(value=None, visible=False),
        ],
        [now, kind],
        [described, *choices.values(), painted],
        **quiet,
    )
    choices["stage"].input(
        lambda now, stage: [
            gr.Dropdown(choices=found, value=-1)
            for found in blocks_and_heads(actions.trace(now), stage)
        ],
        [now, choices["stage"]],
        [choices["block"], choices["head"]],
        **quiet,
    )
    choices["paint"].input(
        lambda paint: gr.ImageEditor(visible=paint), choices["paint"], painted, **quiet
    ).then(  # an editor takes a picture only once it is there
        lambda now, paint: picture_to_paint(actions, now) if paint else gr.skip(),
        [now, choices["paint"]],
        painted,
        **quiet,
    )


def _shown(traced: Trace, kind: str) -> list[Any]:
    """Return the choices as they start for a kind, those it does not have hidden."""
    used, stages = messages.KINDS[kind][2], stages_of(kind)
    start = 3 if 3 in stages else stages[0]
    blocks, heads = blocks_and_heads(traced, start)
    return [
        gr.Radio(choices=list(stages), value=start, visible="stage" in used),
        gr.Dropdown(choices=blocks, value=-1, visible="block" in used),
        gr.Dropdown(choices=heads, value=-1, visible="head" in used),
        gr.Number(0, visible="size" in used),
        gr.Radio(visible="fill" in used),
        gr.Checkbox(False, visible="padded" in used),
        gr.Checkbox(False, visible="paint" in used),
    ]


def _described(kind: str) -> str:
    return f'<p class="says">{said(messages.KINDS[kind][1])}</p>'


def stages_of(kind: str) -> tuple[int, ...]:
    """Return the stages in which the intervention can be made."""
    if kind == "centre-tap":
        return LOCAL_STAGES
    if kind in ("drop-block", "drop-position", "freeze-position"):
        return LOCAL_STAGES + GLOBAL_STAGES
    return GLOBAL_STAGES


def blocks_and_heads(trace: Trace, stage: int) -> tuple[list[Any], list[Any]]:
    """Return what can be chosen in a stage of the model: pairs of words and number, -1 for all."""
    heads = trace.block(stage, 0).attn.heads if stage in GLOBAL_STAGES else 0
    counts = (len(trace.windows[stage - 1]), heads)
    blocks, heads = ([(messages.ALL, -1), *((str(n), n) for n in range(count))] for count in counts)
    return blocks, heads


def what_if(
    actions: Actions,
    now: Selection,
    kind: str,
    given: dict[str, Any],
    painted: dict[str, Any] | None,
) -> Job:
    """Return the question; of ``given``, by names of ``CHOICES``, only what the kind uses counts.

    Raises ``ValueError`` where something should be painted and is not.
    """
    x, y = pixel_of(actions, now)
    used = {name: given[name] for name in messages.KINDS[kind][2]}
    asked: dict[str, Any] = {"kind": kind, "x": x, "y": y}
    if used.pop("paint", False):
        asked["mask"] = mask_of(painted, actions.stored(now).result.labels.shape)
        if asked["mask"] is None:
            raise ValueError(messages.NOTHING_PAINTED)
    for name in ("block", "head"):
        if used.get(name) == -1:
            used[name] = None
    if not used.get("size", True):
        used["size"] = None
    return Job("what-if", now, asked | used)
