"""Plain HTTP: a form goes in, JSON with named parts comes out, as OpenAPI and llms.txt say."""

from __future__ import annotations

import contextlib
import io
import re
import threading
import time

import gradio as gr
import httpx
import jsonschema
import numpy as np
import pytest
from endpoints import SHORT_SIDE, endpoints, photo
from fastapi.openapi.models import OpenAPI
from PIL import Image

from analysis.core.progress import Progress
from analysis.questions import QUESTIONS
from analysis.questions.parameters import REQUIRED, parameters_of
from ui.api import Rest
from ui.api import services as module
from ui.api.services import Service
from ui.host.settings import Settings
from ui.layout import launch
from ui.server import launch_options
from uniformer.config import CLASSIFIERS, MODELS


@pytest.fixture(scope="module")
def http():
    with endpoints() as url, httpx.Client(base_url=url, timeout=120) as http:
        yield http


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    return photo(tmp_path_factory.mktemp("rest")).read_bytes()


@pytest.fixture(scope="module")
def spec(http):
    return http.get("/api/openapi.json").json()


def ask(http, name, picture, **given):
    given = {"short_side": SHORT_SIDE, **given} if name != "classify" else given
    return http.post(f"/api/{name}", files={"picture": ("my photo.png", picture)}, data=given)


def schema_of(spec, name):
    """The schema of an answer, with what it refers to."""
    (operation,) = spec["paths"][f"/api/{name}"].values()
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return {**schema, "components": spec["components"]}


def test_labels_come_as_an_object_with_files_by_name(http, picture, spec):
    answer = ask(http, "segment", picture, format="coco-panoptic")
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert sum(row["share"] for row in found["answer"]["table"]) == pytest.approx(1)
    arrays = np.load(io.BytesIO(http.get(found["arrays"]["url"]).content))
    labels = Image.open(io.BytesIO(http.get(found["labels"]["url"]).content))
    np.testing.assert_array_equal(labels, arrays["labels"])
    assert found["labels"]["name"] == "my_photo.labels.png"
    (annotations,) = found["annotations"]
    assert annotations["name"] == "my_photo.coco-panoptic.zip"
    assert len(http.get(annotations["url"]).content) == annotations["bytes"]
    jsonschema.validate(found, schema_of(spec, "segment"))


def test_a_question_is_answered_as_it_is_described(http, picture, spec):
    found = ask(http, "probe", picture, x=9, y=5).json()
    assert found["answer"]["settings"]["parameters"]["x"] == 9
    assert len(found["tables"]) == len(found["answer"]["tables"])
    jsonschema.validate(found, schema_of(spec, "probe"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**found, "figure": "figure.png"}, schema_of(spec, "probe"))


def test_a_picture_is_classified_and_ranks_are_bounded(http, picture, spec):
    found = ask(http, "classify", picture, model="xxs-cls", top=3).json()
    rows = found["answer"]["top"]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert rows[0]["probability"] >= rows[1]["probability"] > 0
    jsonschema.validate(found, schema_of(spec, "classify"))
    cut, whole = found["answer"], ask(http, "classify", picture, model="xxs-cls", whole=True).json()
    assert (cut["settings"]["crop_px"], whole["answer"]["settings"]["crop_px"]) == (224, None)
    for top in (0, 101):
        refused = ask(http, "classify", picture, model="xxs-cls", top=top)
        assert refused.status_code == 422
        assert "from 1 to 100" in refused.json()["detail"]


def test_models_are_listed_with_what_they_are_for(http):
    rows = {row["name"]: row for row in http.get("/api/models").json()["models"]}
    assert set(rows) == {*MODELS, *CLASSIFIERS}
    assert (rows["nano"]["task"], len(rows["nano"]["classes"])) == ("segment", 50)
    assert (rows["small-cls"]["task"], rows["small-cls"]["class_count"]) == ("classify", 1000)


def test_openapi_is_valid_and_says_every_parameter(spec):
    OpenAPI.model_validate(spec)
    questions = {name.replace("-", "_"): ask for name, ask in QUESTIONS.items()}
    fixed = {"models", "segment", "classify", "report"}
    assert set(spec["paths"]) == {f"/api/{name}" for name in {*questions, *fixed}}
    for name, question in questions.items():
        body = spec["paths"][f"/api/{name}"]["post"]["requestBody"]
        form = body["content"]["multipart/form-data"]["schema"]
        own = {each.name: each for each in parameters_of(question)}
        assert form["properties"].keys() >= {"picture", "model", *own}
        required = {each.name for each in own.values() if each.default is REQUIRED}
        assert set(form["required"]) == {"picture", *required}
        for each in own.values():
            described = form["properties"][each.name]
            assert described["description"]
            assert tuple(described.get("enum", ())) == tuple(each.choices or ())


