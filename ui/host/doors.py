"""Every address that is served, decided one by one: what is not listed as open is not there.

Gradio brings far more addresses than this page uses, and each version brings others.
``tests/test_doors.py`` compares both lists with what Gradio serves, so that a new one is decided.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.host.inside_gradio import BlockFunction

OPEN = {
    "/": "GET HEAD",
    "/healthz": "GET",
    "/metrics": "GET",
    "/config": "GET",
    "/theme.css": "GET",
    "/static/{path:path}": "GET",
    "/assets/{path:path}": "GET",
    "/favicon.ico": "GET",
    "/robots.txt": "GET",
    "/manifest.json": "GET",
    "/pwa_icon": "GET",
    "/login": "POST",
    "/logout": "GET",
    "/llms.txt": "GET",
    "/api/openapi.json": "GET",
    "/api/models": "GET",
    "/api/{name}": "POST",
    "/web/api/catalog": "GET",
    "/web/api/open": "POST",
    "/web/api/relabel": "POST",
    "/web/api/checkpoint": "POST",
    "/web/api/film": "POST",
    "/web/api/{key}/block/{stage:int}/{block:int}": "GET",
    "/web/api/{key}/probabilities": "GET",
    "/web/api/{key}/layer": "POST",
    "/web/api/{key}/take-away": "POST",
    "/web/{file:path}": "GET",
    "/gradio_api/user": "GET",
    "/gradio_api/login_check": "GET",
    "/gradio_api/app_id": "GET",
    "/gradio_api/theme.css": "GET",
    "/gradio_api/startup-events": "GET",
    "/gradio_api/heartbeat/{session_hash}": "GET",
    "/gradio_api/info": "GET",
    "/gradio_api/openapi.json": "GET",
    "/gradio_api/queue/join": "POST",
    "/gradio_api/queue/data": "GET",
    "/gradio_api/queue/status": "GET",
    "/gradio_api/run/{api_name}": "POST",
    "/gradio_api/call/{api_name}": "POST",
    "/gradio_api/call/{api_name}/{event_id}": "GET",
    "/gradio_api/call/v2/{api_name}": "POST",
    "/gradio_api/call/v2/{api_name}/{event_id}": "GET",
    "/gradio_api/cancel": "POST",
    "/gradio_api/reset": "POST",
    "/gradio_api/upload": "POST",
    "/gradio_api/upload_progress": "GET",
    "/gradio_api/component_server": "POST",
    "/gradio_api/file={path_or_url:path}": "GET HEAD",
    "/gradio_api/mcp": "GET POST DELETE",
    "/gradio_api/mcp/http": "GET POST DELETE",
    "/gradio_api/mcp/schema": "GET",
    "/gradio_api/mcp/sse": "GET",
    "/gradio_api/mcp/messages": "POST",
}
"""What the page, programs and agents use, with its methods; a slash at the end makes no difference.

