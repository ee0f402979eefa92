"""The functions behind the page, without a browser."""

import ast
import io
import json
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

import app
from analysis.report.workbench_data import picture_content
from ui.host.settings import Settings
from ui.messages import page as text
from ui.page.session import attempt
from ui.service.actions import Actions
from ui.service.examples import EXAMPLES, FOLDER
from ui.service.export import file_stem
from ui.service.model_cache import ModelCache
from ui.service.stored_results import PictureInfo, ResultGone, ResultStore
from ui.service.take_away import TYPES, labels_file
from uniformer.annotations import FORMATS
from uniformer.authorship import MARK
from uniformer.classes import class_set
from uniformer.config import MODELS
from uniformer.pictures import PictureError
from uniformer.segmentation import Segmentation
from uniformer.segmenter import UNTRAINED

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def actions():
    return Actions(Settings(weights=None))


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "my photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def stored(actions, answer):
    return actions._store.get(answer.selection.key)


def shown_to_browsers(actions, answer):
    with actions.original(answer.selection) as model:
        return picture_content(stored(actions, answer).result, model)


def small_result(side=10):
    zeros = np.zeros((side, side), dtype=np.float32)
    return Segmentation(
        picture=np.zeros((side, side, 3), dtype=np.uint8),
        labels=np.zeros((side, side), dtype=np.uint8),
        confidence=zeros,
        entropy=zeros,
        margin=zeros,
        classes=class_set("everyday22"),
        model="nano",
        weights=UNTRAINED,
        settings={"reach": "global", "window_size": 32},
    )


def test_page_opens_with_the_first_example_labelled(actions):
    first = actions.first
    assert first.example == next(iter(EXAMPLES))
    kept = stored(actions, first)
    assert kept.result.table()
    assert kept.subject.credit in text.EXAMPLES[first.example]


def test_what_is_sent_has_exact_labels_and_confidence_in_percent(actions, photo):
    answer = actions.open_photo(actions.first.selection, str(photo), photo.name)
    result = stored(actions, answer).result
    facts, sent = shown_to_browsers(actions, answer)
    np.testing.assert_array_equal(sent["labels"], result.labels)
    for name in ("confidence", "entropy", "margin"):
        assert np.abs(sent[name] / 100 - getattr(result, name)).max() <= 0.00501
    found = [one for one in facts["classes"] if one["share"]]
    table = {row.name: (row.share, row.mean_confidence) for row in result.table()}
    assert {one["name"]: (one["share"], one["meanConfidence"]) for one in found} == table


