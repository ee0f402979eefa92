"""Who is answered next: quick requests and long ones each have places of their own.

The places bound how many answers are under way; in what order their steps are computed is up to
:mod:`ui.service.turns`, which they share with the rest of the page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ui.host.places import SENDER_SHARE


class Full(Exception):
    """No more requests can wait."""


@dataclass(eq=False)
class Ticket:
    """One request's place in a lane; ``sender`` is whose it is."""

    sender: str
    called: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)


class Lane:
    """``places`` requests at a time, of one sender ``each`` at most, in the order they came.

    At most ``waiting`` may wait, half of them of one sender.
    """

    def __init__(self, places: int, each: int, waiting: int) -> None:
        self._places, self._each, self._most = places, each, waiting
        self._waiting: list[Ticket] = []
        self._at_work: list[Ticket] = []

    @asynccontextmanager
    async def ticket(self, sender: str) -> AsyncIterator[Ticket]:
        """Take a ticket, and give it and its place back at the end; :class:`Full` if there is none.

        The place is the sender's once :meth:`ahead` has ended.
        """
        own = sum(other.sender == sender for other in self._waiting)
        if len(self._waiting) >= self._most or own >= max(1, SENDER_SHARE * self._most):
            raise Full
        ticket = Ticket(sender)
        self._waiting.append(ticket)
        self._call()
        try:
            yield ticket
        finally:
            for tickets in (self._waiting, self._at_work):
                if ticket in tickets:
                    tickets.remove(ticket)
            self._call()

    async def ahead(self, ticket: Ticket) -> AsyncGenerator[int]:
        """Yield how many requests are before this one, as that changes, until it may begin."""
        while not ticket.called.is_set():
            ticket.moved.clear()
            yield 1 + self._waiting.index(ticket)
            await ticket.moved.wait()

    def _call(self) -> None:
        """Let all begin who may, and let the others look again."""
        for ticket in list(self._waiting):
            busy = sum(other.sender == ticket.sender for other in self._at_work)
            if len(self._at_work) < self._places and busy < self._each:
                self._waiting.remove(ticket)
                self._at_work.append(ticket)
                ticket.called.set()
        for ticket in [*self._waiting, *self._at_work]:
            ticket.moved.set()
