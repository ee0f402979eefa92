"""Copies of the test's own process, to be killed, and waiting for what they do."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from serving import START_SECONDS


@contextlib.contextmanager
def child(work):
    """Run ``work`` in a copy of this process, which ends with it; yields its process id."""
    number = os.fork()
    if number == 0:
        with contextlib.suppress(BaseException):
            work()
        os._exit(0)
    try:
        yield number
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)


def wait_for(condition, seconds=START_SECONDS):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)
