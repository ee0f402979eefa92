"""Who is served next: two lanes, so that a quick answer never waits behind a long one.

Gradio's queue takes events in the order they came. This one has the same doors and other rules: a
sender has one long job at a time, whoever does not listen loses the place, and what would wait
longer than anybody listens is refused at once.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.host.doors import not_found, route_path
from ui.host.inside_gradio import (
    Event,
    Queue,
    queue_of,
    run_coro_in_background,
    serve_by,
    this_event,
)

LONG = "long"
"""The ``concurrency_id`` of all events that may take many seconds; the others are quick."""

LISTEN_SECONDS = 10
"""For whoever asks to begin, or begin again, to listen for the answer."""

LOOK_SECONDS = 0.5

WAIT_SECONDS = 300
"""Longest expected wait for a long job to begin with which it is still taken."""

SENDER_SHARE = 0.5
"""Part of the places in the queue that one sender may take."""

FULL = "Queue is full."
"""How Gradio begins what it says then; its clients look for that."""

UNKNOWN = "There is no such function."
COUNT = "This takes {} values and got {}."

CALL = "x-lens-call"
"""The header by which an event that came over MCP is known to belong to a request."""

_ANSWER = re.compile(r"/gradio_api/call/(?:v2/)?[^/]+/([^/]+)")


class FairQueue(Queue):
    """Gradio's queue with lanes, one long job per sender, and places for those who listen."""

    def __init__(self, like: Queue) -> None:
        super().__init__(
            like.live_updates, like.max_thread_count, like.update_intervals, like.max_size,
            like.blocks, like.default_concurrency_limit,
        )  # fmt: skip
        self._listening: defaultdict[str, int] = defaultdict(int)
        self._heard: dict[str, float] = {}

    def start(self) -> None:
        """Begin to serve, and to look every second who still listens."""
        super().start()
        run_coro_in_background(self._look_who_listens)

    async def push(self, body: Any, request: Request, username: str | None) -> Any:
        """Take an event, or say in Gradio's way why not."""
        function = self.blocks.fns.get(body.fn_index)
        if function is None:
            return False, UNKNOWN, "error"
        if len(body.data) != len(function.inputs):
            return False, COUNT.format(len(function.inputs), len(body.data)), "error"
        if self.max_size is not None:
            sender = sender_of(request, body.session_hash)
            lanes = self.event_queue_per_concurrency_id.values()
            own = sum(_sender(event) == sender for lane in lanes for event in lane.queue)
            if own >= max(1, SENDER_SHARE * self.max_size):
                return False, f"{FULL} {own} of its places are yours.", "queue_full"
            if function.concurrency_id == LONG and self._wait_seconds() > WAIT_SECONDS:
                return False, f"{FULL} What waits takes minutes.", "queue_full"
        return await super().push(body, request, username)

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """Return the next event that may begin, the quick ones first."""
        lanes = self.event_queue_per_concurrency_id
        for name in sorted(lanes, key=lambda name: name == LONG):
            lane = lanes[name]
            full = lane.concurrency_limit is not None
            if full and lane.current_concurrency >= lane.concurrency_limit:
                continue
            busy = self._senders_at_work() if name == LONG else ()
            for event in lane.queue:
                if _sender(event) not in busy:
                    lane.queue.remove(event)
                    return [event], False, name
        return None

    def knows(self, key: str) -> bool:
        """Return whether there is a session or an event of this name to listen to."""
        return (
            key in self.pending_messages_per_session
            or key in self.event_ids_to_events
            or any(key in events for events in self.pending_event_ids_session.values())
        )

    def listens(self, key: str) -> None:
        """Note that the answers to a session, or to one event, are listened to from now on."""
        self._listening[key] += 1

    def leaves(self, key: str) -> None:
        """Note that one listener is gone."""
        self._listening[key] -= 1
        if not self._listening[key]:
            del self._listening[key]
            self._heard[key] = time.monotonic()

    def hang_up(self, call: str) -> None:
        """Let go of all events of a request, known by its ``CALL`` header, that ended."""
        for event in list(self.event_ids_to_events.values()):
            if event.request.headers.get(CALL) == call:
                self._let_go(event)

    def wants(self, event_id: str) -> bool:
        """Return whether anybody still waits for the answer to an event under way."""
        event = self.event_ids_to_events.get(event_id)
        return event is not None and event.alive

    async def _look_who_listens(self) -> None:
        while not self.stopped:
            await asyncio.sleep(LOOK_SECONDS)
            async with self.delete_lock:
                self._let_go_of_the_unheard(time.monotonic())

    def _let_go_of_the_unheard(self, now: float) -> None:
        for event in list(self.event_ids_to_events.values()):
            keys = (event.session_hash, event._id)
            last = max(event.enqueue_time, *(self._heard.get(key, 0.0) for key in keys))
            if not any(key in self._listening for key in keys) and now - last > LISTEN_SECONDS:
                self._let_go(event)
        recent = now - 10 * LISTEN_SECONDS
        self._heard = {key: last for key, last in self._heard.items() if last > recent}

    def _let_go(self, event: Event) -> None:
        """Take away an event's place, or its listener if it works: the work then ends by itself."""
        event.alive = False
        lane = self.event_queue_per_concurrency_id[event.concurrency_id]
        if event in lane.queue:
            lane.queue.remove(event)
            self.event_ids_to_events.pop(event._id, None)
            pending = self.pending_event_ids_session.get(event.session_hash, set())
            pending.discard(event._id)
            if not pending:
                self.pending_event_ids_session.pop(event.session_hash, None)

    def _senders_at_work(self) -> set[str]:
        at_work = (event for job in self.active_jobs for event in job or ())
        return {_sender(event) for event in at_work if event.concurrency_id == LONG}

    def _wait_seconds(self) -> float:
        """Return how long a new long job would wait, as the past was."""
        lane = self.event_queue_per_concurrency_id.get(LONG)
        if lane is None:
            return 0.0
        times = (self.process_time_per_fn.get(event.fn) for event in lane.queue)
        return sum(time.avg_time for time in times if time) / (lane.concurrency_limit or 1)


