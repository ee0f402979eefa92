"""What a server counts about itself, for Prometheus; labels hold no name, address or picture."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)

REQUESTS = Counter(
    "uniformer_lens_requests", "HTTP requests answered", ["method", "route", "status"]
)
REQUEST_SECONDS = Histogram(
    "uniformer_lens_request_seconds", "Time to answer an HTTP request", ["route"], buckets=SECONDS
)
ACTIONS = Histogram(
    "uniformer_lens_action_seconds",
    "Time of what visitors ask for; outcome is done, refused (one sentence) or failed",
    ["action", "outcome"],
    buckets=SECONDS,
)
WAITING = Gauge("uniformer_lens_queue_waiting", "Requests that wait for their turn")
RUNNING = Gauge("uniformer_lens_actions_running", "Actions that work now")
HELD_BYTES = Gauge("uniformer_lens_store_bytes", "Memory that results of visitors take")
HELD = Gauge("uniformer_lens_store_results", "Results of visitors that are held")


@contextmanager
def measured(action: str) -> Iterator[None]:
    """Count what happens inside under ``action``, with its time and outcome, and let errors pass.

    ``ValueError`` is a refusal told to the visitor, everything else a failure.
    """
    start = time.perf_counter()
    outcome = "failed"
    try:
        with RUNNING.track_inprogress():
            yield
        outcome = "done"
    except ValueError:
        outcome = "refused"
        raise
    finally:
        ACTIONS.labels(action, outcome).observe(time.perf_counter() - start)
