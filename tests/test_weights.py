"""Where weights come from, and what a model says of them."""

import contextlib
import json
import os
import signal
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.utils import disable_progress_bars, enable_progress_bars
from safetensors.torch import save, save_file

from uniformer import weights
from uniformer.checkpoint import sha256_of
from uniformer.classes import class_set, numbered_classes
from uniformer.config import MODELS, BackboneConfig, FPNConfig, HubFile, ModelConfig, UPerConfig
from uniformer.segmenter import UNTRAINED, Segmenter
from uniformer.weights import WeightsError, load_state, load_weights

BACKBONE = BackboneConfig(depths=(1, 1, 1, 1), dims=(8, 8, 16, 16), head_dim=8, mlp_ratio=2)
TINY = ModelConfig("tiny", BACKBONE, FPNConfig(8, 8), class_set="everyday22")
TINY_UPER = replace(TINY, name="tiny-uper", head=UPerConfig(8, (1, 2), 8))
COMMIT = "0123456789" * 4


def make(config=TINY, seed=0, classes=None):
    torch.manual_seed(seed)
    return Segmenter(config, classes or class_set(config.class_set)).eval()


def snapshot(model):
    return {key: value.clone() for key, value in model.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture
def trained(tmp_path):
    """A file of weights for the tiny model, and these weights."""
    state = snapshot(make(seed=1))
    save_file(state, tmp_path / "trained.safetensors")
    return tmp_path / "trained.safetensors", state


# Local files


@pytest.mark.parametrize("config", [TINY, TINY_UPER])
@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.safetensors"])
def test_file_fills_the_model_and_its_record(tmp_path, config, name):
    state = snapshot(make(config, seed=1))
    path = tmp_path / name
    save_file(state, path) if name.endswith("safetensors") else torch.save({"model": state}, path)
    model = make(config)
    load_weights(model, str(path))
    assert same(model.state_dict(), state)
    assert model.weights.trained
    assert model.weights.source == str(path)
    assert model.weights.sha256 == sha256_of(path)
    assert "head_dim" in model.weights.note


def test_half_precision_file_fills_a_float32_model(tmp_path):
    state = snapshot(make(seed=1))
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    save_file(half, tmp_path / "half.safetensors")
    model = make()
    load_weights(model, str(tmp_path / "half.safetensors"))
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert same(
        model.state_dict(), {key: value.to(state[key].dtype) for key, value in half.items()}
    )


def test_batch_counters_may_be_absent():
    state = {k: v for k, v in snapshot(make(seed=1)).items() if "num_batches_tracked" not in k}
    model = make()
    assert load_state(model, state) == "segmenter"
    assert same(state, model.state_dict())


def test_imagenet_backbone_leaves_heads_and_output_norms_and_says_untrained(tmp_path):
    source = make(seed=1).backbone.state_dict()
    output_norms = ("norm1.", "norm2.", "norm3.", "norm4.")
    state = {key: value for key, value in source.items() if not key.startswith(output_norms)}
    classifier = {"norm.weight": torch.ones(16), "head.weight": torch.ones(10, 16)}
    torch.save({"model": state | classifier}, tmp_path / "in1k.pth")
    model = make()
    before = snapshot(model)
    load_weights(model, str(tmp_path / "in1k.pth"))
    assert same(state, model.backbone.state_dict())
    after = model.state_dict()
    rest = [key for key in before if key.removeprefix("backbone.") not in state]
    assert len(rest) == len(before) - len(state)
    assert all(torch.equal(before[key], after[key]) for key in rest)
    assert not model.weights.trained
    assert model.weights.source.endswith("in1k.pth")
    assert "Only the backbone is trained" in model.weights.note


@pytest.mark.parametrize("extra", ["blocks3.0.gamma_1", "aux_head.weight", "cls_token"])
def test_backbone_of_another_architecture_is_refused_with_the_key(extra):
    state = {**make(seed=1).backbone.state_dict(), extra: torch.ones(16)}
    with pytest.raises(WeightsError, match=rf"1 unexpected: backbone\.{extra}") as caught:
        load_state(make(), state)
    assert ("Token Labeling" in str(caught.value)) == (extra == "aux_head.weight")


def without(key):
    return lambda state: {k: v for k, v in state.items() if k != key}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without("neck.fpn_convs.0.conv.bias"), r"1 missing: neck\.fpn_convs\.0\.conv\.bias"),
        (lambda s: {**s, "extra": torch.ones(1)}, "1 unexpected: extra"),
        (
            lambda s: {**s, "backbone.norm1.bias": torch.ones(3)},
            r"1 wrong: backbone\.norm1\.bias is 3 instead of 8",
        ),
        (
            lambda s: {**s, "backbone.norm1.bias": torch.ones(8, dtype=torch.int8)},
            r"norm1\.bias is 8 \(torch\.int8\) instead of 8",
        ),
        (lambda s: {"a": torch.ones(1)}, r"missing: .*, \.\.\.; 1 unexpected: a"),
    ],
)
def test_file_that_does_not_fit_leaves_the_model_untouched(tmp_path, damage, message):
    path = tmp_path / "bad.pth"
    torch.save(damage(snapshot(make(seed=1))), path)
    model = make()
    before = snapshot(model)
    with pytest.raises(WeightsError, match=message):
        load_weights(model, str(path))
    assert same(before, model.state_dict())
    assert model.weights is UNTRAINED


