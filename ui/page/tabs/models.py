"""The tab on models: which there are, where their weights are, and the visitor's own checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from analysis.core.words import say
from ui.messages import models as messages
from ui.page.carried import read
from ui.page.said import said
from ui.page.session import Session, attempt
from ui.service.actions import Actions
from ui.service.queues import HEAVY
from ui.service.selection import Selection
from ui.service.uploads import MAX_UPLOAD_BYTES
from uniformer.config import CLASSIFIERS, MODELS

NAME = messages.TAB


def build(actions: Actions, session: Session, tab: gr.Tab) -> None:
    """Add the tab's components to the page that is being built, and wire them."""
    gr.HTML(f'<p class="says">{said(messages.SAYS)}</p>', elem_classes="panel-intro")
    banner = gr.HTML(elem_id="models-banner", apply_default_css=False)
    with gr.Row(elem_classes="choices"):
        model = gr.Dropdown(
            [*MODELS, *CLASSIFIERS],
            label=messages.MODEL,
            info=messages.MODEL_INFO,
            value=session.first.model,
            filterable=False,
            elem_id="models-choice",
        )
    use = gr.Button(messages.USE, variant="primary", elem_id="models-use")
    gr.HTML(model_table(), elem_classes="answer-card", apply_default_css=False)
    own = say(messages.UPLOAD_INFO, megabytes=MAX_UPLOAD_BYTES // 2**20)
    gr.HTML(
        f'<h3>{said(messages.UPLOAD_TITLE)}</h3><p class="note">{said(own)}</p>',
        elem_classes="panel-intro",
    )
    file = gr.File(
        label=messages.UPLOAD, file_types=[".pth", ".safetensors"], height=130, elem_id="own-model"
    )

    def change(now: Selection, fetched: str | None) -> list[Any]:
        if fetched is None:
            return [gr.skip(), gr.skip()]
        return _changed(lambda: actions.change_model(now, fetched).selection)

    def upload(selected: Any, given: dict[str, Any] | None) -> list[Any]:
        if given is None:
            return [gr.skip(), ""]
        now, path, name = read(selected), given["path"], given["orig_name"]
        return _changed(lambda: actions.add_model(now, path, name).selection)

    now, shown = session.selection, [session.selection, session.message]
    heavy = {"show_progress": "minimal", "show_progress_on": banner, **HEAVY}
    download = session.banner.fetch_on(use.click, model)
    changed = download.then(change, [now, session.banner.fetched], shown, **heavy)
    uploaded = file.upload(upload, [now, file], shown, preprocess=False, **heavy)
    session.made += [changed, uploaded]
    session.fill(tab, [banner], lambda now: [banner_of(actions, now)])


def _changed(action: Callable[[], Selection]) -> list[Any]:
    """Return the new selection and no message, or none and why not."""
    selection, sentence = attempt(action)
    return [gr.skip(), sentence] if sentence else [selection, ""]


def banner_of(actions: Actions, now: Selection) -> str:
    """Return what the weights in use are, as HTML."""
    result = actions.stored(now).result
    using = said(say(messages.IN_USE, model=result.model))
    trained = str(result.weights.trained).lower()
    return (
        f'<p class="banner" data-trained="{trained}"><span>{using}</span> '
        f"<span>{said(result.weights.note)}</span></p>"
    )


def model_table() -> str:
    """Return what there is to know of all models before they are loaded, as HTML."""
    heads = "".join(f'<th scope="col">{said(head)}</th>' for head in messages.HEADERS)
    rows = "".join(
        "<tr>" + "".join(f"<td>{said(cell)}</td>" for cell in messages.row(config)) + "</tr>"
        for config in (MODELS | CLASSIFIERS).values()
    )
    return (
        f'<article class="answer"><div class="table-frame" tabindex="0" role="group" '
        f'aria-label="{messages.TABLE}"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></article>"
    )
