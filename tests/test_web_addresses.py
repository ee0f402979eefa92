"""The workbench's addresses: what they answer, to whom, and what they refuse in one sentence."""

from __future__ import annotations

import io
import json
import re

import gradio as gr
import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from javascript import base64_of, with_modules
from PIL import Image
from workbench import last, read_frames, served

import analysis
import uniformer
from analysis.report.frames import DTYPES, frame
from ui.host.settings import Settings
from ui.layout import launch
from ui.server import launch_options
from ui.web.addresses import Addresses

EXAMPLE = "coffee.jpg"


@pytest.fixture(scope="module")
def page():
    """The addresses over bundled weights, for files of up to 1 MB."""
    with served(Settings(upload_bytes=2**20)) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def opened(page):
    answer = page.post("api/open", data={"setting": "{}", "example": EXAMPLE})
    return last(answer)


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.sampled_from(DTYPES).flatmap(
            lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0))
        ),
        max_size=4,
    ),
    st.dictionaries(st.text().filter(lambda name: name not in ("arrays", "bytes")), st.floats()),
)
@settings(deadline=None, max_examples=60)
def test_what_is_framed_is_read_back_and_what_is_not_finite_is_null(given, facts):
    ((said, found),) = read_frames(frame(facts, given))
    assert said == {name: value if np.isfinite(value) else None for name, value in facts.items()}
    assert found.keys() == given.keys()
    for name, array in given.items():
        assert found[name].dtype.str == array.dtype.str
        np.testing.assert_array_equal(found[name], array)


def test_an_array_no_browser_reads_is_refused():
    with pytest.raises(ValueError, match="float64"):
        frame({}, {"map": np.zeros(2)})


def test_a_picture_has_every_label_and_what_the_types_promise(page, opened):
    facts, parts = opened
    stored = page.actions.stored(page.actions.selection(facts["key"]))
    np.testing.assert_array_equal(parts["labels"], stored.result.labels)
    photo = Image.open(io.BytesIO(parts["image"].tobytes()))
    assert photo.size == (facts["width"], facts["height"])
    for name in ("confidence", "entropy", "margin"):
        percent = 100 * getattr(stored.result, name)
        assert np.abs(parts[name] - percent).max() <= 0.5
    assert sum(one["share"] for one in facts["classes"]) == pytest.approx(1)
    assert [one["index"] for one in facts["classes"]] == list(range(len(facts["classes"])))
    assert [stage["stage"] for stage in facts["stages"]] == [1, 2, 3, 4]
    assert facts["setting"] == {
        "model": "nano", "reach": "global", "windowSize": 8, "untrained": False,
    }  # fmt: skip
    assert facts["notices"] == []


def test_in_the_setting_it_has_a_picture_is_not_labelled_again(page, opened):
    given = {"key": opened[0]["key"], "setting": opened[0]["setting"]}
    kept, parts = last(page.post("api/relabel", json=given))
    assert (kept["key"], kept["seconds"]) == (opened[0]["key"], opened[0]["seconds"])
    np.testing.assert_array_equal(parts["labels"], opened[1]["labels"])
    smaller = given["setting"] | {"shortSide": 64}
    anew = page.post("api/relabel", json=given | {"setting": smaller})
    assert last(anew)[0]["key"] != kept["key"]


def test_random_weights_are_said_to_be_random(page, opened):
    setting = {"key": opened[0]["key"], "setting": {"untrained": True}}
    facts, parts = last(page.post("api/relabel", json=setting))
    assert facts["notices"] == [uniformer.create_model("nano", weights=None).weights.note]
    assert (facts["setting"]["model"], facts["setting"]["untrained"]) == ("nano", True)
    assert not facts["model"]["trained"]
    assert (parts["labels"] != opened[1]["labels"]).any()


def test_what_a_setting_leaves_out_is_the_models_own_weights(page, opened):
    random = {"key": opened[0]["key"], "setting": {"untrained": True}}
    key = last(page.post("api/relabel", json=random))[0]["key"]
    for setting in ({}, {"untrained": False}):
        facts, parts = last(page.post("api/relabel", json={"key": key, "setting": setting}))
        assert facts["model"]["trained"]
        np.testing.assert_array_equal(parts["labels"], opened[1]["labels"])


def test_the_photo_travels_once_and_not_with_every_labelling_of_it(page, opened):
    given = {"key": opened[0]["key"], "setting": {"reach": "window"}}
    _, parts = last(page.post("api/relabel", json=given))
    assert "image" in opened[1]
    assert "image" not in parts
    assert opened[1].keys() - parts.keys() == {"image"}


