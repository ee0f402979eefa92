"""Two lanes in one queue: what is quick never waits behind what is long, and each has a place."""

import threading
from types import SimpleNamespace

import anyio
import gradio as gr
import httpx
import pytest
from endpoints import call_tool, mcp_session
from gradio_client import Client
from processes import wait_for

from ui.host import places
from ui.host.places import LONG, is_wanted, sender_of
from ui.host.settings import Settings
from ui.server import launch_options

PATIENCE_SECONDS = 60
SIZE = 4


class Work:
    """A long job that goes on until it is let go or nobody waits; who began and ended is kept."""

    def __init__(self):
        self.begun, self.ended, self.go_on = [], [], threading.Event()

    def __call__(self, name):
        self.begun.append(name)
        wanted = is_wanted()
        while wanted() and not self.go_on.wait(0.02):
            pass
        self.ended.append((name, wanted()))


@pytest.fixture
def served(monkeypatch):
    """A page with a long and a quick endpoint, and room for two of each: its address and work."""
    monkeypatch.setattr(places, "LISTEN_SECONDS", PATIENCE_SECONDS)
    work = Work()

    def long(name: str) -> str:
        """Work.

        Args:
            name: Whose

        Returns:
            The name
        """
        work(name)
        return name

    def quick(name: str) -> str:
        """Say it.

        Args:
            name: Whose

        Returns:
            The name
        """
        return name

    with gr.Blocks(analytics_enabled=False) as page:
        gr.api(long, api_name="long", concurrency_id=LONG)
        gr.api(quick, api_name="quick")
    page.queue(max_size=SIZE, default_concurrency_limit=2)
    options = launch_options(page, Settings(queue_size=SIZE))
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, **options)
    try:
        yield SimpleNamespace(url=url, work=work, queue=page._queue)
    finally:
        work.go_on.set()
        page.close(verbose=False)


def post(served, name, given, session=None):
    asked = {"data": [given], "session_hash": session}
    return httpx.post(f"{served.url}gradio_api/call/{name}", json=asked, timeout=60)


def listen(served, name, answer):
    address = f"{served.url}gradio_api/call/{name}/{answer.json()['event_id']}"
    return httpx.get(address, timeout=PATIENCE_SECONDS).text


def submit(served, *names):
    """A visitor of their own for each name, who asks for long work and listens."""
    return [Client(served.url, verbose=False).submit(name, api_name="/long") for name in names]


def test_quick_answers_do_not_wait_for_long_work(served):
    jobs = submit(served, "a", "b", "c")
    wait_for(lambda: len(served.work.begun) == 2, PATIENCE_SECONDS)
    for number in range(3):
        assert f'"{number}"' in listen(served, "quick", post(served, "quick", str(number)))
    assert len(served.work.begun) == 2
    served.work.go_on.set()
    assert [job.result(PATIENCE_SECONDS) for job in jobs] == ["a", "b", "c"]


def test_one_sender_has_one_long_job_at_a_time_and_others_overtake(served):
    one = Client(served.url, verbose=False)
    jobs = [one.submit(f"one {number}", api_name="/long") for number in range(2)]
    wait_for(lambda: served.work.begun, PATIENCE_SECONDS)
    wait_for(lambda: len(served.queue) == 1, PATIENCE_SECONDS)
    jobs += submit(served, "other")
    wait_for(lambda: len(served.work.begun) == 2, PATIENCE_SECONDS)
    assert served.work.begun[1] == "other"
    served.work.go_on.set()
    for job in jobs:
        job.result(PATIENCE_SECONDS)
    assert len(served.work.begun) == 3


