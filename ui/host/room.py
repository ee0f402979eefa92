"""Bound the disk that visitors' files take: all together, and what one sender has sent."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.host.doors import route_path
from ui.host.places import sender_of
from ui.messages import page as text

SENDER_SHARE = 0.25
"""Part of the room that files sent by one sender may take."""

SEEN_SECONDS = 1.0
"""For so long what was counted in the folder is believed, beside what came in since."""


class Room:
    """Refuses requests with status 507 that would bring more than there is room for.

    ``folder`` returns where Gradio keeps what comes in and what is answered; together that may be
    ``most_bytes``. What is still coming in counts from its first byte. A file that is sent again
    counts once and is kept once, whatever it is called.
    """

    def __init__(self, app: ASGIApp, folder: Callable[[], Path], most_bytes: int) -> None:
        self._app = app
        self._folder = folder
        self._most = most_bytes
        self._coming: defaultdict[str, int] = defaultdict(int)
        self._sent: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._counted = (float("-inf"), 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if there is room for what it brings."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        sender = sender_of(Request(scope), None)
        announced = Headers(scope=scope).get("content-length", "")
        coming = int(announced) if announced.isdecimal() else 0
        self._coming[sender] += coming  # before anything is waited for
        taken, said = 0, bytearray()

        async def count() -> Message:
            nonlocal taken, coming
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > coming:  # it was not announced
                self._coming[sender] += taken - coming
                coming = taken
                if not await self._has_room(sender):
                    raise HTTPException(507, text.NO_ROOM)
            return message

        async def listen(message: Message) -> None:
            said.extend(message.get("body", b""))
            await send(message)

        upload = route_path(scope) == "/gradio_api/upload"
        try:
            if await self._has_room(sender):
                await self._app(scope, count, listen if upload else send)
            else:
                await JSONResponse({"detail": text.NO_ROOM}, 507)(scope, receive, send)
        finally:
            if upload:
                self._note(sender, bytes(said))  # first: it is never counted as neither
            self._coming[sender] -= coming
            if self._coming[sender] <= 0:
                del self._coming[sender]

    async def _has_room(self, sender: str) -> bool:
        """Return whether what is there and what comes in now is within both bounds."""
        sent = self._sent.get(sender, {})
        if sum(sent.values()) + self._coming[sender] > SENDER_SHARE * self._most:
            for path in [path for path in sent if not os.path.exists(path)]:
                del sent[path]
        own = sum(sent.values()) + self._coming[sender]
        when, stored = self._counted
        if time.monotonic() - when > SEEN_SECONDS:
            stored = await anyio.to_thread.run_sync(folder_bytes, self._folder())
            self._counted = (time.monotonic(), stored)
        everything = stored + sum(self._coming.values())
        return own <= SENDER_SHARE * self._most and everything <= self._most

    def _note(self, sender: str, said: bytes) -> None:
        """Count the files that Gradio says it has stored as sent by ``sender``."""
        with contextlib.suppress(ValueError, TypeError, OSError):
            for name in json.loads(said):
                path = Path(name)
                if self._folder() in path.parents:
                    keep_once(path)
                    self._sent[sender][name] = path.stat().st_size
                    when, stored = self._counted
                    self._counted = (when, stored + path.stat().st_size)
        if not self._sent[sender]:
            del self._sent[sender]


def folder_bytes(folder: Path) -> int:
    """Return what the files below ``folder`` take; one that has several names counts once."""
    sizes = {}
    for path, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):  # gone meanwhile
                status = os.lstat(os.path.join(path, name))
                sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())


def keep_once(path: Path) -> None:
    """Let ``path`` be another name of a file beside it, if there is one.

    Gradio's folders are called after the content of the files in them, so all have the same.
    """
    for other in path.parent.iterdir():
        if other != path and other.is_file() and not other.samefile(path):
            spare = path.with_name(f".{path.name[:200]}.once")
            os.link(other, spare)
            os.replace(spare, path)
            return
