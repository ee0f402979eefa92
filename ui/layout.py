"""The page as a whole: header, controls, tabs, credits; and how it is served."""

from __future__ import annotations

from math import ceil
from typing import Any

import gradio as gr

from ui import api
from ui.host.inside_gradio import PATIENT
from ui.host.settings import Settings
from ui.messages import cite
from ui.messages import page as text
from ui.page import workbench
from ui.page.banner import Banner
from ui.page.language import spoken
from ui.page.session import Session
from ui.page.tabs import compare, depth, fields, models, researcher, share, what_if, why
from ui.page.theme import theme
from ui.service.actions import Actions
from ui.service.examples import ASSETS, FOLDER
from ui.web.addresses import Addresses
from uniformer.pictures import MAX_FILE_BYTES

# Below the workbench, in this order. Each has a NAME and
# build(actions, session, tab); its styles, if any, are assets/<id>.css.
TABS = {
    "depth": depth,
    "fields": fields,
    "why": why,
    "what-if": what_if,
    "compare": compare,
    "researcher": researcher,
    "models": models,
    "share": share,
}
STYLES = ("style.css", "answer.css", "share.css", "banner.css")


def build(settings: Settings, actions: Actions | None = None) -> gr.Blocks:
    """Return the page; the model is loaded and the first example analysed before it opens.

    ``actions`` are made of ``settings`` unless given. Raises ``ValueError`` for an unknown model
    and :class:`uniformer.weights.WeightsError` when its weights cannot be had.
    """
    actions = actions or Actions(settings)
    with gr.Blocks(
        title=text.TITLE,
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(ceil(settings.store_seconds / 4), ceil(settings.store_seconds)),
    ) as page:
        services = api.Services(actions.model_cache, settings, actions.turns).all()
        api.add(services)  # first: an event of the page would take a name
        _bench(actions)
        gr.Markdown(gr.i18n.I18nData(text.ABOUT), elem_id="about")
        with gr.Accordion(cite.TITLE, open=False, elem_id="cite"):
            gr.Markdown(gr.i18n.I18nData(cite.SAYS))
            gr.Markdown(cite.PAPERS)
        with gr.Accordion(text.CREDITS_TITLE, open=False, elem_id="credits"):
            gr.Markdown((FOLDER / "CREDITS.md").read_text(encoding="utf-8"))
    api.serve_agents(page, services)
    page.beside = [api.Rest(services, settings), Addresses(actions, settings)]
    return page.queue(
        max_size=settings.queue_size,
        default_concurrency_limit=settings.concurrency,
        api_open=False,
    )


def launch(page: gr.Blocks, **where: Any) -> Any:
    """Serve ``page``; ``where`` are further arguments of ``gr.Blocks.launch`` such as the port."""
    served = where.pop("app_kwargs", {})
    routes = [
        *served.get("routes", ()),
        *(route for part in page.beside for route in part.routes()),
    ]
    return page.launch(
        app_kwargs=served | {"routes": routes},
        theme=theme(),
        css_paths=[ASSETS / name for name in STYLES],
        favicon_path=ASSETS / "favicon.svg",
        footer_links=["settings"],
        show_error=True,
        ssr_mode=False,
        run_history=False,  # nothing of a visit is kept in the browser
        enable_monitoring=False,
        **PATIENT,
        **spoken(),
        # Gradio would advise a share, of which this program knows nothing.
        **{"max_file_size": MAX_FILE_BYTES, "quiet": True} | where,
    )


def _bench(actions: Actions) -> None:
    """Add the workbench and, folded below it, the tabs, which are about what it shows."""
    session = Session(actions.first.selection, next(iter(TABS)))
    bench = workbench.build(actions)
    with gr.Accordion(text.RESEARCHER, open=False, elem_id="researcher"):
        session.banner = Banner(actions, session)
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
            for name, module in TABS.items():
                with gr.Tab(module.NAME, id=name) as tab:
                    module.build(actions, session, tab)
    session.banner.wire(session)
    workbench.wire(bench, actions, session)
