"""The tab on models: which there are, where their weights are, and the visitor's own checkpoint."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import gradio as gr

from ui.answer_card import note_line, progress_line
from ui.fetching import fetch
from ui.handlers import Handlers
from ui.selection import Selection
from ui.session import HEAVY, Session, attempt
from ui.uploads import MAX_UPLOAD_BYTES
from ui.words import models as words
from ui.words import questions as common
from uniformer import list_models
from uniformer.config import MODELS

NAME = words.TAB


def build(handlers: Handlers, session: Session, tab: gr.Tab) -> None:
    """Add the tab's components to the page that is being built, and wire them."""
    gr.HTML(f'<p class="says">{html.escape(words.SAYS)}</p>', elem_classes="panel-intro")
    banner = gr.HTML(elem_id="models-banner", apply_default_css=False)
    with gr.Row(elem_classes="choices"):
        model = gr.Dropdown(
            list_models(), label=words.MODEL, info=words.MODEL_INFO, value=session.first.model,
            filterable=False, elem_id="models-choice",
        )  # fmt: skip
    with gr.Row(elem_classes="ask-row"):
        use = gr.Button(words.USE, variant="primary", scale=0, elem_id="models-use")
        cancel = gr.Button(common.CANCEL, scale=0, elem_id="models-cancel")
    status = gr.HTML("", elem_id="models-status", elem_classes="ask-status")
    gr.HTML(model_table(), elem_classes="answer-card", apply_default_css=False)
    megabytes = MAX_UPLOAD_BYTES // 2**20
    own = words.UPLOAD_INFO.format(megabytes=megabytes)
    gr.HTML(
        f'<h3>{words.UPLOAD_TITLE}</h3><p class="note">{html.escape(own)}</p>',
        elem_classes="panel-intro",
    )
    file = gr.File(
        label=words.UPLOAD, file_types=[".pth", ".safetensors"], height=130, elem_id="own-model"
    )
    shown = [session.selection, status]
    fetched = gr.State(False)
    download = use.click(
        fetch_lines,
        model,
        [status, fetched],
        show_progress="hidden",
        concurrency_id="download",
        concurrency_limit=2,
        api_visibility="private",
    )

    def change(now: Selection, name: str, fetched: bool) -> list[Any]:
        if not fetched:
            return [gr.skip(), gr.skip()]
        return _changed(lambda: handlers.change_model(now, name).selection)

    def upload(now: Selection, given: dict[str, Any] | None) -> list[Any]:
        if given is None:
            return [gr.skip(), ""]
        path, name = given["path"], given["orig_name"]
        return _changed(lambda: handlers.add_model(now, path, name).selection)

    heavy = {"show_progress": "minimal", "show_progress_on": status, **HEAVY}
    changed = download.then(change, [session.selection, model, fetched], shown, **heavy)
    uploaded = file.upload(upload, [session.selection, file], shown, preprocess=False, **heavy)
    session.made += [changed, uploaded]
    session.running.append(download)
    cancel.click(
        lambda: [note_line(common.CANCELLED), False],
        outputs=[status, fetched],
        cancels=[download],
        queue=False,
        **{"show_progress": "hidden", "api_visibility": "private"},
    )
    session.fill(tab, [banner], lambda now: [banner_of(handlers, now)])


def _changed(action: Callable[[], Selection]) -> list[Any]:
    """Return the new selection and an empty status, or none and why not."""
    selection, sentence = attempt(action)
    return [gr.skip(), sentence] if sentence else [selection, ""]


def fetch_lines(name: str) -> Iterator[tuple[str, bool]]:
    """Yield the status line, and whether the weights of the model called ``name`` are here."""
    yield progress_line(words.download(0, 0), None), False
    with closing(fetch(name)) as steps:
        while True:
            step, sentence = attempt(lambda: next(steps, None))
            if sentence:
                yield f"{sentence}{note_line(words.STAYS)}", False
                return
            if step is None:
                break
            share = step.done / step.total if step.total else None
            yield progress_line(words.download(step.done, step.total), share), False
    yield progress_line(common.STARTED, None), True


def banner_of(handlers: Handlers, now: Selection) -> str:
    """Return what the weights in use are, as HTML; a warning where they mean nothing."""
    result = handlers.held(now).result
    sentence = html.escape(words.in_use(result.model, result.weights.note))
    trained = str(result.weights.trained).lower()
    return f'<p class="banner" data-trained="{trained}">{sentence}</p>'


def model_table() -> str:
    """Return what there is to know of all models before they are loaded, as HTML."""
    heads = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in words.HEADERS)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in words.row(config)) + "</tr>"
        for config in MODELS.values()
    )
    return (
        f'<article class="answer"><div class="table-frame" tabindex="0" role="group" '
        f'aria-label="{words.TABLE}"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></article>"
    )
