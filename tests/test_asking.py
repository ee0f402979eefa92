"""How the page asks a question of the analysis and shows the answer, without a browser."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from steps import told

from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, finish
from analysis.questions import QUESTIONS
from analysis.questions.answer import FORMATS, Answer
from ui.host.settings import Settings
from ui.messages import models as model_words
from ui.messages import questions as messages
from ui.page import banner
from ui.page.answer_card import answer_cards, read_name, read_value
from ui.page.question_panel import steps
from ui.page.tabs import compare, depth, fields, models
from ui.service import jobs as asking
from ui.service.actions import Actions
from ui.service.jobs import Job, StoredAnswer, file_of, pixel_of, run
from ui.service.model_cache import OWN, RANDOM
from ui.service.uploads import open_upload
from uniformer.config import CLASSIFIERS, MODELS
from uniformer.weights import DATA

STEPS = 4


@pytest.fixture(scope="module")
def actions():
    return Actions(Settings(weights=None))


@pytest.fixture(scope="module")
def shown(actions, tmp_path_factory):
    """The selection of a small picture of noise."""
    path = tmp_path_factory.mktemp("photo") / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return actions.open_photo(actions.first.selection, str(path), path.name).selection


class Toy:
    """A question of four steps that counts how often it was asked and how it ended."""

    def __init__(self):
        self.started = self.closed = 0

    def __call__(self, model, image, *, seed: int = 0):
        self.started += 1
        try:
            for done in range(1, STEPS + 1):
                yield Progress(done, STEPS)
            return toy_answer()
        finally:
            self.closed += 1


def toy_answer():
    return Answer(
        question="toy",
        title="A <b>toy</b>",
        sentence="It shows nothing & says so.",
        grade="exact",
        numbers={"distance_px": 12.3456, "rows": [{"a": 1}, {"a": 2}]},
        arrays={"map": np.zeros(3)},
        tables={"rows_of_it": [{"stage": 1, "share": 0.5}]},
        settings={
            "model": "nano",
            "reach": "window",
            "window_size": 8,
            "num_classes": 22,
            "weights": {"source": "bundled nano.safetensors", "sha256": "ab"},
            "parameters": {"seed": 1},
        },
        figure=lambda: Figure(figsize=(1, 1)),
    )


@pytest.fixture
def toy(monkeypatch):
    toy = Toy()
    monkeypatch.setattr(asking, "parameters_of", lambda ask: [])
    monkeypatch.setattr(asking, "refuse_too_long", lambda *question: None)
    monkeypatch.setitem(QUESTIONS, "toy", toy)
    return toy


def test_a_run_yields_its_progress_and_then_every_file(actions, shown, toy):
    progress, found = told(run(actions, Job("toy", shown, {"seed": 1})))
    assert progress == [Progress(done, STEPS) for done in range(1, STEPS + 1)]
    assert {name.rsplit(".", 1)[1] for name in found.files} == set(FORMATS)
    assert found.folder.parents[1] == actions.stored(shown).folder
    assert json.loads(json.dumps(found.content))["numbers"]["distance_px"] == 12.3456


def test_figures_for_paper_are_drawn_when_they_are_taken_away(actions, shown, toy):
    found = finish(run(actions, Job("toy", shown, {"seed": 4})))
    for kind in ("svg", "pdf"):
        (name,) = (name for name in found.files if name.endswith(kind))
        assert not (found.folder / name).exists()
        file = file_of([found], 0, name)
        assert file.parent == found.folder
        assert file.stat().st_size > 500
    shutil.rmtree(found.folder)
    for name in found.files:
        with pytest.raises(ValueError, match=messages.ANSWER_GONE):
            file_of([found], 0, name)


def test_the_same_question_is_answered_from_its_files(actions, shown, toy):
    first = finish(run(actions, Job("toy", shown, {"seed": 2})))
    assert told(run(actions, Job("toy", shown, {"seed": 2}))) == ([], first)
    other = finish(run(actions, Job("toy", shown, {"seed": 3})))
    assert other.folder != first.folder
    assert toy.started == 2


def test_answers_of_one_result_are_bounded(actions, shown, toy, monkeypatch):
    monkeypatch.setattr(asking, "ANSWERS_PER_RESULT", 2)
    folders = [finish(run(actions, Job("toy", shown, {"seed": n}))).folder for n in (5, 6, 7)]
    assert [folder.exists() for folder in folders] == [False, True, True]
    with pytest.raises(ValueError, match=messages.ANSWER_GONE):
        asking.read(folders[0])


def test_a_closed_run_stops_and_gives_the_model_back(actions, shown, toy):
    work = run(actions, Job("toy", shown, {"seed": 10}))
    assert next(work) == Progress(1, STEPS)
    work.close()
    assert toy.closed == 1
    with actions.original(shown):  # would wait for ever if it were still lent
        pass


def test_what_goes_wrong_is_one_sentence_and_no_answer(actions, shown, monkeypatch):
    def refuse(model, image):
        yield Progress(1, 2)
        raise AnalysisError("Choose another <pixel>.")

    monkeypatch.setattr(asking, "parameters_of", lambda ask: [])
    monkeypatch.setattr(asking, "refuse_too_long", lambda *question: None)
    monkeypatch.setitem(QUESTIONS, "toy", refuse)
    *_, (status, answers) = steps(actions, lambda: Job("toy", shown))
    assert status == '<p role="alert">Choose another &lt;pixel&gt;.</p>'
    assert answers == ()
    *_, (status, answers) = steps(actions, lambda: Job("no such", shown))
    assert messages.NO_SUCH_QUESTION in status


def test_several_questions_are_answered_in_order(actions, shown, toy):
    asked = [Job("toy", shown, {"seed": seed}) for seed in (20, 21)]
    lines = list(steps(actions, lambda: asked))
    assert any("2 of 2 · Step 1 of 4" in status for status, _ in lines)
    assert len(lines[-1][1]) == 2


def test_card_shows_all_and_escapes_it(actions, shown, toy):
    found = finish(run(actions, Job("toy", shown, {"seed": 30})))
    card = answer_cards([found])
    assert "A &lt;b&gt;toy&lt;/b&gt;" in card
    assert "<b>" not in card
    assert 'alt="A &lt;b&gt;toy' in card
    for part in ("E · exact", "window 8", "distance", "12.3 px", "rows of it", "data:image/png"):
        assert part in card
    for name in found.files:
        assert f'data-at="0" data-file="{name}"' in card


def test_only_files_of_the_answer_can_be_taken(actions, shown, toy):
    found = finish(run(actions, Job("toy", shown, {"seed": 31})))
    assert file_of([found], 0, found.figure).is_file()
    for at, name in ((0, "../../secret"), (1, found.figure), (-1, found.figure)):
        with pytest.raises(ValueError, match="no such file"):
            file_of([found], at, name)


def test_time_left_is_told_in_words():
    assert messages.progress(1, 4, None) == "Step 1 of 4"
    assert messages.progress(2, 4, 12.4) == "Step 2 of 4 · about 12 s left"
    assert messages.progress(2, 4, 150) == "Step 2 of 4 · about 2 min left"


def test_names_and_values_are_read_as_words():
    assert read_name("mean_distance_picture_px") == ("mean distance", "px of the picture")
    assert read_name("side_50_input_px") == ("side 50", "px of the network's input")
    assert read_name("short_side_px") == ("short side", "px")
    assert read_name("px") == ("px", "")
    assert read_name("padding_mass") == ("padding mass", "")
    assert [read_value(value) for value in (None, True, 0.12345, 1234.5, [1, 2])] == [
        "–", "yes", "0.123", "1234", "1, 2",
    ]  # fmt: skip


def test_the_middle_is_asked_about_until_a_pixel_is_chosen(actions, shown):
    assert pixel_of(actions, shown) == (48, 32)
    assert pixel_of(actions, replace(shown, pixel=(3, 4))) == (3, 4)


def test_another_reach_beside_is_another_result_of_the_same_picture(actions, shown):
    first, second = depth.questions(actions, shown, "profile", True, "window")
    assert first == Job("profile", shown, {"nulls": True})
    assert second.parameters == first.parameters
    assert second.selection.reach == "window"
    assert actions.stored(second.selection).result.settings["reach"] == "window"
    assert len(depth.questions(actions, shown, "profile", True, shown.reach)) == 1


def test_receptive_fields_are_asked_at_the_pixel(actions, shown):
    asked = fields.question(
        actions, replace(shown, pixel=(3, 4)), ["reaches"], ["resnet50", "swin"], 3
    )
    assert asked.name in QUESTIONS
    assert asked.parameters == {
        "x": 3, "y": 4, "reaches": True, "untrained": False, "peers": "resnet50,swin", "probes": 3,
    }  # fmt: skip


def test_another_setting_is_compared_and_the_same_one_is_refused(actions, shown):
    asked = compare.question(shown, "", False, "window", 4)
    assert asked.parameters == {
        "other_model": None, "other_weights": "same",
        "other_reach": "window", "other_window_size": 4,
    }  # fmt: skip
    found = finish(run(actions, asked))
    assert found.content["tables"]["classes"]
    assert compare.question(shown, "", True, "", 0).parameters["other_weights"] == "none"
    assert (
        compare.question(shown, "base-fpn", False, "", 0).parameters["other_weights"] == "default"
    )
    *_, (status, answers) = steps(actions, lambda: compare.question(shown, "", False, "", 0))
    assert "Choose another model" in status
    assert answers == ()


def test_untrained_weights_are_the_same_in_every_answer_and_beside_the_picture(actions, shown):
    asked = compare.question(shown, "", True, "", 0)
    with actions.original(shown) as model:
        answers = [
            finish(QUESTIONS["compare"](model, actions.stored(shown).result.picture, **chosen))
            for chosen in [asked.parameters] * 2
        ]
    assert answers[0].numbers == answers[1].numbers
    beside = actions.relabel(replace(shown, model=RANDOM + shown.model)).selection
    other = actions.stored(beside).result
    assert not other.weights.trained
    assert (other.labels == answers[0].arrays["labels_b"]).mean() > 0.99  # rewritten to be fast


def test_another_model_is_compared_only_once_its_weights_are_here(shown):
    asked = compare.fetched_question(shown, "base-fpn", "base-fpn", False, "", 0)
    assert asked.parameters["other_model"] == "base-fpn"
    compare.fetched_question(shown, None, "base-fpn", True, "", 0)
    compare.fetched_question(shown, None, shown.model, False, "window", 0)
    for fetched in (None, "small-fpn"):
        with pytest.raises(ValueError, match="not fetched"):
            compare.fetched_question(shown, fetched, "base-fpn", False, "", 0)


def test_depth_is_answered_with_the_numbers_of_the_analysis(actions, shown):
    found = finish(run(actions, Job("profile", shown)))
    held = actions.stored(shown).result
    with actions.original(shown) as model:
        direct = finish(
            QUESTIONS["profile"](model, held.picture, short_side=held.settings["short_side"])
        )
    assert isinstance(found, StoredAnswer)
    assert found.content == json.loads(direct.to_json())


def test_own_checkpoint_is_found_by_its_selection_alone(actions, shown):
    answer = actions.add_model(shown, str(DATA / "nano.safetensors"), "mine.safetensors")
    mine = answer.selection
    assert mine.model.startswith(OWN)
    said = models.banner_of(actions, mine)
    assert "Your file mine.safetensors, read as nano" in said
    assert str(DATA) not in actions.stored(mine).result.weights.source
    with actions.original(mine) as model:
        assert model.weights.trained
    again = actions.change_reach(mine, "window", 8).selection
    assert actions.stored(again).result.weights.trained
    assert 'data-trained="false"' in models.banner_of(actions, shown)


def test_own_models_are_bounded_by_the_model_cache(actions, shown):
    file = str(DATA / "nano.safetensors")
    first = actions.add_model(shown, file, "1.safetensors").selection
    for number in range(actions.model_cache._capacity):
        actions.add_model(shown, file, f"{number}.safetensors")
    with pytest.raises(ValueError, match="no longer holds your model"):
        actions.change_reach(first, "window", 8)


def test_a_file_that_is_no_model_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "x1y2.pth"
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match=r"mine\.pth") as refused:
        open_upload(str(path), "mine.pth")
    assert str(tmp_path) not in str(refused.value)
    with pytest.raises(ValueError, match="this page takes"):
        open_upload(str(path), "mine.pth", max_bytes=3)


def test_table_of_models_has_a_row_each_and_says_where_weights_are():
    table = models.model_table()
    assert table.count("<tr>") == 1 + len(MODELS | CLASSIFIERS)
    assert "bundled" in table


def test_weights_that_cannot_be_had_leave_what_is_shown(monkeypatch):
    def fail(name):
        yield Progress(1, 2)
        raise ValueError("The Hub cannot be reached.")

    monkeypatch.setattr(banner, "fetch", fail)
    *_, (status, here) = banner.fetch_lines("small-upernet")
    assert "cannot be reached" in status
    assert model_words.STAYS in status
    assert not here
    monkeypatch.setattr(banner, "fetch", lambda name: (Progress(n, 2) for n in (1, 2)))
    *_, (status, here) = banner.fetch_lines("small-upernet")
    assert here
