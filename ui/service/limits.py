"""What stops work on behalf of a caller: nobody waits for it any more, or it takes too long."""

from __future__ import annotations

import time
from collections.abc import Callable

from ui.host.places import is_wanted

SURE_SECONDS, SURE_FACTOR = 10, 1.5
"""Time after which the steps done tell how long all will take, and how far off that may be."""

NOBODY_WAITS = "The one who asked has left, so this was stopped."


def within(seconds: float) -> Callable[[int, int], None]:
    """Return a ``progress`` for :func:`analysis.core.progress.finish` that stops what is in vain.

    That is work which the request it is made for no longer waits for, and work of over ``seconds``;
    work that would take far longer is stopped as soon as that shows. It raises ``ValueError`` with
    one sentence, and is made in the thread of the request.
    """
    start, wanted = time.monotonic(), is_wanted()

    def progress(done: int, total: int) -> None:
        if not wanted():
            raise ValueError(NOBODY_WAITS)
        spent = time.monotonic() - start
        expected = spent / max(done, 1) * total
        if spent > seconds or (spent > SURE_SECONDS and expected > SURE_FACTOR * seconds):
            raise ValueError(
                f"This would take about {max(spent, expected):.0f} seconds, and {seconds:g} are "
                f"given: it was stopped after {done} of {total} steps. Ask for less, or for a "
                "smaller short_side."
            )

    return progress
