"""What stands before every HTTP request: a bound on its size, a count and a line in the log."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ui.host import metrics
from ui.host.doors import DOOR
from ui.messages import page as text

LOG = logging.getLogger(__name__)

ENVELOPE_BYTES = 2**16
"""What a request may have beyond the file it carries."""

BUSY = "This server is busy and its queue is full: please try again in a minute."

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

GONE = 499
"""The status in the log of a request whose sender left before it was complete."""

MISTAKES = (LookupError, TypeError, AttributeError, ValueError, RecursionError)
"""What Gradio's routes raise on content they did not expect; what functions raise ends before."""

NOT_UNDERSTOOD = "This request has another form than its address expects."

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class RequestLog:
    """Counts and logs every request by the pattern of its route, which holds nothing of a visitor.

    The log has no address, query, header, file name or content. A stream, such as the events of a
    page, counts once, when it ends.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on and tell of it once it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status, began = 500, False  # unless an answer starts

        async def watch(message: Message) -> None:
            nonlocal status, began
            if message["type"] == "http.response.start":
                status, began = message["status"], True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:  # in the middle of an upload: nobody is there to be told
            status = GONE
        except MISTAKES as error:
            if began or scope["method"] != "POST":
                raise
            LOG.info("not understood", exc_info=error)
            await JSONResponse({"detail": NOT_UNDERSTOOD}, 400)(scope, receive, watch)
        finally:
            _tell(scope, status, time.perf_counter() - start)


class BodyLimit:
    """Refuses request bodies of more than ``max_bytes``, announced or counted, with status 413."""

    def __init__(self, app: App, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes + ENVELOPE_BYTES
        self._sentence = (
            f"This server takes at most {max_bytes // 2**20} MB at once: make it smaller."
            if max_bytes >= 2**20
            else f"This server takes at most {max_bytes} bytes at once: make it smaller."
        )

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on unless it is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if int(dict(scope["headers"]).get(b"content-length", 0)) > self._max_bytes:
            await JSONResponse({"detail": self._sentence}, 413)(scope, receive, send)
            return
        taken, refused = 0, False

        async def count() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_bytes:
                raise HTTPException(413, self._sentence)
            return message

        async def answer(message: Message) -> None:
            nonlocal refused
            # Gradio's reader of uploads refuses a large file itself, in words of its own.
            refused = refused or message.get("status") == 413
            if not refused:
                await send(message)

        await self._app(scope, count, answer)
        if refused:
            await JSONResponse({"detail": self._sentence}, 413)(scope, receive, send)


async def tell_busy(request: Request, error: HTTPException) -> Response:
    """Answer a request that could not wait, as there was no place left in the queue."""
    full = "queue is full" in str(error.detail).lower()
    content = {"detail": BUSY if full else error.detail}
    return JSONResponse(content, 503, headers={"Retry-After": "60"})


async def tell_failure(request: Request, error: OSError) -> Response:
    """Answer a request that failed on a file of the server, as an upload on a full disk does."""
    LOG.error("file", exc_info=error)
    if error.errno in NO_ROOM:
        return JSONResponse({"detail": text.NO_ROOM}, 507)
    return JSONResponse({"detail": text.SERVER_FAILED}, 500)


def _tell(scope: Message, status: int, seconds: float) -> None:
    route = scope.get(DOOR, "unknown")
    method = scope["method"] if scope["method"] in METHODS else "other"
    metrics.REQUESTS.labels(method, route, status).inc()
    metrics.REQUEST_SECONDS.labels(route).observe(seconds)
    facts = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
    LOG.info("request", extra={"fields": facts})
