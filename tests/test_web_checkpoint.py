"""A visitor's own checkpoint on the workbench's address: whose it is, what is told of a misfit."""

from __future__ import annotations

import json

import httpx
import numpy as np
import pytest
from safetensors.torch import load_file, save
from workbench import last, served

from ui.host.settings import Settings
from ui.service.model_cache import OWN
from uniformer.weights import DATA

FILE = (DATA / "nano.safetensors").read_bytes()
EXAMPLE = "coffee.jpg"


@pytest.fixture(scope="module")
def page():
    with served(Settings()) as visitor:
        yield visitor


def upload(page, content, name="mine.safetensors", **options):
    return page.post("api/checkpoint", files={"file": (name, content)}, **options)


def changed(change):
    state = load_file(DATA / "nano.safetensors")
    change(state)
    return save(state)


def test_own_checkpoint_labels_as_the_same_weights_do(page):
    model, _ = last(upload(page, FILE))
    assert model["name"].startswith(OWN)
    assert model["title"] == "Your checkpoint mine.safetensors"
    assert model["knows"].startswith("50 classes")
    assert model["spoken"]["zh"][model["knows"]] != model["knows"]
    setting = {"model": model["name"], "reach": model["reach"], "windowSize": model["windowSize"]}
    first, own = opened(page, {}), opened(page, setting)
    assert own[0]["model"]["title"] == model["title"]
    assert own[0]["setting"]["model"] == model["name"]
    assert (own[1]["labels"] == first[1]["labels"]).all()
    relabelled = page.post("api/relabel", json={"key": first[0]["key"], "setting": setting})
    np.testing.assert_array_equal(last(relabelled)[1]["labels"], own[1]["labels"])


def opened(page, setting):
    data = {"setting": json.dumps(setting), "example": EXAMPLE}
    return last(page.post("api/open", data=data))


def test_all_keys_that_differ_are_told_by_kind(page):
    gone = ["decode_head.conv_seg.bias", "backbone.norm1.weight"]

    def change(state):
        for key in gone:
            del state[key]
        state["surplus.weight"] = state["decode_head.conv_seg.weight"].clone()
        state["backbone.norm2.weight"] = state["backbone.norm2.weight"][:-1].clone()

    told, _ = last(upload(page, changed(change), "mine.pth"))
    assert sorted(told["keys"]["missing"]) == sorted(gone)
    assert told["keys"]["unexpected"] == ["surplus.weight"]
    assert [words.split()[0] for words in told["keys"]["wrong"]] == ["backbone.norm2.weight"]
    assert told["error"].startswith("mine.pth comes nearest to nano")
    assert told["error"].count(".") >= 1
    assert "tmp" not in told["error"]


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04", FILE[:1000]])
def test_what_is_no_checkpoint_is_one_sentence_without_keys(page, content):
    told, _ = last(upload(page, content, "mine.pth"))
    assert "mine.pth" in told["error"]
    assert told["error"].endswith(".")
    assert "keys" not in told


def test_a_form_without_a_file_and_another_sites_page_are_refused(page):
    answer = page.post("api/checkpoint", data={"file": "x"})
    assert answer.status_code == 400
    assert answer.json()["detail"].endswith(".")
    foreign = upload(page, b"x", headers={"origin": "https://example.org"})
    assert foreign.status_code == 403


def test_nobody_else_is_told_of_it(page):
    """Its name, which is all one needs, is in no answer but the visitor's own."""
    name = last(upload(page, FILE))[0]["name"]
    with httpx.Client(base_url=page.base_url, timeout=60) as other:
        for path in ("api/catalog", "../config", "../api/models"):
            assert name.removeprefix(OWN) not in other.get(path).text
