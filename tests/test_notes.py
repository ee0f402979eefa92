"""What had to be assumed to read a picture is told wherever its labels or answers are."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from analysis.cli.main import main as ask
from analysis.core.activation_cache import trace
from analysis.core.progress import finish
from analysis.questions import QUESTIONS
from analysis.report.stored import picture_kept
from uniformer import create_model, segment
from uniformer.cli import main

WORD = "4000, its largest, was taken as white"


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    file = tmp_path_factory.mktemp("notes") / "deep.tif"
    values = np.linspace(0, 4000, 64 * 96).reshape(64, 96).astype(np.int32)
    tifffile.imwrite(file, values, photometric="minisblack")
    return file


def test_json_page_and_questions_tell(photo):
    model = create_model("nano")
    result = segment(photo, model, short_side=64)
    assert WORD in result.describe()["picture"]["notes"][0]
    kept, _ = picture_kept(result, trace(model, photo, short_side=64))
    assert WORD in kept["notices"][0]
    answer = finish(QUESTIONS["probe"](model, result.as_read, x=5, y=5, short_side=64))
    assert WORD in answer.settings["picture"]["notes"][0]
    plain = segment(Image.fromarray(result.picture), model, short_side=64)
    assert "notes" not in plain.describe()["picture"]
    assert picture_kept(plain, trace(model, plain.picture, short_side=64))[0]["notices"] == []


def test_command_lines_tell_now_and_when_nothing_is_left_to_do(photo, tmp_path, capsys):
    command = ["segment", str(photo), "-o", str(tmp_path), "--short-side", "64", "--device", "cpu"]
    for _ in range(2):
        assert main(command) == 0
        assert f"uniformer: note: {photo}: No header says" in capsys.readouterr().err
    question = [
        "probe",
        str(photo),
        "-o",
        str(tmp_path),
        "--short-side",
        "64",
        "--formats",
        "json",
        "--pixel",
        "5,5",
    ]
    for _ in range(2):
        assert ask(question) == 0
        assert WORD in capsys.readouterr().out
    (file,) = tmp_path.glob("*.probe.json")
    assert WORD in json.loads(file.read_text())["settings"]["picture"]["notes"][0]