@pytest.mark.parametrize("reach", ["global", "window"])
def test_a_row_made_of_a_block_is_the_row_of_the_analysis(page, opened, reach):
    """The softmax of q . k over a query's window, padding included, as a browser computes it."""
    setting = {"reach": reach, "windowSize": 7}
    made = page.post("api/relabel", json={"key": opened[0]["key"], "setting": setting})
    key = last(made)[0]["key"]
    traced = page.actions.trace(page.actions.selection(key))
    facts, parts = last(page.get(f"api/{key}/block/3/1"))
    rows, columns = facts["rows"], facts["columns"]
    token = (rows - 1, columns - 1)  # whose window reaches beyond the map, if it has one
    row = analysis.global_affinity(traced, 3, 1, token)
    window = row.window
    inside = np.zeros((rows, columns), bool)
    inside[window.top : window.top + window.rows, window.left :][:, : window.columns] = True
    keys = parts["k"][:, inside.ravel()]
    padding = np.repeat(parts["paddingKey"][:, None], window.padding_tokens, axis=1)
    query = parts["q"][:, token[0] * columns + token[1]]
    scores = np.einsum("hd,hkd->hk", query, np.concatenate([keys, padding], axis=1))
    weight = np.exp(scores - scores.max(1, keepdims=True))
    weight /= weight.sum(1, keepdims=True)
    assert (reach == "window") == (window.padding_tokens > 0)
    np.testing.assert_allclose(weight[:, : inside.sum()], row.weight[:, inside], atol=1e-5)


def test_a_local_block_has_the_norm_shares_of_the_analysis(page, opened):
    key = opened[0]["key"]
    traced = page.actions.trace(page.actions.selection(key))
    facts, parts = last(page.get(f"api/{key}/block/1/0"))
    share = parts["norms"][:, 3, 5] / parts["norms"][:, 3, 5].sum()
    exact = analysis.local_affinity(traced, 1, 0, (3, 5)).norm_share
    np.testing.assert_allclose(share.reshape(5, 5), exact, atol=1e-5)
    assert facts["kind"] == "local"


def test_probabilities_at_a_pixel_are_those_of_the_labels(page, opened):
    facts, parts = opened
    for x, y in ((0, 0), (facts["width"] - 1, facts["height"] - 1), (123, 77)):
        _, found = last(page.get(f"api/{facts['key']}/probabilities", params={"x": x, "y": y}))
        probability = found["probabilities"]
        assert probability.sum() == pytest.approx(1, abs=1e-5)
        assert probability.argmax() == parts["labels"][y, x]
        assert 100 * probability.max() == pytest.approx(parts["confidence"][y, x], abs=0.51)


def test_a_visitors_own_photo_is_labelled_as_from_python(page, opened):
    photo = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    setting = json.dumps({"shortSide": 64, "reach": "hybrid", "windowSize": 5})
    answer = page.post(
        "api/open", data={"setting": setting}, files={"file": ("a b.png", file.getvalue())}
    )
    facts, parts = last(answer)
    with page.actions.original(page.actions.selection(facts["key"])) as model:
        result = uniformer.segment(photo, model, short_side=64)
    assert (model.reach, model.window_size) == ("hybrid", 5)
    assert (parts["labels"] == result.labels).mean() > 0.999
    assert (facts["title"], facts["setting"]["shortSide"]) == ("a b", 64)


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("open", {"data": {}}),
        ("open", {"data": {"setting": "[]", "example": EXAMPLE}}),
        ("open", {"data": {"setting": "{", "example": EXAMPLE}}),
        ("open", {"data": {"setting": "{}", "example": "no.jpg"}}),
        ("open", {"data": {"setting": "{}", "file": "a.png"}}),
        ("open", {"data": {"setting": "{}"}, "files": {"file": ("a.png", b"no picture")}}),
        ("open", {"data": {"setting": "{}"}, "files": {"file": ("a.png", b"")}}),
        ("open", {"data": {"setting": '{"model": "large"}', "example": EXAMPLE}}),
        ("open", {"data": {"setting": '{"model": ["nano"]}', "example": EXAMPLE}}),
        ("open", {"data": {"setting": '{"model": "own:x"}', "example": EXAMPLE}}),
        ("open", {"data": {"setting": '{"reach": "far"}', "example": EXAMPLE}}),
        ("open", {"data": {"setting": '{"reach": []}', "example": EXAMPLE}}),
        ("open", {"data": {"setting": '{"windowSize": 0}', "example": EXAMPLE}}),
        ("open", {"data": {"setting": '{"windowSize": true}', "example": EXAMPLE}}),
        ("open", {"data": {"setting": '{"shortSide": 4096}', "example": EXAMPLE}}),
        ("open", {"content": b"\0", "headers": {"content-type": "multipart/form-data"}}),
        ("relabel", {"json": {}}),
        ("relabel", {"json": {"key": "x" * 22, "setting": {}}}),
        ("relabel", {"json": {"key": {}, "setting": {}}}),
        ("relabel", {"content": b"[" * 10_000}),
        ("KEY/block/0/0", {}),
        ("KEY/block/5/0", {}),
        ("KEY/block/3/99999999999999999999", {}),
        ("KEY/probabilities", {}),
        ("KEY/probabilities?x=1&y=99999", {}),
        ("KEY/probabilities?x=-1&y=0", {}),
        ("KEY/probabilities?x=nan&y=0", {}),
        ("xxxxxxxxxxxxxxxxxxxxxx/block/3/0", {}),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(page, opened, path, given):
    method = "POST" if given else "GET"
    answer = page.request(method, f"api/{path.replace('KEY', opened[0]['key'])}", **given)
    if answer.status_code == 200:
        sentence = last(answer)[0]["error"]
    else:
        assert answer.status_code == 400
        sentence = answer.json()["detail"]
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_only_the_workbenchs_own_files_are_served(page):
    assert page.get("source.js").headers["content-type"].startswith("text/javascript")
    for path in ("", ".", "%2e%2e/style.css", "/etc/passwd", "no.js", "a%00.js"):
        assert page.get(path).status_code == 404, path