``run`` answers only what waits in no queue; ``call`` and ``queue/join`` put work into the queue.
"""

CLOSED = {
    "/openapi.json": "GET HEAD",  # answers without the password; /gradio_api/openapi.json asks
    "/svelte/{path:path}": "GET",  # components of others
    "/gradio_api/custom_component/{id}/{environment}/{type}/{file_name}": "GET",
    "/pwa_icon/{size}": "GET",  # makes a picture as large as it is told to
    "/gradio_api/api/{api_name}": "POST",  # the same as run
    "/gradio_api/token": "GET",  # shows scripts what the browser keeps from them
    "/gradio_api/dev/reload": "GET",  # streams for ever
    "/gradio_api/deep_link": "GET",  # keeps files of a visit for others; links here need none
    "/gradio_api/proxy={url_path:path}": "GET HEAD",  # fetches from elsewhere
    "/gradio_api/file/{path:path}": "GET",  # an older form of file=
    "/gradio_api/stream/{event_id}": "POST",  # sound and film
    "/gradio_api/stream/{event_id}/close": "POST",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8": "GET",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}": "GET",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file": "GET",
    "/gradio_api/process_recording": "POST",  # keeps files and runs another program
    "/gradio_api/runs": "GET",  # history of what was run; none is kept here
    "/gradio_api/run-history/connect": "POST",
    "/gradio_api/run-history/buckets": "GET",
    "/gradio_api/run-history/records": "GET",
    "/gradio_api/run-history/records/{endpoint}/{record_id}/assets/{asset_id}": "GET",
    "/monitoring": "GET",
    "/monitoring/summary": "GET",
    "/monitoring/{key}": "GET",
    "/gradio_api/vibe-edit": "POST",  # write the app's own source
    "/gradio_api/undo-vibe-edit": "POST",
    "/gradio_api/vibe-code": "GET POST",
    "/gradio_api/vibe-starter-queries": "POST",
}
"""What Gradio offers and this page has no use for, and why it is not served."""

DOOR = "door"
"""Under which a request has its entry in ``OPEN``, for logs: without anything a visitor wrote."""

_CALLED = re.compile(r"/gradio_api/(run|call/v2|call)/([^/]+)(?:/[^/]+)?")
_MOST_RANGES = 16
_MOST_JSON_BYTES = 2**16
"""Of a request that waits in no queue: names and numbers, no pictures."""


class Doors:
    """Passes on requests to what is ``OPEN``; everything else is answered with status 404.

    Of ``functions``, those of the page, programs may call the public ones by name. The page calls
    its own by number: through the queue, or through ``run`` what waits in no queue.
    """

    def __init__(self, app: ASGIApp, functions: Collection[BlockFunction]) -> None:
        self._app = app
        self._public = {fn.api_name for fn in functions if fn.api_visibility == "public"}
        self._at_once = {fn._id for fn in functions if not fn.queue}
        self._public_at_once = {
            fn.api_name for fn in functions if fn._id in self._at_once
        } & self._public
        self._open = [(path, compile_path(path)[0], set(how.split())) for path, how in OPEN.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its ``DOOR``, or answer that there is nothing."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        path = route_path(scope)
        door = self._door(path, scope["method"])
        if door is None:
            await not_found(scope, receive, send)
            return
        scope[DOOR] = door
        _forget_many_ranges(scope)
        if called := _CALLED.fullmatch(path):
            way, name = called.groups()
            if way == "run":
                receive, may = await self._may_run(name, scope, receive)
            else:
                may = name in self._public
            if not may:
                await not_found(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _door(self, path: str, method: str) -> str | None:
        doors = (
            door for door, pattern, how in self._open if method in how and pattern.fullmatch(path)
        )
        return next(doors, None)

    async def _may_run(self, name: str, scope: Scope, receive: Receive) -> tuple[Receive, bool]:
        """Return what is received, again from its beginning, and whether it may run at once."""
        messages, size = [], 0
        while True:
            messages.append(message := await receive())
            size += len(message.get("body", b""))
            if not message.get("more_body") or size > _MOST_JSON_BYTES:
                break
        replay = _replay(messages, receive)
        if size > _MOST_JSON_BYTES:
            return replay, False
        try:
            asked = json.loads(b"".join(part.get("body", b"") for part in messages))
            number = asked.get("fn_index")
        except (ValueError, AttributeError, RecursionError):
            return replay, False
        if number is None:
            return replay, name in self._public_at_once
        return replay, type(number) is int and number in self._at_once


def route_path(scope: Scope) -> str:
    """Return the path below where the page is mounted, without a slash at its end."""
    path, root = scope["path"], scope.get("root_path", "").rstrip("/")
    if root and path.startswith(root + "/"):
        path = path[len(root) :]
    return path if path == "/" else path.rstrip("/")


def served_by(routes: Collection[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and method of every address that ``routes`` of an application answer."""
    for route in routes:
        if inner := getattr(getattr(route, "original_router", None), "routes", None):
            yield from served_by(inner, prefix)
        elif inner := getattr(route, "routes", None):
            yield from served_by(inner, prefix + route.path)
        else:
            for method in getattr(route, "methods", None) or {"*"}:
                yield (prefix + route.path).rstrip("/") or "/", method


def _forget_many_ranges(scope: Scope) -> None:
    """Let whoever asks for a file in very many parts have it whole, as a server may."""
    headers = MutableHeaders(scope=scope)
    if headers.get("range", "").count(",") >= _MOST_RANGES:
        del headers["range"]


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as for an address that does not exist."""
    await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)


def _replay(messages: list[Any], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def again() -> Any:
        return next(waiting, None) or await receive()

    return again
