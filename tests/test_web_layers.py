"""Layers over HTTP: the question's numbers, told as they come, stopped when nobody listens."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
import zipfile

import numpy as np
import pytest
from processes import wait_for
from workbench import last, read_frames, served

from analysis import QUESTIONS
from analysis.core.progress import finish
from analysis.layers import LAYERS
from ui.host.settings import Settings
from ui.service.take_away import TYPES
from ui.web.asked import LONGEST_NAME

X, Y = 200, 120
SMALL = {"shortSide": 64}
SLOW = {"layer": "occlusion", "x": X, "y": Y, "parameters": {"window_px": 8}}
"""375 passes of the network: none of the tests waits for its end."""


@pytest.fixture(scope="module")
def page():
    with served(Settings()) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def key(page):
    setting = {"setting": json.dumps(SMALL), "example": "coffee.jpg"}
    return last(page.post("api/open", data=setting))[0]["key"]


def ask(page, key, layer, **more):
    return page.post(f"api/{key}/layer", json={"layer": layer, "x": X, "y": Y, **more})


def answer_of(page, key, question, **parameters):
    selection = page.actions.selection(key)
    stored = page.actions.stored(selection)
    with page.actions.original(selection) as model:
        picture = stored.result.picture
        return finish(QUESTIONS[question](model, picture, short_side=64, **parameters))


def test_the_catalog_has_every_layer_with_what_it_takes(page):
    catalog = last(page.get("api/catalog"))[0]
    assert [one["id"] for one in catalog["layers"]] == list(LAYERS)
    by_id = {one["id"]: one for one in catalog["layers"]}
    head = {each["name"]: each for each in by_id["silence-head"]["parameters"]}
    assert (head["head"]["default"], head["block"]["default"]) == (0, 0)
    assert (head["stage"]["low"], head["stage"]["high"]) == (1, 4)
    assert by_id["grad-cam"]["live"]
    assert by_id["grad-cam"]["against"]
    assert not by_id["occlusion"]["live"]
    assert not by_id["eigen-cam"]["against"]


def test_a_map_over_http_is_that_of_the_question_from_python(page, key):
    facts, parts = last(ask(page, key, "grad-cam", region="segment", parameters={"stage": 3}))
    answer = answer_of(page, key, "attribute", x=X, y=Y, method="grad-cam", stage=3)
    np.testing.assert_allclose(parts["map"], answer.arrays["map"], rtol=1e-4, atol=1e-9)
    assert [facts["rows"], facts["columns"]] == list(answer.arrays["map"].shape)
    numbers = {one["key"]: one["value"] for one in facts["numbers"]}
    assert numbers["score_value"] == pytest.approx(answer.numbers["score_value"], rel=1e-4)
    assert facts["scale"]["high"] == pytest.approx(answer.arrays["map"].max(), rel=1e-4)
    assert facts["grade"] == answer.grade


def test_an_effect_is_shown_before_its_controls_and_is_that_of_python(page, key):
    mask = np.zeros((400, 600), bool)
    mask[100:200, 150:300] = True
    bits = base64.b64encode(np.packbits(mask)).decode()
    answered = read_frames(ask(page, key, "hide", region="mask", mask=bits).content)
    answer = answer_of(page, key, "what-if", x=X, y=Y, kind="hide-segment", mask=mask)
    (first, early), (facts, parts) = [one for one in answered if "map" in one[1]]
    assert first["partial"]
    assert first["layer"]["kind"] == facts["kind"] == "labels"
    np.testing.assert_array_equal(early["map"], answer.arrays["labels_after"])
    np.testing.assert_array_equal(parts["map"], answer.arrays["labels_after"])
    numbers = {one["key"]: one["value"] for one in facts["numbers"]}
    assert numbers["kl_nats"] == pytest.approx(answer.numbers["kl_nats"], rel=1e-4)


def test_what_was_asked_before_is_there_at_once(page, key, monkeypatch):
    given = {"region": "pixel", "parameters": {"stage": 2}}
    once = last(ask(page, key, "layer-cam", **given))
    monkeypatch.setattr(page.actions, "original", lambda selection: pytest.fail("asked again"))
    again = last(ask(page, key, "layer-cam", **given))
    np.testing.assert_array_equal(once[1]["map"], again[1]["map"])


def at_work(page):
    return page.actions.turns.at_work + len(page.actions.turns._long_waiting)


def test_a_long_layer_tells_of_itself_and_stops_when_its_reader_leaves(page, key):
    with page.stream("POST", f"api/{key}/layer", json=SLOW) as answer:
        content = b""
        for part in answer.iter_bytes():
            content += part
            frames = read_frames(content, whole=False)
            if any("map" in parts for _, parts in frames):
                break
        done = [facts["done"] for facts, _ in frames]
        assert done == sorted(done)
        assert done[-1] < frames[-1][0]["total"]
    left = time.monotonic()
    wait_for(lambda: not at_work(page), seconds=10)
    assert time.monotonic() - left < 3


def test_quick_answers_do_not_wait_behind_long_ones(page, key):
    """Two visitors' occlusions are under way; a third opens a picture, and asks for a map."""
    leave, ended = threading.Event(), []

    def occlude(number):
        given = {**SLOW, "x": X + number}
        headers = {"x-lens-session": f"visitor {number}"}
        with page.stream("POST", f"api/{key}/layer", json=given, headers=headers) as answer:
            for _ in answer.iter_bytes():
                if leave.is_set():
                    return
        ended.append(number)

    threads = [threading.Thread(target=occlude, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    wait_for(lambda: at_work(page), seconds=30)
    opened = page.post("api/open", data={"setting": json.dumps(SMALL), "example": "rocket.jpg"})
    other = last(opened)[0]["key"]
    assert last(ask(page, other, "grad-cam"))[0]["kind"] == "map"
    assert ended == []
    leave.set()
    for thread in threads:
        thread.join(30)
    assert ended == []


def test_one_sender_has_one_long_layer_at_a_time_and_is_told_how_many_are_ahead(page, key):
    headers = {"x-lens-session": "one"}
    with page.stream("POST", f"api/{key}/layer", json=SLOW, headers=headers) as first:
        told = first.iter_bytes()
        next(told)
        again = {**SLOW, "x": X + 1}
        with page.stream("POST", f"api/{key}/layer", json=again, headers=headers) as second:
            waits = second.iter_bytes()
            frames = read_frames(next(waits), whole=False)
            assert frames[0][0] == {"partial": True, "done": 0, "total": 0, "ahead": 1}


@pytest.mark.parametrize(
    "given",
    [
        {"layer": "nothing"},
        {"layer": ["grad-cam"]},
        {"layer": "g" * (LONGEST_NAME + 1)},
        {"layer": "grad-cam", "x": 600},
        {"layer": "grad-cam", "y": -1},
        {"layer": "grad-cam", "x": True},
        {"layer": "grad-cam", "region": "everything"},
        {"layer": "grad-cam", "region": "mask"},
        {"layer": "grad-cam", "region": "mask", "mask": "////"},
        {"layer": "grad-cam", "region": "mask", "mask": 3},
        {"layer": "grad-cam", "region": "mask", "mask": base64.b64encode(bytes(30000)).decode()},
        {"layer": "grad-cam", "label": 50},
        {"layer": "grad-cam", "label": "sky"},
        {"layer": "grad-cam", "label": 2, "against": 2},
        {"layer": "grad-cam", "parameters": []},
        {"layer": "grad-cam", "parameters": {"stage": 5}},
        {"layer": "grad-cam", "parameters": {"stage": "3"}},
        {"layer": "grad-cam", "parameters": {"method": "occlusion"}},
        {"layer": "integrated-gradients", "parameters": {"steps": 129}},
        {"layer": "integrated-gradients", "parameters": {"baseline": "noise"}},
        {"layer": "field", "parameters": {"probes": 1000}},
        {"layer": "silence-head", "parameters": {"head": 99}},
        {"layer": "occlusion", "parameters": {"window_px": 1}},
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(page, key, given):
    answer = page.post(f"api/{key}/layer", json={"x": X, "y": Y} | given)
    if answer.status_code == 200:
        sentence = last(answer)[0]["error"]
    else:
        assert answer.status_code == 400, answer.text
        sentence = answer.json()["detail"]
    assert sentence.endswith((".", "?"))
    assert "went wrong" not in sentence
    assert "\n" not in sentence


BEGINS = {
    "png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "npz": b"PK", "json": b"{",
    "python": b"from", "command": b"python -m", "html": b"<!doctype", "masks": b"PK",
}  # fmt: skip


def take(page, key, kind, ask=None):
    return last(page.post(f"api/{key}/take-away", json={"kind": kind, "ask": ask}))


def test_a_layer_is_taken_away_as_the_answer_it_is(page, key):
    asked = {"layer": "layer-cam", "x": X, "y": Y, "region": "segment"}
    layer = last(page.post(f"api/{key}/layer", json=asked))
    for kind in ("png", "svg", "pdf", "npz", "json", "python", "command"):
        facts, parts = take(page, key, kind, asked)
        assert parts["file"].tobytes().lower().startswith(BEGINS[kind].lower()), kind
        assert facts["type"] == TYPES[kind]
    arrays = np.load(io.BytesIO(take(page, key, "npz", asked)[1]["file"].tobytes()))
    np.testing.assert_allclose(arrays["map"], layer[1]["map"], rtol=1e-6)
    said = json.loads(take(page, key, "json", asked)[1]["file"].tobytes())
    assert said["question"] == "attribute"
    command = take(page, key, "command", asked)[1]["file"].tobytes().decode()
    assert f"--pixel {X},{Y}" in command
    assert "--method layer-cam" in command
    assert "no tables" in take(page, key, "csv", asked)[0]["error"]
    tables = take(page, key, "csv", {"layer": "depth", "x": X, "y": Y})
    names = zipfile.ZipFile(io.BytesIO(tables[1]["file"].tobytes())).namelist()
    assert any(name.endswith(".heads.csv") for name in names)


def test_the_labels_are_taken_away(page, key):
    for kind in ("png", "npz", "json", "python", "command", "html", "masks"):
        facts, parts = take(page, key, kind)
        assert parts["file"].tobytes().lower().startswith(BEGINS[kind].lower()), kind
        assert facts["type"] == TYPES[kind]
    table = take(page, key, "csv")[1]["file"].tobytes().decode().splitlines()
    assert table[0] == "index,name,color,pixels,share,mean_confidence"
    for kind in ("svg", "film", "../x"):
        assert take(page, key, kind)[0]["error"].startswith("There is no file of this kind")