def test_other_sites_may_not_ask_and_large_files_are_refused(page):
    foreign = {"origin": "https://example.org"}
    assert page.get("api/catalog", headers=foreign).status_code == 403
    large = {"file": ("a.png", bytes(2**21))}
    assert page.post("api/open", data={"setting": "{}"}, files=large).status_code == 413


def test_behind_a_password_only_those_who_gave_it_are_answered():
    host = Settings(auth="ann:secret")
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Markdown("Nothing")
    addresses = Addresses(None, host)
    addresses._workbench.catalog = lambda: {"models": []}
    page.beside = [addresses]
    _, url, _ = launch(page, prevent_thread_lock=True, quiet=True, **launch_options(page, host))
    with httpx.Client(base_url=url) as visitor:
        asked = {route.path: route.methods for route in addresses.routes()}
        for path, methods in asked.items():
            address = path.replace(":int", "").replace("{stage}", "3").replace("{block}", "0")
            if "/api/" in path:
                assert visitor.request(*methods - {"HEAD"}, address).status_code == 401, path
        visitor.post("login", data={"username": "ann", "password": "secret"})
        assert visitor.get("web/api/catalog").status_code == 200
    page.close(verbose=False)


def test_a_browser_reads_what_python_frames():
    values = {
        "map": np.array([[0.25, -3.0, 1e-7]], "<f4"),
        "labels": np.arange(5, dtype="|u1"),
        "wide": np.array([300, 65535], "<u2"),
        "signed": np.array([[-1], [2**31 - 1]], "<i4"),
    }
    facts = {"title": "Grüße 先", "nothing": float("nan"), "deep": {"a": [1, True, None]}}
    content = frame({"partial": True, "done": 1}) + frame(facts, values)
    program = """
      const reader = new FrameReader();
      const found = reader.push(bytes(given));
      return found.map(({ facts, arrays }) => [
        facts, Object.fromEntries(Object.entries(arrays).map(([name, one]) => [name, [...one]]))]);
    """
    (first, second) = with_modules(["frames.js"], program, base64_of(np.frombuffer(content, "u1")))
    assert first[0] == {"partial": True, "done": 1}
    assert second[0] == facts | {"nothing": None}
    for name, array in values.items():
        np.testing.assert_array_equal(np.array(second[1][name], array.dtype), array.ravel())


def test_the_catalog_is_said_in_the_language_asked_for(page):
    english, chinese, other = (
        last(page.get("api/catalog", params={"language": language}))[0]
        for language in ("en", "zh-CN", "xx")
    )
    assert english == other
    assert [one["id"] for one in chinese["layers"]] == [one["id"] for one in english["layers"]]
    for one, there in zip(english["models"], chinese["models"], strict=True):
        assert one["knows"] != there["knows"]
        numbers = re.compile(r"\d+(?:\.\d+)?")
        assert sorted(numbers.findall(one["knows"])) == sorted(numbers.findall(there["knows"]))
    by_id = {one["id"]: one for one in chinese["layers"]}
    assert by_id["silence-head"]["title"] == "让一个头沉默"
