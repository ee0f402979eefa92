"""What the page offers as “the same in Python” runs as it stands, and gives the same numbers."""

import json
import shutil

import pytest

from analysis import cli
from analysis.answer import finish
from analysis.questions import QUESTIONS
from ui.examples import FOLDER
from ui.snippets import command_snippet, python_snippet
from uniformer import create_model

PHOTO = FOLDER / "rocket.jpg"
PLACE = {"x": 200, "y": 150, "short_side": 64}
ASKED = {
    "attribute": PLACE | {"method": "gradient-x-activation", "stage": 3, "region": "segment"},
    "what-if": PLACE | {"kind": "silence-head", "head": 1},
}


@pytest.fixture(scope="module")
def model():
    return create_model("nano", reach="window", window_size=4)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An empty folder with the photo, to run things in."""
    shutil.copy(PHOTO, tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content_of(model, question):
    return json.loads(finish(QUESTIONS[question](model, PHOTO, **ASKED[question])).to_json())


def plain(numbers):
    return {name: value for name, value in numbers.items() if "seconds" not in name}


@pytest.mark.parametrize("question", ASKED)
def test_python_snippet_runs_and_answers_the_same(model, desk, question):
    content = content_of(model, question)
    code = python_snippet(content)
    names = {}
    exec(code.replace("answer.save(", "(lambda *where: None)("), names)
    again = names["answer"]
    assert again.question == question
    assert plain(again.numbers) == pytest.approx(plain(content["numbers"]), nan_ok=True)
    assert again.settings["model"] == content["settings"]["model"]
    assert again.settings["reach"] == "window"
    assert again.settings["picture"] == content["settings"]["picture"]


def test_command_snippet_runs_and_answers_the_same(model, desk, capsys):
    content = content_of(model, "attribute")
    command = command_snippet(content).split()
    assert command[:3] == ["python", "-m", "analysis"]
    assert cli.main([*command[3:], "--formats", "json", "-o", "out"]) == 0
    assert (desk / "out" / "photo.attribute.json").is_file()


def test_painted_region_is_read_from_the_arrays_that_were_saved(model):
    content = content_of(model, "attribute")
    content["settings"]["parameters"]["region"] = "mask"
    code = python_snippet(content)
    compile(code, "snippet", "exec")
    assert 'np.load("photo.attribute.npz")["region"]' in code
    assert command_snippet(content) == ""
