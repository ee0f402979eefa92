"""Weights from the Hub, played by a server on this computer."""

import contextlib
import os
import signal
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hub_server import hub_on_loopback
from huggingface_hub import constants
from huggingface_hub.utils import disable_progress_bars, enable_progress_bars
from safetensors.torch import save
from tiny_segmenter import TINY, make, same, snapshot

from uniformer import weights
from uniformer.checkpoint import sha256_of
from uniformer.config import HubFile
from uniformer.segmenter import UNTRAINED
from uniformer.weights import WeightsError, load_weights

COMMIT = "0123456789" * 4


class FakeHub:
    """Files by ``owner/repo/path``, and what was asked for."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.errors: dict[str, tuple[int, str]] = {}
        self.downloads: list[str] = []
        self.stalls = threading.Event()
        self.over = threading.Event()
        self.revisions: list[str] = []


@pytest.fixture
def hub(tmp_path, monkeypatch):
    fake = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            repo, _, rest = self.path.strip("/").partition("/resolve/")
            revision, _, name = rest.partition("/")
            fake.revisions.append(revision)
            found = fake.files.get(f"{repo}/{name}")
            status, code = fake.errors.get(repo, (404, "EntryNotFound"))
            self.send_response(200 if found else status)
            self.send_header("X-Repo-Commit", COMMIT)
            if found:
                self.send_header("ETag", f'"{len(found)}"')
                self.send_header("Content-Length", str(len(found)))
            else:
                self.send_header("X-Error-Code", code)
                self.send_header("Content-Length", "0")
            self.end_headers()
            if found and self.command == "GET":
                fake.downloads.append(f"{repo}/{name}")
                if fake.stalls.is_set():
                    self.wfile.write(found[: len(found) // 2])
                    fake.over.wait(60)
                    return
                self.wfile.write(found)

        do_GET = do_HEAD

        def log_message(self, *args):
            pass

    with hub_on_loopback(Handler, monkeypatch, tmp_path):
        yield fake


def on_hub(*files):
    return replace(TINY, hub=files, drive_id="abc", published_miou=47.6)


def test_hub_id_downloads_once_and_is_cached(hub):
    state = snapshot(make(seed=1))
    hub.files["owner/repo/sub/w.safetensors"] = save(state)
    for _ in range(2):
        model = make()
        load_weights(model, "owner/repo/sub/w.safetensors")
        assert same(state, model.state_dict())
    assert model.weights.trained
    assert model.weights.source == "owner/repo/sub/w.safetensors@main"
    assert hub.downloads == ["owner/repo/sub/w.safetensors"]


def test_revision_of_a_hub_id_is_asked_for(hub):
    hub.files["owner/repo/w.safetensors"] = save(snapshot(make()))
    load_weights(make(), "owner/repo/w.safetensors@v1.0")
    assert set(hub.revisions) == {"v1.0"}


@pytest.mark.parametrize("switch", [enable_progress_bars, disable_progress_bars])
def test_progress_of_a_download_is_reported(hub, request, switch):
    request.addfinalizer(enable_progress_bars)
    switch()
    content = save(snapshot(make()))
    hub.files["owner/repo/w"] = content
    seen = []
    load_weights(make(), "owner/repo/w", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(content), len(content))


def test_default_takes_the_first_copy_that_is_there(hub):
    hub.files["b/b/w.pth"] = save(snapshot(make(seed=1)))
    model = make(on_hub(HubFile("a/a", "w.pth"), HubFile("b/b", "w.pth")))
    load_weights(model, "default")
    assert model.weights.source == "b/b/w.pth@main"
    assert "head_dim" in model.weights.note


def test_known_sha256_is_demanded(hub, tmp_path):
    hub.files["a/a/w"] = save(snapshot(make(seed=1)))
    (tmp_path / "copy").write_bytes(hub.files["a/a/w"])
    digest = sha256_of(tmp_path / "copy")
    model = make(on_hub(HubFile("a/a", "w", sha256=digest)))
    load_weights(model, "default")
    assert model.weights.sha256 == digest
    assert "checked against its known sha256" in model.weights.note

    model = make(on_hub(HubFile("a/a", "w", sha256="0" * 64)))
    before = snapshot(model)
    with pytest.raises(WeightsError, match=r"not the expected file \(sha256 .*000\.\.\.\)"):
        load_weights(model, "default")
    assert same(before, model.state_dict())
    assert model.weights is UNTRAINED


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "EntryNotFound", "the repository has no such file"),
        (404, "RepoNotFound", "no such repository, or it is private"),
        (404, "RevisionNotFound", "no such revision"),
        (403, "GatedRepo", "log in with `hf auth login`"),
        (400, "", "the Hub cannot be reached"),
    ],
)
def test_refusal_of_the_hub_is_one_sentence(hub, status, code, message):
    hub.errors["a/a"] = (status, code)
    with pytest.raises(WeightsError, match=message) as caught:
        load_weights(make(), "a/a/w.pth")
    assert "\n" not in str(caught.value)
    assert "There is no file a/a/w.pth here" in str(caught.value)


def test_impossible_hub_id_is_one_sentence(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        WeightsError, match=r"as a Hub id it failed: Cannot have -- or \.\. in"
    ) as error:
        load_weights(make(), "a--b/repo/w.pth")
    assert "\n" not in str(error.value)


def test_offline_uses_the_cache_and_else_says_what_still_works(hub, monkeypatch):
    hub.files["a/a/w"] = save(snapshot(make(seed=1)))
    load_weights(make(), "a/a/w")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    model = make(on_hub(HubFile("b/b", "w"), HubFile("a/a", "w")))
    load_weights(model, "default")
    assert model.weights.source == "a/a/w@main"

    with pytest.raises(WeightsError) as caught:
        load_weights(make(on_hub(HubFile("b/b", "w"), HubFile("c/c", "w"))), "default")
    assert str(caught.value) == (
        "The weights of tiny could not be downloaded (b/b and c/c: HF_HUB_OFFLINE is set and the "
        "cache has no copy): pass a path to a .pth or .safetensors file, use the model nano, or "
        "pass weights=None (the authors' copy is https://drive.google.com/file/d/abc)."
    )


def test_without_a_network_the_hub_is_asked_once_and_then_the_cache(tmp_path, monkeypatch):
    asked = []

    def no_network(repo, name, *, local_files_only, **_):
        asked.append((repo, local_files_only))
        raise weights.errors.LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(weights, "hf_hub_download", no_network)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(WeightsError, match="a/a and b/b: the Hub cannot be reached"):
        load_weights(make(on_hub(HubFile("a/a", "w"), HubFile("b/b", "w"))), "default")
    assert asked == [("a/a", False), ("b/b", True)]


# Faults


def test_killed_during_a_download_leaves_nothing_that_is_taken_for_weights(hub, tmp_path):
    state = snapshot(make(seed=1))
    hub.files["a/a/w.safetensors"] = save(state)
    hub.stalls.set()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            load_weights(make(), "a/a/w.safetensors")
        os._exit(0)
    give_up = time.monotonic() + 60
    while not (hub.downloads and list(tmp_path.rglob("*.incomplete"))):
        assert time.monotonic() < give_up
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    hub.stalls.clear()
    hub.over.set()
    assert not list(tmp_path.rglob("w.safetensors"))
    model = make()
    load_weights(model, "a/a/w.safetensors")
    assert same(state, model.state_dict())


def test_damaged_copy_in_the_cache_is_told_with_the_cure(hub):
    hub.files["a/a/w.safetensors"] = content = save(snapshot(make(seed=1)))
    load_weights(make(), "a/a/w.safetensors")
    cached = Path(weights.hf_hub_download("a/a", "w.safetensors"))
    cached.resolve().write_bytes(content[:100])
    model = make()
    before = snapshot(model)
    with pytest.raises(WeightsError, match=r"damaged, .*; to download it again, delete") as caught:
        load_weights(model, "a/a/w.safetensors")
    assert same(before, model.state_dict())
    Path(str(caught.value).rpartition("delete ")[2].rstrip(".")).unlink()
    load_weights(model, "a/a/w.safetensors")
    assert model.weights.trained
