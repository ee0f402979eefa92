"""Run a generator wholly on one thread, whoever asks it for its next step."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import closing, suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from uniformer.threads import as_here

T = TypeVar("T")
R = TypeVar("R")

Task = Callable[[], None]


class _Threads:
    """Threads that stay for the next work: each has OpenMP threads of its own, slow to make.

    There are as many as there was work at once, and the last to rest is the first to go on.
    """

    def __init__(self) -> None:
        self._idle: list[queue.SimpleQueue[Task]] = []
        self._lock = threading.Lock()

    def run(self, work: Task) -> None:
        """Begin ``work``, which must not raise, and return."""
        with self._lock:
            given = self._idle.pop() if self._idle else None
        if given is None:
            given = queue.SimpleQueue()
            threading.Thread(target=self._serve, args=(given,), daemon=True, name="steps").start()
        given.put(work)

    def _serve(self, given: queue.SimpleQueue[Task]) -> None:
        while True:
            given.get()()
            with self._lock:
                self._idle.append(given)


_THREADS = _Threads()


@dataclass(frozen=True)
class _End:
    """Nothing more comes: the work is over and all it had taken is given back."""

    result: Any = None
    error: BaseException | None = None


def on_one_thread(start: Callable[[], Generator[T, None, R]]) -> Generator[T, None, R]:
    """Yield and return what the generator that ``start`` makes does; it lives on one thread.

    Gradio asks a generator for each step on whatever thread is free. A lock held between two steps
    would be held for as long as a visitor takes to ask, and what torch keeps by thread, such as
    whether gradients are recorded, would be set on one thread and set back on another. Here the
    work does not wait to be asked. Closing this stops it at its next step, and does not wait for
    that either. The caller's context variables hold in it, and its errors are raised here.
    """
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stopped = _begin(start, told.put)
    try:
        while not isinstance(step := told.get(), _End):
            yield step
        if step.error is not None:
            raise step.error
        return step.result
    finally:
        stopped.set()


async def steps_on_one_thread(start: Callable[[], Generator[T, None, None]]) -> AsyncGenerator[T]:
    """Yield the same as :func:`on_one_thread`, to a coroutine: no thread waits for a step."""
    loop, told = asyncio.get_running_loop(), asyncio.Queue[Any]()

    def tell(step: Any) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody listens
            loop.call_soon_threadsafe(told.put_nowait, step)

    stopped = _begin(start, tell)
    try:
        while not isinstance(step := await told.get(), _End):
            yield step
        if step.error is not None:
            raise step.error
    finally:
        stopped.set()


def _begin(
    start: Callable[[], Generator[T, None, Any]], tell: Callable[[T | _End], None]
) -> threading.Event:
    """Begin the work on a thread of its own; set what is returned to stop it at its next step.

    It computes with as many threads as its caller; one that stays may have had another number.
    """
    stopped, as_caller = threading.Event(), as_here()

    def work() -> None:
        end = _End()
        try:
            as_caller()
            if not stopped.is_set():
                with closing(start()) as steps:
                    while not stopped.is_set():
                        tell(next(steps))
        except StopIteration as over:
            end = _End(result=over.value)
        except BaseException as caught:  # whoever waits for the next step must be told
            end = _End(error=caught)
        tell(end)

    context = copy_context()
    _THREADS.run(lambda: context.run(work))
    return stopped
