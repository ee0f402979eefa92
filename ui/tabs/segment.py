"""The segment tab: give a picture, see it labelled, read the legend, take the result away."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from ui import text
from ui.examples import EXAMPLES
from ui.handlers import Answer, Handlers, Selection
from uniformer import list_models
from uniformer.config import REACHES, Reach
from uniformer.factory import find_config

ASSETS = Path(__file__).parent.parent.parent / "assets"
WINDOW_SIZES = (4, 8, 14, 16, 24, 32)

# The models are shared: work on them waits in one queue, two visitors at a time.
HEAVY = {"concurrency_id": "model", "concurrency_limit": 2, "api_visibility": "private"}
LIGHT = {"concurrency_limit": 4, "api_visibility": "private"}

# Hands a file to the browser as a download.
SAVE_FILE = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url;
  link.download = file.orig_name;
  link.click();
}"""


@dataclass(frozen=True)
class Parts:
    """The components that events read and fill."""

    selection: gr.State
    photo: gr.Image
    examples: gr.HTML
    model: gr.Dropdown
    reach: gr.Radio
    window: gr.Radio
    message: gr.HTML
    viewer: gr.HTML
    file: gr.File

    @property
    def shown(self) -> list[Any]:
        """What a new result fills, in the order of :func:`_answer`."""
        controls = [self.model, self.reach, self.window]
        return [self.selection, self.viewer, self.examples, *controls, self.message]


def build(handlers: Handlers) -> None:
    """Add the tab's components to the page that is being built, and wire them."""
    first = handlers.first
    selection = gr.State(first.selection)
    with gr.Row(elem_id="bench"):
        with gr.Column(elem_id="controls", scale=0, min_width=280):
            photo = _photo()
            model, reach, window = _model_controls(first.selection)
        with gr.Column(elem_id="result"):
            examples = _examples(first)
            message = gr.HTML(elem_id="message")
            viewer = _viewer(first)
            file = gr.File(visible="hidden")
    parts = Parts(selection, photo, examples, model, reach, window, message, viewer, file)
    _wire_results(parts, handlers)
    _wire_downloads(parts, handlers)


def _wire_results(parts: Parts, handlers: Handlers) -> None:
    now = parts.selection
    nothing = [gr.skip()] * len(parts.shown)
    heavy = {
        "outputs": parts.shown,
        "show_progress": "minimal",
        "show_progress_on": parts.viewer,
        "trigger_mode": "always_last",
        **HEAVY,
    }

    def open_photo(now: Selection, given: dict[str, Any] | None) -> list[Any]:
        if given is None:
            return nothing
        return _answer(now, lambda: handlers.open_photo(now, given["path"], given["orig_name"]))

    def pick(now: Selection, event: gr.EventData) -> list[Any]:
        return _answer(now, lambda: handlers.open_example(now, event.name))

    def change_model(now: Selection, name: str) -> list[Any]:
        if name == now.model:  # the page itself set it back
            return nothing
        return _answer(now, lambda: handlers.change_model(now, name))

    def change_reach(now: Selection, reach: Reach, window_size: int) -> list[Any]:
        return _answer(now, lambda: handlers.change_reach(now, reach, window_size))

    # preprocess=False: Gradio would open the picture itself and fail in its own words.
    # Emptied once read, whatever came of it: the viewer shows the picture, some formats only there.
    parts.photo.input(open_photo, [now, parts.photo], preprocess=False, **heavy).then(
        lambda: None, outputs=parts.photo, **LIGHT
    )
    parts.examples.pick(pick, now, **heavy)
    # change, not input or select: those fire twice by mouse, or never by keyboard.
    parts.model.change(change_model, [now, parts.model], **heavy)
    local = [parts.reach.input, parts.window.input]
    gr.on(local, change_reach, [now, parts.reach, parts.window], **heavy)


def _wire_downloads(parts: Parts, handlers: Handlers) -> None:
    def take_away(now: Selection, event: gr.EventData) -> list[Any]:
        path, sentence = _try(lambda: handlers.take_away(now, event.kind, event.opacity))
        return [None if path is None else str(path), sentence]

    parts.viewer.take_away(
        take_away,
        parts.selection,
        [parts.file, parts.message],
        show_progress="minimal",
        show_progress_on=parts.viewer,
        **LIGHT,
    ).then(None, parts.file, js=SAVE_FILE)


def _answer(now: Selection, action: Callable[[], Answer]) -> list[Any]:
    """Return the outputs after ``action``; a failure leaves all but the message as it was."""
    answer, sentence = _try(action)
    if answer is None:
        settings = _controls(now)
        return [gr.skip(), gr.skip(), gr.skip(), *settings, sentence]
    new = answer.selection
    return [new, answer.view, answer.example, *_controls(new), sentence]


def _controls(selection: Selection) -> list[Any]:
    local = selection.reach != "global"
    return [
        selection.model,
        selection.reach,
        gr.update(value=selection.window_size, visible=local),
    ]


def _try(action: Callable[[], Any]) -> tuple[Any, str]:
    """Return what ``action`` returned and no message, or None and one sentence."""
    try:
        return action(), ""
    except ValueError as error:
        sentence = str(error)
    except Exception:
        logging.getLogger(__name__).exception("A page event failed.")
        sentence = text.SERVER_FAILED
    return None, f'<p role="alert">{html.escape(sentence)}</p>'


def _photo() -> gr.Image:
    return gr.Image(
        label=text.PHOTO,
        placeholder=text.PHOTO_HINT,
        type="filepath",
        sources=["upload", "webcam", "clipboard"],
        height=210,
        buttons=[],
        elem_id="photo",
    )


def _examples(first: Answer) -> gr.HTML:
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
            [(text.model_label(find_config(name)), name) for name in list_models()],
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


def _viewer(first: Answer) -> gr.HTML:
    return gr.HTML(
        first.view,
        html_template=(ASSETS / "viewer.html").read_text(),
        js_on_load=(ASSETS / "viewer.js").read_text(),
        elem_id="viewer",
        apply_default_css=False,
        text=text.VIEWER,
        downloads=text.DOWNLOADS,
    )
