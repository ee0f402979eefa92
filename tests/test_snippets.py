"""What the page offers as “the same in Python” runs as it stands, and gives the same numbers."""

import json
import shlex
import shutil
from dataclasses import asdict

import pytest

from analysis.cli import main as cli
from analysis.core.progress import finish
from analysis.questions import QUESTIONS
from ui.service.examples import FOLDER
from ui.service.snippets import (
    command_snippet,
    python_snippet,
    site_command,
    start_snippet,
    weights_name,
)
from ui.service.uploads import open_upload
from uniformer import create_model, segment
from uniformer.weights import DATA

PHOTO = FOLDER / "rocket.jpg"
OWN_FILE = "my weights.safetensors"
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
    """An empty folder with the photo and the visitor's checkpoint, to run things in."""
    shutil.copy(PHOTO, tmp_path / "photo.jpg")
    shutil.copy(DATA / "nano.safetensors", tmp_path / OWN_FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own(desk):
    """The model of that checkpoint, as the page opens it from wherever it was put."""
    return open_upload(str(desk / OWN_FILE), OWN_FILE)


def content_of(model, question):
    return json.loads(finish(QUESTIONS[question](model, PHOTO, **ASKED[question])).to_json())


def plain(numbers):
    return {name: value for name, value in numbers.items() if "seconds" not in name}


def run(code):
    names = {}
    exec(code.replace("answer.save(", "(lambda *where: None)("), names)
    return names


@pytest.mark.parametrize("question", ASKED)
def test_python_snippet_runs_and_answers_the_same(model, desk, question):
    content = content_of(model, question)
    again = run(python_snippet(content))["answer"]
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


def test_own_checkpoint_is_named_and_read_by_program_and_command(own, desk, capsys):
    content = content_of(own, "attribute")
    code = python_snippet(content)
    assert f'weights="{OWN_FILE}"' in code
    again = run(code)["answer"]
    assert again.settings["weights"]["sha256"] == content["settings"]["weights"]["sha256"]
    assert plain(again.numbers) == pytest.approx(plain(content["numbers"]), nan_ok=True)
    command = shlex.split(command_snippet(content))
    assert command[command.index("--weights") + 1] == OWN_FILE
    assert cli.main([*command[3:], "--formats", "json", "-o", "out"]) == 0
    found = json.loads((desk / "out" / "photo.attribute.json").read_text())
    assert found["settings"]["weights"]["sha256"] == content["settings"]["weights"]["sha256"]


def test_start_and_site_name_the_own_checkpoint_and_run(own, desk, capsys):
    result = segment("photo.jpg", own, short_side=64)
    made = run(start_snippet(result, (20, 30)))
    assert (made["result"].labels == result.labels).all()
    command = shlex.split(site_command(result))
    assert command[:4] == ["python", "-m", "analysis", "publish"]
    asked = cli.build_parser().parse_args(command[3:])
    assert (asked.weights, asked.model, asked.reach) == (OWN_FILE, "nano", own.reach)


def test_checkpoint_with_other_classes_says_how_many(model):
    content = content_of(model, "attribute")
    content["settings"]["num_classes"] = 7
    content["settings"]["weights"] = {"source": "upload seven.pth", "sha256": "ab"}
    assert 'create_model("nano", weights="seven.pth", num_classes=7, ' in python_snippet(content)
    assert command_snippet(content) == ""


def test_weights_are_named_without_the_folder_they_are_in(model):
    random = create_model("nano", weights=None).weights
    assert weights_name(asdict(random)) is None
    assert weights_name(asdict(model.weights)) == "default"
    record = asdict(model.weights)
    hub = "owner/repo/file.pth@0123abc"
    for source, name in (
        ("/home/host/secret/a.pth", "a.pth"),
        ("C:\\weights\\a.pth", "a.pth"),
        ("upload a.pth", "a.pth"),
        (hub, hub),
    ):
        assert weights_name(record | {"source": source}) == name


def test_painted_region_is_read_from_the_arrays_that_were_saved(model):
    content = content_of(model, "attribute")
    content["settings"]["parameters"]["region"] = "mask"
    content["settings"]["mask_sha256"] = "ab"
    code = python_snippet(content)
    compile(code, "snippet", "exec")
    assert 'np.load("photo.attribute.npz")["region"]' in code
    assert command_snippet(content) == ""
