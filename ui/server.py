"""Serve the page until told to stop: its address, its guards, /healthz and /metrics."""

from __future__ import annotations

import base64
import secrets
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ui import logs, metrics
from ui.page import build, launch
from ui.requests import BodyLimit, RequestLog, tell_failure
from ui.scratch import private_folder
from ui.settings import Settings
from uniformer.runtime import go_offline, set_threads

Answer = Callable[..., Awaitable[Response]]


def serve(settings: Settings) -> None:
    """Build the page, serve it, and return after SIGTERM or SIGINT with every visitor's file gone.

    Requests under way get a few seconds to finish; a second signal ends the process at once.
    Raises ``ValueError`` for a model, device or weights that cannot be used and ``OSError`` when
    the port is taken.
    """
    logs.set_up(settings.log_level)
    if settings.offline:
        go_offline()
    if settings.threads is not None:
        set_threads(settings.threads)
    with private_folder():
        page = build(settings)
        stop = _signalled()
        launch(page, prevent_thread_lock=True, **launch_options(page, settings))
        stop.wait()
        page.close(verbose=False)


def launch_options(page: Any, settings: Settings) -> dict[str, Any]:
    """Return the arguments of ``gr.Blocks.launch`` that ``settings`` decide.

    They add ``/healthz``, open to everybody, and ``/metrics``, which wants the page's own user and
    password where it has one, both beside the page.
    """
    routes = [_route("/healthz", _healthz), _route("/metrics", _metrics(page, settings.auth))]
    guards = [Middleware(RequestLog), Middleware(BodyLimit, max_bytes=settings.upload_bytes)]
    return {
        "server_name": settings.host,
        "server_port": settings.port,
        "max_file_size": settings.upload_bytes,
        "root_path": settings.root_path or None,  # None: Gradio's own variable
        "auth": None if settings.auth is None else tuple(settings.auth.split(":", 1)),
        # Gradio's MCP endpoint does not ask for a password.
        "mcp_server": settings.mcp and settings.auth is None,
        "app_kwargs": {
            "routes": routes,
            "middleware": guards,
            "exception_handlers": {OSError: tell_failure},
        },
    }


def _signalled() -> threading.Event:
    """Return what SIGTERM and SIGINT will set; a second one acts as it would have."""
    stop = threading.Event()

    def ask(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop


def _route(path: str, answer: Answer) -> APIRoute:
    return APIRoute(path, answer, include_in_schema=False, response_model=None)


async def _healthz() -> Response:
    """Say that the page is up: it listens only once its model is loaded."""
    return JSONResponse({"status": "ok"})


def _metrics(page: Any, auth: str | None) -> Answer:
    """Return what answers with the figures of :mod:`ui.metrics`, behind ``auth`` if given."""
    wanted = auth and f"Basic {base64.b64encode(auth.encode()).decode()}"

    async def answer(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if wanted and not secrets.compare_digest(given.encode(), wanted.encode()):
            return Response(status_code=401, headers={"WWW-Authenticate": 'Basic realm="metrics"'})
        metrics.WAITING.set(len(page._queue))
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return answer
