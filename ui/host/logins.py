"""Slow down whoever guesses the password."""

from __future__ import annotations

import time
from collections import OrderedDict, deque

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.host.doors import route_path

TRIES, WITHIN_SECONDS = 10, 300
"""Wrong passwords from one address, and the time after which they are forgotten."""

MOST_ADDRESSES = 10_000

TOO_MANY = (
    f"Too many wrong passwords came from this address: please wait {WITHIN_SECONDS // 60} minutes."
)


class Logins:
    """Refuses passwords from an address that sent ``TRIES`` wrong ones, for a while, unseen.

    A try counts from the moment it comes in, so that sending many at once helps nobody; a right
    one counts no more.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it brings one password too many."""
        if scope["type"] != "http" or not _brings_password(scope):
            await self._app(scope, receive, send)
            return
        tries = self._recent(scope["client"][0] if scope.get("client") else "")
        if len(tries) >= TRIES:
            wait = {"Retry-After": str(WITHIN_SECONDS)}
            await JSONResponse({"detail": TOO_MANY}, 429, headers=wait)(scope, receive, send)
            return
        tries.append(now := time.monotonic())

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                tries.remove(now)
            await send(message)

        await self._app(scope, receive, watch)

    def _recent(self, address: str) -> deque[float]:
        tries = self._tries.setdefault(address, deque())
        self._tries.move_to_end(address)
        while len(self._tries) > MOST_ADDRESSES:
            self._tries.popitem(last=False)
        while tries and tries[0] < time.monotonic() - WITHIN_SECONDS:
            tries.popleft()
        return tries


def _brings_password(scope: Scope) -> bool:
    path = route_path(scope)
    return path == "/login" or (path == "/metrics" and "authorization" in Headers(scope=scope))
