"""Close connections on which a request never comes to its end."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SILENT_SECONDS = 30
"""Longest pause within the content of a request."""

TOO_SLOW = "Nothing more came of this request: please send it again."


class Silence:
    """Refuses with status 408 a request of whose content nothing comes for ``SILENT_SECONDS``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a bound on the pauses until it is complete."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        complete = False

        async def wait() -> Message:
            nonlocal complete
            if complete:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), SILENT_SECONDS)
            except TimeoutError:
                raise HTTPException(408, TOO_SLOW) from None
            complete = not message.get("more_body", False)
            return message

        await self._app(scope, wait, send)


class HalfSent:
    """Knows the connections of a server on which not even the head of a request is complete."""

    def __init__(self, server: Any) -> None:
        self._connections = server.server_state.connections
        self._seen: set[Any] = set()

    def close_those_seen_before(self) -> None:
        """Close what was half sent at the last call already; call it from time to time."""
        half = {one for one in list(self._connections) if getattr(one, "cycle", 1) is None}
        for connection in half & self._seen:
            connection.loop.call_soon_threadsafe(connection.transport.close)
        self._seen = half - self._seen
