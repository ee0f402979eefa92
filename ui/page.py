"""The page as a whole: header, tabs, credits; and how it is served."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from ui import text
from ui.examples import FOLDER
from ui.handlers import Handlers
from ui.settings import Settings
from ui.tabs import segment
from ui.theme import theme
from uniformer.pictures import MAX_FILE_BYTES

ASSETS = FOLDER.parent
UPLOADS_SECONDS = 3600


def build(settings: Settings) -> gr.Blocks:
    """Return the page; the model is loaded and the first example labelled before it opens.

    Raises ``ValueError`` for an unknown model and :class:`uniformer.weights.WeightsError` when its
    weights cannot be had.
    """
    handlers = Handlers(settings)
    with gr.Blocks(
        title=text.TITLE,
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(UPLOADS_SECONDS // 4, UPLOADS_SECONDS),
    ) as page:
        gr.HTML(
            f"<h1>{html.escape(text.TITLE)}</h1><p>{html.escape(text.TAGLINE)}</p>",
            elem_id="masthead",
            apply_default_css=False,
        )
        segment.build(handlers)
        gr.Markdown(text.ABOUT, elem_id="about")
        with gr.Accordion(text.CREDITS_TITLE, open=False, elem_id="credits"):
            gr.Markdown((FOLDER / "CREDITS.md").read_text(encoding="utf-8"))
    return page.queue(max_size=64)


def launch(page: gr.Blocks, **where: Any) -> Any:
    """Serve ``page``; ``where`` are further arguments of ``gr.Blocks.launch`` such as the port."""
    return page.launch(
        theme=theme(),
        css_paths=[ASSETS / "style.css", ASSETS / "viewer.css"],
        favicon_path=ASSETS / "favicon.svg",
        footer_links=["settings"],
        max_file_size=MAX_FILE_BYTES,
        show_error=True,
        ssr_mode=False,
        **where,
    )
