"""Every address Gradio serves is decided, and no way to a function leads around the queue."""

import gradio as gr
import httpx
import pytest

from ui.api import Rest
from ui.host.doors import CLOSED, OPEN, served_by
from ui.host.settings import Settings
from ui.server import launch_options
from ui.web.addresses import Addresses


def shout(word: str) -> str:
    """Say it loudly.

    Args:
        word: A word

    Returns:
        The word
    """
    return word.upper()


def count() -> int:
    """Count.

    Returns:
        A number
    """
    return 3


@pytest.fixture(scope="module")
def served():
    """A page with a queued endpoint, one that waits in no queue, and private events of both kinds;
    its application and a visitor of it.
    """
    with gr.Blocks(analytics_enabled=False) as page:
        gr.api(shout, api_name="shout")
        gr.api(count, api_name="count", queue=False)
        button, box = gr.Button(), gr.Textbox()
        private = {"api_visibility": "private", "outputs": box}
        button.click(lambda: "queued", api_name="kept", **private)
        button.click(lambda: "at once", api_name="light", queue=False, **private)
    options = launch_options(page, Settings())
    options["app_kwargs"]["routes"] += Addresses(None, Settings()).routes()
    options["app_kwargs"]["routes"] += Rest([], Settings()).routes()
    app, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, **options)
    with httpx.Client(base_url=url, timeout=60) as visitor:
        yield app, visitor
    page.close(verbose=False)


def numbers(app):
    return {fn.api_name: fn._id for fn in app.get_blocks().fns.values()}


def decided():
    return {
        (path, how) for table in (OPEN, CLOSED) for path in table for how in table[path].split()
    }


def test_every_address_that_gradio_serves_is_decided(served):
    """A new version of Gradio may add some: each belongs in ``OPEN`` or, with why, ``CLOSED``."""
    served_now = set(served_by(served[0].routes))
    assert len(served_now) > 60
    paths = {path for path, _ in decided()}
    known = decided() | {(path, "*") for path in paths} | {(path, "HEAD") for path in paths}
    assert served_now - known == set()
    assert not OPEN.keys() & CLOSED.keys()


def test_what_is_listed_as_open_is_there(served):
    there = {path for path, _ in served_by(served[0].routes)}
    assert OPEN.keys() - there <= {"/logout", "/gradio_api/mcp/http"}


@pytest.mark.parametrize("path", CLOSED)
def test_what_is_closed_is_not_there_whoever_asks(served, path):
    address = path.replace("{", "").replace("}", "").replace(":path", "")
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        for slash in ("", "/"):
            assert served[1].request(method, address + slash, json={}).status_code == 404


@pytest.mark.parametrize("way", ["run", "api", "call", "call/v2"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_events_of_the_page_cannot_be_called_by_name(served, way, slash):
    for name in ("kept", "light", "v2", "unknown"):
        answer = served[1].post(f"/gradio_api/{way}/{name}{slash}", json={"data": []})
        assert answer.status_code == 404, name


@pytest.mark.parametrize("way", ["run", "api"])
def test_no_way_leads_around_the_queue(served, way):
    visitor, functions = served[1], numbers(served[0])
    tries = [("shout", {"data": ["a"]}), ("count", {"data": ["a"], "fn_index": functions["shout"]})]
    tries += [("count", {"data": [], "fn_index": functions["kept"], "session_hash": "x"})]
    tries += [("count", {"data": ["a"], "fn_index": value}) for value in (True, "1", 1.0, [1], -1)]
    for name, body in tries:
        assert visitor.post(f"/gradio_api/{way}/{name}", json=body).status_code == 404, body
    for content in (b"", b"[]", b"[" * 10_000, b"null", b'{"data": [' + b" " * 100_000 + b"]}"):
        address = f"/gradio_api/{way}/count"
        assert visitor.post(address, content=content).status_code == 404, content[:20]


def test_what_waits_in_no_queue_runs_at_once(served):
    visitor, functions = served[1], numbers(served[0])
    assert visitor.post("/gradio_api/run/count", json={"data": []}).json()["data"] == [3]
    asked = {"data": [], "fn_index": functions["light"], "session_hash": "x"}
    assert visitor.post("/gradio_api/run/light", json=asked).json()["data"] == ["at once"]


def test_the_queue_answers_by_name(served):
    event = served[1].post("/gradio_api/call/shout", json={"data": ["a"]}).json()["event_id"]
    assert '["A"]' in served[1].get(f"/gradio_api/call/shout/{event}").text