def test_maps_of_a_large_picture_are_sent_small_picked_not_mixed(actions, tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.report.workbench_data.MAX_MAP_SIDE", 64)
    path = tmp_path / "wide.png"
    noise = np.random.default_rng(0).integers(0, 256, (90, 192, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    answer = actions.open_photo(actions.first.selection, str(path), path.name)
    facts, sent = shown_to_browsers(actions, answer)
    assert (facts["mapWidth"], facts["mapHeight"]) == (64, 30)
    whole = np.rint(100 * stored(actions, answer).result.entropy)
    np.testing.assert_array_equal(sent["entropy"], whole[1::3, 1::3])


def test_broken_photo_is_one_sentence_and_loses_nothing(actions, tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    before = actions.first.selection
    with pytest.raises(PictureError, match=r"^broken\.jpg .*\.$"):
        actions.open_photo(before, str(path), path.name)
    assert actions._store.get(before.key).result.labels.size


def test_photo_beyond_the_page_is_refused(actions, photo, monkeypatch):
    monkeypatch.setattr(actions, "_max_pixels", 1000)
    with pytest.raises(ValueError, match="make it smaller"):
        actions.open_photo(actions.first.selection, str(photo), photo.name)


def test_unknown_example_is_refused(actions):
    with pytest.raises(ValueError, match="no such example"):
        actions.open_example(actions.first.selection, "../CREDITS.md")


def test_changed_reach_is_that_of_the_new_result_only(actions, photo):
    first = actions.open_photo(actions.first.selection, str(photo), photo.name)
    second = actions.change_reach(first.selection, "window", 4)
    assert (second.selection.reach, second.selection.window_size) == ("window", 4)
    settings = [stored(actions, answer).result.settings for answer in (first, second)]
    assert [entry["reach"] for entry in settings] == ["global", "window"]
    assert settings[1]["window_size"] == 4
    pictures = [stored(actions, answer).result.picture for answer in (first, second)]
    np.testing.assert_array_equal(*pictures)


def test_changed_model_starts_in_the_reach_it_was_trained_with(actions, monkeypatch):
    asked = []
    monkeypatch.setattr(actions, "_again", asked.append)
    actions.change_model(actions.first.selection, "small-upernet-h14")
    assert (asked[0].reach, asked[0].window_size) == ("hybrid", 14)


def test_model_without_weights_is_refused_and_the_loaded_one_stays(actions):
    place = actions.model_cache._entries["nano"]
    with pytest.raises(ValueError, match="small-fpn-h14 are not on the Hugging Face Hub"):
        actions.change_model(actions.first.selection, "small-fpn-h14")
    assert actions.model_cache._entries["nano"] is place
    assert place.model is not None


@pytest.mark.parametrize(("reach", "window_size"), [("everywhere", 8), ("window", 0)])
def test_impossible_reach_is_refused(actions, reach, window_size):
    with pytest.raises(ValueError, match=r"\.$"):
        actions.change_reach(actions.first.selection, reach, window_size)


@pytest.mark.parametrize("acquire", ["acquire", "acquire_original"])
def test_whoever_acquires_a_model_has_a_reach_of_its_own_over_the_same_weights(acquire):
    lend = getattr(ModelCache({"nano": None}, capacity=2), acquire)
    with lend("nano", "global", 32) as one, lend("nano", "window", 4) as other:
        assert (one.reach, other.reach) == ("global", "window")
        places = [{tensor.data_ptr() for tensor in model.parameters()} for model in (one, other)]
        assert places[0] == places[1]


def test_model_cache_keeps_the_most_recent_models_only(monkeypatch):
    monkeypatch.setitem(MODELS, "other", replace(MODELS["nano"], name="other"))
    model_cache = ModelCache({"nano": None, "other": None}, capacity=1)
    for name in ("nano", "other"):
        with model_cache.acquire(name, "global", 32):
            pass
    assert list(model_cache._entries) == ["other"]


def test_store_forgets_the_least_recently_used_beyond_its_bytes():
    store = ResultStore(max_bytes=2 * 1600, max_seconds=60)
    pinned, first, second, third = (
        store.put(PictureInfo("a", "a"), small_result(), 0.1, pinned=number == 0)
        for number in range(4)
    )
    assert store.get(pinned)
    assert store.get(third)
    folder = Path(store._root.name)
    assert {path.name for path in folder.iterdir()} == {pinned, third}
    for key in (first, second):
        with pytest.raises(ResultGone):
            store.get(key)


def test_store_keeps_a_newest_result_larger_than_its_bytes():
    store = ResultStore(max_bytes=10, max_seconds=60)
    key = store.put(PictureInfo("a", "a"), small_result(), 0.1)
    assert store._stored[key].bytes == 1600


def test_store_forgets_what_nobody_used_in_time(monkeypatch):
    store = ResultStore(max_bytes=10**6, max_seconds=60)
    key = store.put(PictureInfo("a", "a"), small_result(), 0.1)
    now = store._stored[key].last_used
    monkeypatch.setattr("ui.service.stored_results.time.monotonic", lambda: now + 61)
    with pytest.raises(ResultGone, match="again"):
        store.get(key)


def taken(actions, selection, kind):
    """The content and the type of the labels as a file."""
    stored = actions.stored(selection)
    trace, whole = lambda: actions.trace(selection), lambda: actions.whole(selection)
    return labels_file(stored, trace, whole, kind)


def test_files_taken_away_are_exact(actions, photo):
    answer = actions.open_photo(actions.first.selection, str(photo), photo.name)
    result = stored(actions, answer).result
    content, kind = taken(actions, answer.selection, "masks")
    assert kind == "application/zip"
    expected = {
        "labels": result.labels,
        "colors": result.classes.palette[result.labels],
        "overlay": result.overlay(0.6),
    }
    with ZipFile(io.BytesIO(content)) as archive:
        assert set(archive.namelist()) == {f"my_photo.{name}.png" for name in expected}
        for name, pixels in expected.items():
            with Image.open(archive.open(f"my_photo.{name}.png")) as image:
                np.testing.assert_array_equal(image, pixels)
    arrays = np.load(io.BytesIO(taken(actions, answer.selection, "npz")[0]))
    np.testing.assert_array_equal(arrays["confidence"], result.confidence.astype(np.float16))
    assert json.loads(taken(actions, answer.selection, "json")[0])["table"][0]["name"]


@pytest.mark.parametrize("kind", FORMATS)
def test_labels_are_taken_away_for_other_tools_as_one_file(actions, kind):
    selection = actions.first.selection
    content, said = taken(actions, selection, kind)
    example = EXAMPLES[actions.stored(selection).subject.example].path
    if kind in ("coco", "labelme", "cvat"):
        assert f'"{example.name}"' in content.decode()
    if said == "application/zip":
        assert ZipFile(io.BytesIO(content)).testzip() is None
    else:
        assert said == TYPES[kind]
        assert MARK in content.decode()[:200]


def test_unknown_file_is_refused(actions):
    with pytest.raises(ValueError, match="no file of this kind"):
        taken(actions, actions.first.selection, "../../etc/passwd")


@pytest.mark.parametrize(
    ("title", "stem"),
    [("a/../b c", "a_b_c"), ("...", "picture"), ("沙滩", "沙滩"), ("x" * 99, "x" * 60)],
)
def test_any_title_becomes_a_plain_file_name(title, stem):
    assert file_stem(title) == stem


def test_refusal_is_shown_as_text_not_markup():
    def refuse():
        raise ValueError("<img src=x> is not a picture.")

    assert attempt(refuse)[1] == '<p role="alert">&lt;img src=x&gt; is not a picture.</p>'


def test_failure_of_the_server_is_one_sentence_without_detail(caplog):
    def fail():
        raise RuntimeError("secret detail")

    answer, sentence = attempt(fail)
    assert answer is None
    assert text.SERVER_FAILED in sentence
    assert "secret detail" in caplog.text
    assert "secret detail" not in sentence


def test_every_example_has_a_file_a_description_and_its_credit():
    photos = {path.name for path in FOLDER.glob("*.jpg")}
    assert photos == set(EXAMPLES)
    credits = (FOLDER / "CREDITS.md").read_text(encoding="utf-8")
    for example in EXAMPLES.values():
        assert len(example.alt) > len(example.title) // 2
        assert example.name in credits or example.name.startswith("kodim")
        owner = example.credit.split(",")[0].split(" Company")[0]
        assert owner in credits
        assert len(example.thumbnail()) < 12_000


@pytest.mark.parametrize("room", ["service", "messages"])
def test_what_is_behind_the_page_knows_nothing_of_gradio(room):
    files = list((ROOT / "ui" / room).glob("*.py"))
    assert len(files) > 5
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert not any(module.split(".")[0] == "gradio" for module in imported)


def test_app_refuses_an_unknown_model_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["app.py", "--model", "huge"])
    assert app.main() == 1
    written = capsys.readouterr().err
    assert written.startswith("app.py: There is no model called 'huge'")
    assert len(written.splitlines()) == 1
