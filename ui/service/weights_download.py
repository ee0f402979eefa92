"""Fetch the weights of a model into this computer's cache, step by step, so that it can be stopped.

The download runs in a thread of its own: huggingface_hub reports from within a blocking call.
"""

from __future__ import annotations

import queue
import threading

from analysis.core.progress import Progress, Work
from uniformer import create_model
from uniformer.weights import load_weights

REPORT_SECONDS = 0.5


class _Stopped(Exception):
    """Raised within a download that nobody waits for any more."""


def fetch(name: str) -> Work[None]:
    """Yield the bytes fetched of the weights of the model called ``name``, until they are here.

    Closing it stops the download; huggingface_hub resumes it the next time. Raises
    :class:`uniformer.weights.WeightsError` when the weights cannot be had.
    """
    stopped = threading.Event()
    told: queue.SimpleQueue[Progress | Exception | None] = queue.SimpleQueue()

    def report(done: int, total: int | None) -> None:
        if stopped.is_set():
            raise _Stopped
        told.put(Progress(done, total or done))

    def work() -> None:
        try:
            load_weights(create_model(name, weights=None), "default", report)
            told.put(None)
        except Exception as error:
            told.put(error)

    threading.Thread(target=work, daemon=True, name="fetch").start()
    try:
        latest = Progress(0, 0)
        while True:
            try:
                step = told.get(timeout=REPORT_SECONDS)
            except queue.Empty:
                step = latest
            if step is None:
                return
            if isinstance(step, Exception):
                raise step
            latest = step
            yield step
    finally:
        stopped.set()
