"""Answers in the one form all ways in share, and what they can be about."""

import csv
import io
import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.core.errors import AnalysisError
from analysis.core.subject import find_class, find_subject
from analysis.questions.answer import Answer, provenance
from uniformer.classes import class_set

CLASSES = class_set("everyday22")
LABELS = np.array([[0, 0, 4], [4, 0, 4]], dtype=np.uint8)


@pytest.fixture
def answer(tiny, picture):
    def draw():
        figure = Figure()
        figure.add_subplot().plot([0, 1])
        return figure

    return Answer(
        question="test",
        title="Test",
        sentence="Shows a line.",
        grade="exact",
        numbers={"distance_px": np.float32(1.5), "gap": float("nan"), "n": np.int64(3)},
        arrays={"map": np.arange(6.0).reshape(2, 3)},
        tables={"rows": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.25}]},
        settings=provenance(tiny(), picture(), x=1, y=2),
        figure=draw,
    )


def test_json_is_strict_and_has_what_is_needed_to_ask_again(answer):
    report = json.loads(answer.to_json(), parse_constant=lambda name: pytest.fail(name))
    assert report["numbers"] == {"distance_px": 1.5, "gap": None, "n": 3}
    assert report["settings"]["parameters"] == {"x": 1, "y": 2}
    assert report["settings"]["mask_sha256"] is None
    assert len(report["settings"]["picture"]["sha256"]) == 64
    assert report["settings"]["model"] == "tiny"


def test_saved_files_hold_what_the_answer_holds(answer, tmp_path):
    files = answer.save(tmp_path, "it", ("png", "svg", "pdf", "npz", "csv", "json"))
    assert {file.name for file in files} == {
        "it.png", "it.svg", "it.pdf", "it.npz", "it.rows.csv", "it.json",
    }  # fmt: skip
    np.testing.assert_array_equal(np.load(tmp_path / "it.npz")["map"], answer.arrays["map"])
    rows = list(csv.DictReader(io.StringIO((tmp_path / "it.rows.csv").read_text())))
    assert rows == [{"name": "a", "share": "0.5"}, {"name": "b", "share": "0.25"}]


@pytest.mark.parametrize(
    ("stem", "formats"), [("../out", ["json"]), ("", ["json"]), ("it", ["exe"])]
)
def test_files_are_written_by_plain_names_and_known_formats_only(answer, tmp_path, stem, formats):
    with pytest.raises(AnalysisError):
        answer.save(tmp_path / "out", stem, formats)
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize(
    ("extent", "pixels"),
    [("pixel", [(0, 2)]), ("segment", [(0, 2), (1, 2)]), ("class", [(0, 2), (1, 0), (1, 2)])],
)
def test_a_subject_is_the_pixel_its_segment_or_its_class(extent, pixels):
    subject = find_subject(LABELS, CLASSES, 2, 0, extent=extent)
    assert sorted(zip(*np.nonzero(subject.region), strict=True)) == pixels
    assert subject.label == 4


def test_a_painted_subject_is_asked_about_its_most_frequent_class():
    mask = np.array([[1, 1, 1], [0, 0, 0]], dtype=bool)
    assert find_subject(LABELS, CLASSES, 2, 0, extent="mask", mask=mask).label == 0


def test_classes_go_by_name_in_any_case_or_by_number():
    assert find_class(" Tree ", CLASSES) == find_class("4", CLASSES) == find_class(4, CLASSES) == 4


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"label": "unicorn"}, "no class 'unicorn'"),
        ({"label": "-1"}, "no class"),
        ({"extent": "moon"}, "region must be"),
        ({"extent": "mask"}, "Paint"),
        ({"against": "tree"}, "itself"),
    ],
)
def test_a_subject_that_makes_no_sense_is_refused(question, words):
    with pytest.raises(AnalysisError, match=words):
        find_subject(LABELS, CLASSES, 2, 0, **question)
