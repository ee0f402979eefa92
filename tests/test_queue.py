"""One request works, one waits, and the third is told in one sentence that there is no place."""

import threading
import time

import gradio as gr
import httpx
import pytest
from endpoints import call_tool, mcp_session
from gradio_client import Client
from gradio_client.exceptions import AppError
from gradio_client.utils import QueueError

from ui.host.middleware import BUSY
from ui.host.settings import Settings
from ui.server import launch_options

PATIENCE_SECONDS = 60


@pytest.fixture
def served():
    """A page with one slow endpoint and one place in its queue: its address, and what ends it."""
    go_on, begun = threading.Event(), threading.Event()

    def slow() -> str:
        """Wait.

        Returns:
            A word
        """
        begun.set()
        assert go_on.wait(PATIENCE_SECONDS)
        return "done"

    with gr.Blocks(analytics_enabled=False) as page:
        gr.api(slow, api_name="slow")
    page.queue(max_size=1, default_concurrency_limit=1)
    options = launch_options(page, Settings(queue_size=1))
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, **options)
    try:
        yield page, url, begun, go_on
    finally:
        go_on.set()
        page.close(verbose=False)


def test_the_third_caller_is_told_so_and_the_first_two_are_answered(served):
    page, url, begun, go_on = served
    first, second, third = (Client(url, verbose=False) for _ in range(3))
    working = first.submit(api_name="/slow")
    assert begun.wait(PATIENCE_SECONDS)
    waiting = second.submit(api_name="/slow")
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not len(page._queue):
        assert time.monotonic() < give_up
        time.sleep(0.01)

    with pytest.raises((QueueError, AppError)) as told:  # in words of the client's own
        third.predict(api_name="/slow")
    assert "queue is full" in str(told.value).lower()
    assert "\n" not in str(told.value)

    answer = httpx.post(f"{url}gradio_api/call/slow", json={"data": []})
    assert (answer.status_code, answer.json()) == (503, {"detail": BUSY})
    assert int(answer.headers["retry-after"]) > 0

    refused = mcp_session(url, lambda session: call_tool(session, "slow", {}))
    assert refused.isError
    assert "queue is full" in refused.content[0].text.lower()

    go_on.set()
    assert [job.result(PATIENCE_SECONDS) for job in (working, waiting)] == ["done", "done"]
    assert third.predict(api_name="/slow") == "done"