def test_llms_txt_names_every_endpoint_and_its_addresses_answer(http, spec):
    answer = http.get("/llms.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    said = answer.text
    assert said.startswith("# UniFormer Lens\n\n> ")
    for path, operations in spec["paths"].items():
        (method,) = operations
        assert f"`{method.upper()} {path}`" in said
    addresses = re.findall(r"\]\((\S+)\)", said)
    assert len(addresses) == 3
    for address in addresses:
        assert address.startswith(str(http.base_url))
        if "mcp" not in address:
            assert http.get(address).status_code == 200


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("segment", {"model": "large"}, "There is no model called 'large'"),
        ("segment", {"reach": "far"}, "reach must be one of global, hybrid, window."),
        ("segment", {"short_side": "wide"}, "short_side must be a whole number"),
        ("segment", {"format": "voc"}, "format must be one of coco, "),
        ("segment", {"colour": "red"}, "segment has no colour; it takes short_side, "),
        ("segment", {"short_side": ["64", "65"]}, "short_side may be given once."),
        ("segment", {"model": "xxs-cls"}, "classify"),
        ("classify", {"model": "nano"}, "model must be one of xxs-cls, "),
        ("probe", {"y": 0}, "x must be a whole number"),
        ("probe", {"x": 500, "y": 0}, "500"),
        ("what_if", {"kind": "hide-segment", "padded": "perhaps"}, "padded must be true or false."),
        ("report", {"short_side": 2048}, "at most 1024"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(http, picture, name, given, words):
    refused = ask(http, name, picture, **given)
    assert refused.status_code == 422
    sentence = refused.json()["detail"]
    assert words in sentence
    assert "\n" not in sentence


def test_what_is_no_picture_or_no_form_is_one_sentence(http, picture):
    assert "damaged" in ask(http, "segment", picture[:100]).json()["detail"]
    for asked in ({"json": {}}, {"data": {"picture": "photo.png"}}, {"files": {"photo": b"1"}}):
        refused = http.post("/api/segment", **asked)
        assert refused.status_code == 422
        assert "picture" in refused.json()["detail"]
    for name in ("nothing", "models"):
        assert ask(http, name, picture).status_code == 404


def test_a_picture_larger_than_a_question_takes_is_refused(http, picture, monkeypatch):
    monkeypatch.setattr(module, "QUESTION_PIXELS", 1000)
    assert "million pixels" in ask(http, "probe", picture, x=0, y=0).json()["detail"]


@pytest.fixture(scope="module")
def slow():
    """A server with one slow endpoint, one place to work and one to wait; ``slow.stopped`` is set
    when its work is stopped before the end.
    """
    started, stopped, over = threading.Event(), threading.Event(), threading.Event()

    def steps(sent, values, folder):
        started.set()
        try:
            for step in range(1, 2000):
                if over.is_set():
                    break
                time.sleep(0.02)
                yield Progress(step, 2000)
        except GeneratorExit:
            stopped.set()
            raise
        return {"answer": {}}

    service = Service("slow", "Wait.", (), (module.FOUND,), steps, long=True)
    host = Settings(concurrency=1, queue_size=2, auth="ann:secret")
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Markdown("Nothing")
    page.beside = [Rest([service], host)]
    _, url, _ = launch(page, prevent_thread_lock=True, quiet=True, **launch_options(page, host))
    with httpx.Client(base_url=url, timeout=60) as http:
        http.started, http.stopped, http.over = started, stopped, over
        yield http
    page.close(verbose=False)


def test_only_who_gave_the_password_is_answered(slow, picture):
    with httpx.Client(base_url=slow.base_url) as stranger:
        for method, path in (
            ("GET", "llms.txt"),
            ("GET", "api/openapi.json"),
            ("POST", "api/slow"),
        ):
            assert stranger.request(method, path).status_code == 401, path
    slow.post("/login", data={"username": "ann", "password": "secret"})
    assert slow.get("/llms.txt").status_code == 200


def test_who_leaves_stops_the_work_and_who_cannot_wait_is_told_when_to_come(slow, picture):
    slow.post("/login", data={"username": "ann", "password": "secret"})

    def post(timeout):
        return slow.post("/api/slow", files={"picture": ("a.png", picture)}, timeout=timeout)

    told = []

    def leave_at_once():
        with contextlib.suppress(httpx.ReadTimeout):
            told.append(post(timeout=3))

    askers = [threading.Thread(target=leave_at_once) for _ in range(2)]  # works, waits
    for asker in askers:
        asker.start()
        assert slow.started.wait(10)
        time.sleep(0.3)
    full = post(timeout=30)
    assert full.status_code == 503
    assert full.headers["retry-after"] == "60"
    assert "queue is full" in full.json()["detail"]
    for asker in askers:
        asker.join()
    assert told == []
    assert slow.stopped.wait(10)
    slow.over.set()
    assert post(timeout=30).json() == {"answer": {}}
