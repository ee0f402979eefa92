"""A classifier on the workbench: it answers for the whole picture, and the lens is the same."""

from __future__ import annotations

import json
import runpy
import shlex

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file
from workbench import last, served

import analysis
from ui.host.settings import Settings
from ui.page.tabs.models import model_table
from ui.service.take_away import CLASS_KINDS, LABEL_KINDS
from ui.service.uploads import open_upload
from uniformer import classify, create_model
from uniformer.cli import main
from uniformer.config import CLASSIFIERS

SETTING = {"model": "xxs-cls", "untrained": True}


@pytest.fixture(scope="module")
def page():
    with served(Settings()) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def opened(page):
    answer = page.post("api/open", data={"setting": "{}", "example": "coffee.jpg"})
    key = last(answer)[0]["key"]
    return last(page.post("api/relabel", json={"key": key, "setting": SETTING}))


def test_every_classifier_can_be_chosen_and_says_that_it_names_whole_pictures(page):
    models = {each["name"]: each for each in last(page.get("api/catalog"))[0]["models"]}
    for config in CLASSIFIERS.values():
        told = models[config.name]
        assert told["task"] == "classify"
        assert "whole picture" in told["knows"]
        assert f"{config.published_top1} %" in told["knows"]
        assert f"<td>top-1 {config.published_top1} %</td>" in model_table()
        assert config.hub or told["missing"]
    assert models["nano"]["task"] == "segment"
    assert len({each["title"] for each in models.values()}) == len(models)


def test_every_pixel_has_the_class_of_the_whole_picture(page, opened):
    facts, parts = opened
    assert facts["model"]["task"] == "classify"
    now = page.actions.selection(facts["key"])
    result = page.actions.stored(now).result
    with page.actions.original(now) as model:
        found = classify(result.picture, model, whole=True)
    best = found.top(1)[0]
    assert np.unique(parts["labels"]).tolist() == [best.index]
    present = [one for one in facts["classes"] if one["share"]]
    assert [(one["index"], one["name"]) for one in present] == [(best.index, best.name)]
    _, pixel = last(page.get(f"api/{facts['key']}/probabilities", params={"x": 5, "y": 7}))
    np.testing.assert_allclose(pixel["probabilities"], found.probabilities, rtol=1e-4)
    assert facts["setting"]["untrained"]
    assert facts["setting"].get("shortSide") is None


def test_the_lens_looks_into_it(page, opened):
    key = opened[0]["key"]
    traced = page.actions.trace(page.actions.selection(key))
    _, parts = last(page.get(f"api/{key}/block/2/1"))
    share = parts["norms"][:, 3, 5] / parts["norms"][:, 3, 5].sum()
    exact = analysis.local_affinity(traced, 2, 1, (3, 5)).norm_share
    np.testing.assert_allclose(share.reshape(5, 5), exact, atol=1e-5)
    for layer in ("layer-cam", "kept", "field", "hide"):
        ask = {"layer": layer, "x": 9, "y": 9, "region": None, "parameters": {}}
        facts, _ = last(page.post(f"api/{key}/layer", json=ask))
        assert "error" not in facts, facts
        assert facts["sentence"]


def test_what_is_taken_away_says_the_same(page, opened, tmp_path, monkeypatch, capsys):
    key = opened[0]["key"]
    now = page.actions.selection(key)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(page.actions.stored(now).result.picture).save("photo.png")
    with page.actions.original(now) as model:
        save_file(model.state_dict(), "own.safetensors")

    def file(kind):
        return last(page.post(f"api/{key}/take-away", json={"ask": None, "kind": kind}))

    def words(kind, weights):
        text = file(kind)[1]["file"].tobytes().decode()
        return text.replace("photo.jpg", "photo.png").replace(weights[0], weights[1])

    said = json.loads(words("json", ("", "")))["top"]
    _, pixel = last(page.get(f"api/{key}/probabilities", params={"x": 0, "y": 0}))
    order = np.argsort(-pixel["probabilities"], kind="stable")[:5]
    assert [row["index"] for row in said] == order.tolist()
    command = shlex.split(words("command", ("--weights none", "--weights own.safetensors")))
    assert main([*command[3:], "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["top"]
    assert [row["index"] for row in again] == order.tolist()
    (tmp_path / "again.py").write_text(words("python", ("None", "'own.safetensors'")))
    runpy.run_path("again.py")
    printed = capsys.readouterr().out.splitlines()
    assert [row["name"] in line for row, line in zip(said, printed, strict=True)] == [True] * 5
    for kind in set(LABEL_KINDS) - set(CLASS_KINDS):
        assert "labels no pixels" in file(kind)[0]["error"]


def test_an_own_checkpoint_of_a_classifier_is_read_as_one(tmp_path):
    model = create_model("xxs-cls", weights=None, num_classes=7)
    save_file(model.state_dict(), tmp_path / "x.safetensors")
    read = open_upload(str(tmp_path / "x.safetensors"), "mine.safetensors")
    assert (read.config.name, len(read.classes)) == ("xxs-cls", 7)
    assert "mine.safetensors, read as xxs-cls" in read.weights.note
    assert read.weights.trained