def test_work_nobody_listens_to_is_stopped_and_its_place_given_to_others(served, monkeypatch):
    monkeypatch.setattr(places, "LISTEN_SECONDS", 1)
    heard = submit(served, "heard")
    wait_for(lambda: served.work.begun, PATIENCE_SECONDS)
    for name in ("first", "second"):
        assert post(served, "long", name, session=name).is_success
    wait_for(lambda: len(served.queue.event_ids_to_events) == 1, PATIENCE_SECONDS)
    assert served.work.ended == [(name, False) for name in served.work.begun[1:]]
    served.work.go_on.set()
    assert heard[0].result(PATIENCE_SECONDS) == "heard"


def test_whoever_waits_without_listening_loses_the_place(served, monkeypatch):
    jobs = submit(served, "a", "b")
    wait_for(lambda: len(served.work.begun) == 2, PATIENCE_SECONDS)
    monkeypatch.setattr(places, "LISTEN_SECONDS", 1)
    assert post(served, "long", "deaf", session="deaf").is_success
    wait_for(lambda: len(served.queue) == 0, PATIENCE_SECONDS)
    served.work.go_on.set()
    assert [job.result(PATIENCE_SECONDS) for job in jobs] == ["a", "b"]
    assert set(served.work.begun) == {"a", "b"}


def test_work_stops_within_a_second_when_its_sender_goes(served):
    answer = post(served, "long", "gone")
    address = f"{served.url}gradio_api/call/long/{answer.json()['event_id']}"
    with httpx.stream("GET", address, timeout=PATIENCE_SECONDS):
        wait_for(lambda: served.work.begun, PATIENCE_SECONDS)
        assert not served.work.ended
    wait_for(lambda: served.work.ended, PATIENCE_SECONDS / 2)
    assert served.work.ended == [("gone", False)]


def test_work_stops_when_an_agent_goes(served):
    async def leave(session):
        with anyio.move_on_after(PATIENCE_SECONDS) as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call_tool, session, "long", {"name": "agent"})
                while not served.work.begun:
                    await anyio.sleep(0.05)
                scope.cancel()

    mcp_session(served.url, leave)
    wait_for(lambda: served.work.ended, PATIENCE_SECONDS)
    assert served.work.ended == [("agent", False)]


def test_one_sender_cannot_take_all_places(served):
    kept = [post(served, "long", "x", session="greedy") for _ in range(8)]
    said = [answer.status_code for answer in kept]
    assert said.count(503) >= 8 - 2 - SIZE // 2
    assert post(served, "long", "y", session="another").is_success


def test_what_would_wait_too_long_is_refused_at_once(served, monkeypatch):
    monkeypatch.setattr(places.FairQueue, "_wait_seconds", lambda self: places.WAIT_SECONDS + 1)
    answer = post(served, "long", "late")
    assert answer.status_code == 503
    assert "\n" not in answer.json()["detail"]
    assert post(served, "quick", "now").is_success


@pytest.mark.parametrize("data", [[], ["a", "b"]])
def test_another_number_of_values_is_one_sentence(served, data):
    answer = httpx.post(f"{served.url}gradio_api/call/quick", json={"data": data}, timeout=60)
    assert answer.status_code == 400
    assert answer.json()["detail"] == f"This takes 1 values and got {len(data)}."


def test_a_guessed_session_has_nothing_to_listen_to(served):
    for path in ("queue/data?session_hash=guess", "call/quick/guess", "call/v2/quick/guess"):
        assert httpx.get(f"{served.url}gradio_api/{path}", timeout=60).status_code == 404, path


@pytest.mark.parametrize(
    ("address", "session", "sender"),
    [
        ("9.9.9.9", "s", "9.9.9.9"),
        ("2620:fe::9", "s", "2620:fe::/64"),
        ("10.0.0.7", "s", "s"),
        ("10.0.0.7", None, "10.0.0.7"),
        ("127.0.0.1", "s", "s"),
        ("::1", None, "::1"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("testclient", None, "testclient"),
    ],
)
def test_a_sender_is_an_address_or_here_a_session(address, session, sender):
    request = SimpleNamespace(client=SimpleNamespace(host=address))
    assert sender_of(request, session) == sender
