"""Serve the page until told to stop: its address, its guards, /healthz and /metrics."""

from __future__ import annotations

import base64
import gc
import logging
import os
import secrets
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from analysis.layers import warm_up
from ui.host import logs, metrics
from ui.host.browsers import Browsers, answer_only
from ui.host.doors import Doors
from ui.host.downloads import bound_downloads
from ui.host.inside_gradio import functions_of, keep_mcp_files_in, queue_of, upload_folder
from ui.host.logins import Logins
from ui.host.middleware import BodyLimit, RequestLog, tell_busy, tell_failure
from ui.host.places import Listeners, make_fair
from ui.host.retention import remove_beyond, remove_old
from ui.host.room import Room
from ui.host.settings import Settings
from ui.host.silence import HalfSent, Silence
from ui.host.temp_files import private_folder
from ui.layout import build, launch
from ui.service.actions import Actions
from uniformer import heap
from uniformer.runtime import go_offline, set_threads

Responder = Callable[..., Awaitable[Response]]

LAST_SECONDS = 3.0
"""For steps under way to end, once the server is told to stop."""

KEPT_SHARE = 0.75
"""Part of ``files_bytes`` down to which the oldest files go, so that there is room for new ones."""

ROUND_SECONDS, ROUNDS = 60, 4
"""Old files are looked for every minute, and at least four times within ``store_seconds``."""


def serve(settings: Settings) -> None:
    """Build the page, serve it, and return after SIGTERM or SIGINT with every visitor's file gone.

    Requests under way get a few seconds to finish; a second signal ends the process at once.
    Raises ``ValueError`` for a model, device or weights that cannot be used and ``OSError`` when
    the port is taken.
    """
    heap.reuse()
    logs.set_up(settings.log_level)
    if settings.offline:
        go_offline()
    if settings.threads is not None:
        set_threads(settings.threads)
    bound_downloads(settings.upload_bytes)
    with private_folder():
        files = upload_folder()
        keep_mcp_files_in(files)
        actions = Actions(settings)
        page = build(settings, actions)
        stop = _signalled()
        launch(page, prevent_thread_lock=True, **launch_options(page, settings))
        print(f"The page is at {page.local_url} until this is stopped (Ctrl-C).", flush=True)
        actions.trace(actions.first.selection)  # while the first visitors already see the page
        warm_up()
        _collect_only_what_comes()
        half_sent = HalfSent(page.server)
        while not stop.wait(min(ROUND_SECONDS, settings.store_seconds / ROUNDS)):
            remove_old(files, settings.store_seconds)
            remove_beyond(files, int(KEPT_SHARE * settings.files_bytes))
            actions.forget_old()
            half_sent.close_those_seen_before()
            heap.give_back()
        actions.turns.close(LAST_SECONDS)
        page.close(verbose=False)


def _collect_only_what_comes() -> None:
    """Leave what start-up made out of the search for garbage: it would hold a visitor up 0.3 s."""
    gc.freeze()
    gc.enable()


def leave(code: int) -> NoReturn:
    """End the process with ``code``, whatever its threads still compute.

    A thread in the middle of a computation of torch cannot be ended: Python would abort on it.
    """
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def launch_options(page: Any, settings: Settings) -> dict[str, Any]:
    """Return the arguments of ``gr.Blocks.launch`` that ``settings`` decide.

    They add ``/healthz``, open to everybody, and ``/metrics``, which wants the page's own user and
    password where it has one, both beside the page.
    """
    routes = [_route("/healthz", _healthz), _route("/metrics", _metrics(page, settings.auth))]
    origins = settings.trusted_origins
    answer_only(origins)
    guards = [
        Middleware(RequestLog),
        Middleware(Silence),
        Middleware(Browsers, origins=origins, names=settings.answers_to),
        Middleware(Doors, functions=functions_of(page)),
        Middleware(Listeners, queue=make_fair(page)),
        *([Middleware(Logins)] if settings.auth else []),
        Middleware(BodyLimit, max_bytes=settings.upload_bytes),
        Middleware(Room, folder=upload_folder, most_bytes=settings.files_bytes),
    ]
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
            "exception_handlers": {OSError: tell_failure, 503: tell_busy},
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


def _route(path: str, answer: Responder) -> APIRoute:
    return APIRoute(path, answer, include_in_schema=False, response_model=None)


async def _healthz() -> Response:
    """Say that the page is up: it listens only once its model is loaded."""
    return JSONResponse({"status": "ok"})


def _metrics(page: Any, auth: str | None) -> Responder:
    """Return what answers with the figures of :mod:`ui.host.metrics`, behind ``auth`` if given."""
    wanted = auth and f"Basic {base64.b64encode(auth.encode()).decode()}"

    async def answer(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if wanted and not secrets.compare_digest(given.encode(), wanted.encode()):
            return Response(status_code=401, headers={"WWW-Authenticate": 'Basic realm="metrics"'})
        metrics.WAITING.set(len(queue_of(page)))
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return answer
