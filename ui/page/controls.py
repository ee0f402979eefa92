"""The controls beside the tabs: give a picture, choose an example, a model and its reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.messages import page as text
from ui.messages.models import OWN_NAME
from ui.page.carried import read
from ui.page.session import Session, attempt
from ui.service.actions import Actions, Labelled
from ui.service.examples import ASSETS, EXAMPLES
from ui.service.model_cache import OWN
from ui.service.queues import HEAVY, LIGHT
from ui.service.selection import Selection
from uniformer import list_models
from uniformer.config import REACHES, Reach
from uniformer.factory import find_config

WINDOW_SIZES = (4, 8, 14, 16, 24, 32)


@dataclass(frozen=True)
class Controls:
    """The components that events read and fill."""

    photo: gr.Image
    examples: gr.HTML
    model: gr.Dropdown
    reach: gr.Radio
    window: gr.Radio


def build(first: Labelled) -> Controls:
    """Add the controls to the page that is being built."""
    return Controls(_photo(), _examples(first), *_model_controls(first.selection))


def wire(controls: Controls, actions: Actions, session: Session) -> None:
    """Have every control make a new result; call it when all tabs are built."""
    now, parts = session.selection, controls
    shown = [parts.examples, parts.model, parts.reach, parts.window]
    nothing = [gr.skip()] * (len(shown) + 2)
    heavy = {
        "outputs": [now, session.message, *shown],
        "show_progress": "minimal",
        "show_progress_on": session.outputs,
        "trigger_mode": "always_last",
        **HEAVY,
    }

    def open_photo(said: Any, given: dict[str, Any] | None) -> list[Any]:
        if given is None:
            return nothing
        now = read(said)
        return _answer(now, lambda: actions.open_photo(now, given["path"], given["orig_name"]))

    def pick(now: Selection, event: gr.EventData) -> list[Any]:
        return _answer(now, lambda: actions.open_example(now, event.name))

    def change_model(now: Selection, fetched: str | None) -> list[Any]:
        if fetched is None:  # which the banner told, or the page itself set it back
            return [gr.skip(), gr.skip(), gr.skip(), *_settings(now)]
        return _answer(now, lambda: actions.change_model(now, fetched))

    def change_reach(now: Selection, reach: Reach, window_size: int) -> list[Any]:
        return _answer(now, lambda: actions.change_reach(now, reach, window_size))

    local = [parts.reach.input, parts.window.input]
    asked = [parts.photo.input, parts.examples.pick, parts.model.change, *local]
    session.stop_work_on(asked)
    # preprocess=False: Gradio would open the picture itself and fail in its own words.
    photo = parts.photo.input(open_photo, [now, parts.photo], preprocess=False, **heavy)
    # Emptied once read, whatever came of it: the tabs show the picture, some formats only there.
    photo.then(lambda: None, outputs=parts.photo, **LIGHT)
    # change, not input or select: those fire twice by mouse, or never by keyboard.
    download = session.banner.fetch_on(parts.model.change, parts.model)
    session.banner.wire(session)
    after = {name: value for name, value in heavy.items() if name != "trigger_mode"}
    for event in (
        photo,
        parts.examples.pick(pick, now, **heavy),
        download.then(change_model, [now, session.banner.fetched], **after),
        gr.on(local, change_reach, [now, parts.reach, parts.window], **heavy),
    ):
        session.refill_after(event)
    for event in session.made:
        told = event.then(_settings, now, shown[1:], show_progress="hidden", **LIGHT)
        session.refill_after(told)


def _answer(now: Selection, action: Callable[[], Labelled]) -> list[Any]:
    """Return the outputs after ``action``; a failure leaves all but the message as it was."""
    answer, sentence = attempt(action)
    if answer is None:
        return [gr.skip(), sentence, gr.skip(), *_settings(now)]
    return [answer.selection, sentence, answer.example, *_settings(answer.selection)]


def _settings(selection: Selection) -> list[Any]:
    local = selection.reach != "global"
    return [
        gr.Dropdown(_models(selection), value=selection.model),
        selection.reach,
        gr.update(value=selection.window_size, visible=local),
    ]


def _models(selection: Selection) -> list[tuple[str, str]]:
    """Return label and name of every model, and of the visitor's own while it is in use."""
    known = [(text.model_label(find_config(name)), name) for name in list_models()]
    own = [(OWN_NAME, selection.model)] if selection.model.startswith(OWN) else []
    return known + own


def _photo() -> gr.Image:
    return gr.Image(
        label=text.PHOTO,
        placeholder=text.PHOTO_HINT,
        type="filepath",
        sources=["upload", "webcam", "clipboard"],
        height=180,
        buttons=[],
        elem_id="photo",
    )


def _examples(first: Labelled) -> gr.HTML:
    shown = [
        {"name": example.name, "title": example.title, "alt": example.alt, "thumbnail": thumbnail}
        for example in EXAMPLES.values()
        for thumbnail in [example.thumbnail()]
    ]
    return gr.HTML(
        first.example,
        html_template=(ASSETS / "examples.html").read_text(),
        js_on_load=(ASSETS / "examples.js").read_text(),
        elem_id="examples",
        apply_default_css=False,
        title=text.EXAMPLES_TITLE,
        examples=shown,
    )


def _model_controls(selection: Selection) -> tuple[gr.Dropdown, gr.Radio, gr.Radio]:
    with gr.Column(elem_id="model", min_width=0):
        model = gr.Dropdown(
            _models(selection),
            value=selection.model,
            label=text.MODEL,
            info=text.MODEL_INFO,
            filterable=False,
        )
        reach = gr.Radio(
            [(text.REACH_NAMES[reach], reach) for reach in REACHES],
            value=selection.reach,
            label=text.REACH,
            info=text.REACH_INFO,
        )
        window = gr.Radio(
            WINDOW_SIZES,
            value=selection.window_size,
            label=text.WINDOW,
            info=text.WINDOW_INFO,
            visible=selection.reach != "global",
        )
    return model, reach, window
