"""All that this page takes of Gradio beyond what Gradio documents: look here when it is updated.

No other file imports from within Gradio, or touches what begins with an underscore there;
``tests/test_architecture.py`` holds that. :class:`ui.host.places.FairQueue` builds on ``Queue``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableMapping
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import component_meta, mcp, processing_utils, queueing, route_utils, routes
from gradio.block_function import BlockFunction
from gradio.context import LocalContext
from gradio.queueing import Event, Queue
from gradio.route_utils import get_root_url
from gradio.utils import get_upload_folder, run_coro_in_background
from gradio_client.utils import is_file_obj_with_meta as is_sent_file
from starlette.datastructures import Headers
from starlette.requests import Request

__all__ = [
    "PATIENT",
    "PUBLIC_NAMES",
    "BlockFunction",
    "Event",
    "Queue",
    "bound_paintings",
    "download_by",
    "functions_of",
    "get_root_url",
    "has_entered",
    "is_sent_file",
    "keep_mcp_files_in",
    "let_read",
    "mcp",
    "queue_of",
    "run_coro_in_background",
    "serve_by",
    "tell_errors_by",
    "this_event",
    "upload_folder",
    "write_no_interfaces",
]

PATIENT = {"_frontend": False}
"""Arguments of ``launch`` that keep it from giving up where the first answer takes seconds."""

PUBLIC_NAMES: Collection[str] = processing_utils.PUBLIC_HOSTNAME_WHITELIST
"""Names from which Gradio downloads without looking up whether their address is public."""


def upload_folder() -> Path:
    """Return where Gradio keeps what visitors send and what they may fetch."""
    return Path(get_upload_folder())


def write_no_interfaces() -> None:
    """Keep Gradio from writing a file beside each class that is made from one of its components."""
    component_meta.create_or_modify_pyi = lambda *given: None


def keep_mcp_files_in(folder: Path) -> None:
    """Let what comes over MCP be kept in ``folder``, not where it was when Gradio was imported."""
    mcp.DEFAULT_TEMP_DIR = str(folder)


def download_by(transport: Any) -> None:
    """Let Gradio fetch what is given by its address through ``transport``, of httpx."""
    processing_utils.async_transport = transport


def let_read(allowed: Callable[[Headers], bool]) -> None:
    """Let pages of other sites read answers where ``allowed`` says so of a request's headers."""
    route_utils.CustomCORSMiddleware.is_valid_origin = lambda self, headers: allowed(headers)


def tell_errors_by(traces: Any) -> None:
    """Have ``traces.print_exc`` called where Gradio prints an error, values and all."""
    for module in (queueing, routes, route_utils):
        module.traceback = traces


def functions_of(page: gr.Blocks) -> Collection[BlockFunction]:
    """Return what the events of a page call."""
    return page.fns.values()


def queue_of(page: gr.Blocks) -> Queue:
    """Return the queue of a page; its length is how many wait."""
    return page._queue


def serve_by(page: gr.Blocks, queue: Queue) -> None:
    """Give a page that is not yet served another queue."""
    page._queue = queue


def this_event() -> tuple[Queue | None, str | None]:
    """Return the queue and the id of the event under way on this thread, if there is one."""
    page = LocalContext.blocks.get(None)
    return getattr(page, "_queue", None), LocalContext.event_id.get(None)


def has_entered(request: Request) -> bool:
    """Whether the page asks for no password, or whoever sent ``request`` has given it."""
    app = request.app
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(request.cookies.get(name) in app.tokens for name in names)


def bound_paintings(
    editor: gr.ImageEditor, kept: MutableMapping[str, Any], most_layers: int
) -> None:
    """Keep what browsers send of a painting in ``kept``, and take ``most_layers`` of it at most."""
    accept = editor.accept_blobs

    @wraps(accept)
    def accept_blobs(data: Any) -> Any:
        index = data.data.get("index")
        if index not in (None, "", "null") and int(index) not in range(most_layers):
            raise ValueError("An editor has no such layer.")
        return accept(data)

    editor.blob_storage = kept
    editor.accept_blobs = accept_blobs
