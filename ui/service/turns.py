"""Who computes now: quick work first, and long work one step at a time in between."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

PATIENCE_SECONDS = 2.0
"""A step of long work that has waited so long goes before quick work that comes later."""

STOPPING = "This server is being stopped: please ask again in a minute."


class Turns:
    """Lets ``places`` computations run at a time, and where there are several one more quick one.

    Long work takes all places while nobody asks for anything quick, gives its place back after
    every step, and takes turns with other long work, step by step. So quick work begins at once, or
    where there is one place after one step.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._most = places + (places > 1)
        self._quick = self._long = self._quick_waiting = 0
        self._long_waiting: deque[object] = deque()
        self._closed = False
        self._changed = threading.Condition()

    @property
    def at_work(self) -> int:
        """How many computations run now."""
        return self._quick + self._long

    def close(self, seconds: float) -> None:
        """Let nothing more begin, not even a step, and wait for what is under way to end its own.

        Not longer than ``seconds``. Whoever asks for a place gets ``ValueError``.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self.at_work, seconds)

    @contextmanager
    def quick(self) -> Iterator[None]:
        """Wait for a place and keep it; for work of a few seconds that is waited for."""
        with self._changed:
            self._quick_waiting += 1
            try:
                self._changed.wait_for(self._may_be_quick)
            finally:
                self._quick_waiting -= 1
            self._raise_if_closed()
            self._quick += 1
        try:
            yield
        finally:
            with self._changed:
                self._quick -= 1
                self._changed.notify_all()

    def stepwise(self, steps: Generator[T, None, R]) -> Generator[T, None, R]:
        """Yield what ``steps`` yields and return what it returns; each step waits for a place.

        It is closed at the end.
        """
        with closing(steps):
            while True:
                self._take_long()
                try:
                    step = next(steps)
                except StopIteration as end:
                    return end.value
                finally:
                    with self._changed:
                        self._long -= 1
                        self._changed.notify_all()
                yield step

    def begun_quick(self, steps: Generator[T, None, R]) -> Generator[T, None, R]:
        """Do the same as :meth:`stepwise`, but the first step is quick work."""
        with closing(steps):
            try:
                with self.quick():
                    first = next(steps)
            except StopIteration as end:
                return end.value
            yield first
            return (yield from self.stepwise(steps))

    def _take_long(self) -> None:
        waits_until, me = time.monotonic() + PATIENCE_SECONDS, object()

        def mine() -> bool:
            first = not self._quick_waiting or time.monotonic() > waits_until
            free = self.at_work < self._places and self._long_waiting[0] is me
            return self._closed or (free and first)

        with self._changed:
            self._long_waiting.append(me)
            try:
                while not self._changed.wait_for(mine, PATIENCE_SECONDS):
                    pass
            finally:
                self._long_waiting.remove(me)
                self._changed.notify_all()
            self._raise_if_closed()
            self._long += 1

    def _may_be_quick(self) -> bool:
        room = self._quick < self._places and self.at_work < self._most
        return self._closed or room

    def _raise_if_closed(self) -> None:
        if self._closed:
            raise ValueError(STOPPING)
