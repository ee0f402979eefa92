"""Nobody reads what another visitor sent or was answered, whatever address or name they try."""

import itertools
import re
from urllib.parse import quote

import httpx
import pytest
from endpoints import SHORT_SIDE, photo
from gradio_client import Client, handle_file
from serving import ROOT

from analysis.questions import QUESTIONS

UNGUESSABLE = re.compile(r"[0-9a-f]{64}|[\w-]{22,}")
BROKEN_OFF = re.compile(r"tmp[a-z0-9_]{8}")
"""What Gradio calls an upload until it is complete: one that was broken off keeps that name."""


@pytest.fixture(scope="module")
def other(server, tmp_path_factory):
    """Another visitor's request; returns the photo they sent."""
    file = photo(tmp_path_factory.mktemp("other"), seed=7)
    client = Client(server.url, verbose=False)
    client.predict(picture=handle_file(str(file)), short_side=SHORT_SIDE, api_name="/segment")
    return file


def files(server):
    """Every file this server has made, in gradio's folder and outside of it."""
    everything = [path for path in server.temporary.rglob("*") if path.is_file()]
    shared = [path for path in everything if "gradio" in path.relative_to(server.temporary).parts]
    return shared, [path for path in everything if path not in shared]


def fetch(server, path):
    return server.get(f"/gradio_api/file={quote(str(path))}")


def test_only_names_nobody_can_guess_are_served(server, other):
    shared, _ = files(server)
    assert any(path.name == other.name for path in shared)
    for path in shared:
        unfinished = path.parent.name == "gradio" and BROKEN_OFF.fullmatch(path.name)
        assert unfinished or UNGUESSABLE.fullmatch(path.parent.name), path


def test_what_the_server_keeps_for_itself_is_not_served_even_by_its_exact_path(server, other):
    _, kept = files(server)
    assert kept
    places = [*kept, *{path.parent for path in kept}]
    for path in places:
        assert fetch(server, path).status_code in (403, 404), path


@pytest.mark.parametrize(
    "path",
    [
        ROOT / "app.py",
        ROOT / "uniformer/data/nano.safetensors",
        ROOT / "assets/examples",
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/self/cwd/app.py",
        "app.py",
        "./app.py",
        "~/.bashrc",
        "//etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:1/secret",
        "http://169.254.169.254/latest/meta-data",
        "a\0b",
    ],
)
def test_no_other_file_is_served(server, path):
    assert not fetch(server, path).is_success


def test_no_folder_is_listed_and_no_way_leads_up(server, other):
    shared, _ = files(server)
    sent = next(path for path in shared if path.name == other.name)
    folder = sent.parent.parent
    tries = [folder, sent.parent, folder / other.name, folder / "*" / other.name]
    tries += [
        f"{sent}/../../../lock",
        f"{folder}/%2e%2e/%2e%2e/lock",
        f"{folder}/../../../output.txt",
    ]
    for path in tries:
        assert not fetch(server, path).is_success, path
        assert not server.get(f"/gradio_api/file={path}").is_success, path


@pytest.mark.parametrize("kind", ["meta", "plain", "url", "stream"])
def test_an_endpoint_opens_only_what_was_sent_to_it(server, other, kind):
    _, kept = files(server)
    for path in [kept[0], ROOT / "assets/examples/coffee.jpg", "/etc/passwd"]:
        picture = {"path": str(path)}
        if kind != "plain":
            picture["meta"] = {"_type": "gradio.FileData"}
        if kind == "url":
            picture["url"] = f"{server.url}/gradio_api/file={path}"
        if kind == "stream":
            picture["is_stream"] = True
        said = call(server, "segment", [picture, SHORT_SIDE, "nano", None, None, None])
        assert "event: error" in said
        assert "root:" not in said
        assert "Traceback" not in said


def test_the_events_of_the_page_cannot_be_called_by_name(server):
    config = server.get("/config").json()
    private = [e for e in config["dependencies"] if e["api_visibility"] == "private"]
    public = {e["api_name"] for e in config["dependencies"] if e["api_visibility"] == "public"}
    assert len(private) > 10
    questions = {name.replace("-", "_") for name in QUESTIONS}
    assert public == {"models", "segment", "classify", "report", *questions}
    listed = server.get("/gradio_api/info").json()
    assert set(listed["named_endpoints"]) == {f"/{name}" for name in public}
    assert listed["unnamed_endpoints"] == {}
    with httpx.Client(base_url=f"{server.url}/gradio_api") as program:
        for name, kind in itertools.product([e["api_name"] for e in private], ("call", "call/v2")):
            assert program.post(f"/{kind}/{name}", json={"data": []}).status_code == 404, name


def test_what_another_visit_was_answered_cannot_be_asked_for(server, other):
    address = f"{server.url}/gradio_api/call/segment"
    for guess in ("0", "1", "a" * 32, "../segment", "*"):
        with httpx.stream("GET", f"{address}/{quote(guess, safe='')}", timeout=30) as answer:
            said = answer.read().decode() if answer.status_code != 200 else ""
        assert "share" not in said


def test_what_gradio_offers_and_the_page_does_not_use_is_closed(server):
    for path in ("monitoring", "monitoring/summary", "gradio_api/runs", "gradio_api/vibe-code/"):
        assert not server.get(f"/{path}").is_success, path
    before = [path for path in server.temporary.parent.rglob("*") if path.is_file()]
    video = {"video": ("a.mp4", bytes(1000))}
    answer = httpx.post(f"{server.url}/gradio_api/process_recording", files=video, timeout=60)
    assert answer.status_code == 404
    assert [path for path in server.temporary.parent.rglob("*") if path.is_file()] == before


def call(server, name, data):
    """Send a request as any program can and return all that the server says to it."""
    address = f"{server.url}/gradio_api/call/{name}"
    event = httpx.post(address, json={"data": data}, timeout=60).json()["event_id"]
    return httpx.get(f"{address}/{event}", timeout=120).text


def test_too_few_arguments_are_one_sentence(server):
    address = f"{server.url}/gradio_api/call/probe"
    answer = httpx.post(address, json={"data": []}, timeout=60)
    assert answer.status_code == 400
    assert re.fullmatch(r"This takes \d+ values and got 0\.", answer.json()["detail"])