def test_misfit_names_the_models_that_fit_and_what_shapes_hide(tmp_path):
    torch.save(make(MODELS["nano"]).state_dict(), tmp_path / "nano.pth")
    with pytest.raises(WeightsError, match=r"shapes of nano; neither head_dim nor the reach"):
        load_weights(make(), str(tmp_path / "nano.pth"))
    with pytest.raises(WeightsError, match="No model here has these names and shapes"):
        load_state(make(MODELS["nano"]), make().state_dict())


def test_other_number_of_classes_is_told_with_the_cure():
    state = make(seed=1, classes=numbered_classes(21)).state_dict()
    with pytest.raises(WeightsError, match="21 classes and the model 22: pass num_classes=21"):
        load_state(make(), state)


@pytest.mark.parametrize(
    "source", ["absent.pth", "folder/run/absent.pth", "", "https://a.b/c.pth", "x" * 999]
)
def test_missing_file_is_one_sentence_and_asks_no_hub(tmp_path, monkeypatch, source):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(weights, "hf_hub_download", lambda *a, **k: pytest.fail("asked the Hub"))
    with pytest.raises(WeightsError, match="There is no file"):
        load_weights(make(), source)


# Defaults


def test_bundled_file_is_checked_against_its_card(tmp_path, monkeypatch, trained):
    path, state = trained
    monkeypatch.setattr(weights, "DATA", tmp_path)
    card = path.with_name("trained.safetensors.json")
    config = replace(TINY, bundled=path.name)

    with pytest.raises(WeightsError, match="missing or damaged"):
        load_weights(make(config), "default")

    card.write_text(json.dumps({"sha256": sha256_of(path)}))
    model = make(config)
    load_weights(model, "default")
    assert same(state, model.state_dict())
    assert model.weights.trained
    assert model.weights.source == "bundled trained.safetensors"

    card.write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(WeightsError, match="not the expected file"):
        load_weights(make(config), "default")


def test_model_without_any_released_weights_stays_untrained():
    model = make()
    load_weights(model, "default")
    assert model.weights is UNTRAINED


def test_model_on_google_drive_only_tells_the_link():
    config = replace(TINY, drive_id="abc", published_miou=46.6)
    with pytest.raises(WeightsError, match=r"download https://drive\.google\.com/file/d/abc in"):
        load_weights(make(config), "default")


def test_official_model_that_was_never_released_says_so():
    config = replace(TINY, published_miou=46.3)
    with pytest.raises(WeightsError, match="never released a checkpoint of tiny"):
        load_weights(make(config), "default")


# The Hub, played by a server on this computer


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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield fake
    server.shutdown()
    server.server_close()


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


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("fault", ["deleted", "emptied"])
def test_loaded_model_outlives_its_file(tmp_path, name, fault):
    state, file = snapshot(make(seed=1)), tmp_path / name
    torch.save(state, file) if name.endswith(".pth") else save_file(state, file)
    model = make()
    load_weights(model, str(file))
    if fault == "deleted":
        file.unlink()
    else:
        os.truncate(file, 0)
    assert same(state, model.state_dict())
    with pytest.raises(WeightsError, match=r"There is no file|is empty"):
        load_weights(make(), str(file))