class Listeners:
    """Tells a :class:`FairQueue` who listens, and when a request over MCP ends.

    Such a request reaches the queue by way of this server's own client: it gets the address of its
    sender along, so that all of them are not taken for one.
    """

    def __init__(self, app: ASGIApp, queue: FairQueue) -> None:
        self._app = app
        self._queue = queue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; what it listens to is known while it lasts."""
        path = route_path(scope) if scope["type"] == "http" else ""
        if path.startswith("/gradio_api/mcp"):
            call = secrets.token_urlsafe(16)
            headers = MutableHeaders(scope=scope)
            headers[CALL] = call
            headers["x-forwarded-for"] = scope["client"][0] if scope.get("client") else ""
            try:
                await self._app(scope, receive, send)
            finally:
                self._queue.hang_up(call)
        elif key := _listens_to(scope, path):
            if not self._queue.knows(key):
                await not_found(scope, receive, send)
                return
            self._queue.listens(key)
            try:
                await self._app(scope, receive, send)
            finally:
                self._queue.leaves(key)
        else:
            await self._app(scope, receive, send)


def make_fair(page: gr.Blocks) -> FairQueue:
    """Give ``page``, which is not yet served, a fair queue of the same size, and return it."""
    queue = FairQueue(queue_of(page))
    serve_by(page, queue)
    return queue


def sender_of(request: Request, session: str | None) -> str:
    """Return who sent a request: a public address, or a session where the address is none.

    Behind a proxy on this computer the address is the one that the proxy tells. A private address
    may be that of another proxy, with many visitors behind it.
    """
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return session or host
    if address.is_private:
        return session or host
    if address.version == 6:  # one customer has the whole network
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def is_wanted() -> Callable[[], bool]:
    """Return what tells, from any thread, whether the caller of the current event still waits.

    Call it where the event begins. Outside of an event somebody always waits.
    """
    queue, event_id = this_event()
    if event_id is None or not isinstance(queue, FairQueue):
        return lambda: True
    return lambda: queue.wants(event_id)


def _sender(event: Event) -> str:
    own = event.session_hash != event._id  # which it has where no session was named
    return sender_of(event.request, event.session_hash if own else None)


def _listens_to(scope: Scope, path: str) -> str | None:
    """Return the session or the event whose answers a request asks for, if it does."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    if path == "/gradio_api/queue/data":
        query = parse_qs(scope["query_string"].decode("latin-1"))
        return query.get("session_hash", [None])[0]
    answer = _ANSWER.fullmatch(path)
    return answer[1] if answer else None
