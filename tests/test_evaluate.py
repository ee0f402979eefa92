import importlib
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from uniformer import create_model
from uniformer.cli import main
from uniformer.dataset import DatasetError
from uniformer.evaluate import evaluate

MODULE = importlib.import_module("uniformer.evaluate")  # the function has the module's name
SMALL = {"short_side": 64}


@pytest.fixture(scope="module")
def model():
    return create_model("nano", weights=None)


@pytest.fixture
def folders(tmp_path):
    """Three pictures of several sizes, annotated with some of the 22 classes and some 255."""
    rng = np.random.default_rng(0)
    for name in ("images", "annotations"):
        (tmp_path / name).mkdir()
    for index, (height, width) in enumerate([(40, 60), (64, 64), (33, 90)]):
        blocks = rng.integers(0, 22, (height // 8 + 1, width // 8 + 1)).astype(np.uint8)
        truth = np.kron(blocks, np.ones((8, 8), dtype=np.uint8))[:height, :width]
        truth[:3] = 255
        picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / "images" / f"p{index}.png")
        Image.fromarray(truth).save(tmp_path / "annotations" / f"p{index}.png")
    return tmp_path / "images", tmp_path / "annotations"


@pytest.fixture
def seer(monkeypatch):
    """Stands in for the network: the class of a pixel is what its red channel says."""

    def see(picture, model, **options):
        labels = picture[..., 0].copy()
        return SimpleNamespace(labels=labels, confidence=np.full(labels.shape, 0.75))

    monkeypatch.setattr(MODULE, "segment", see)


def write(folders, name, picture, truth):
    images, annotations = folders
    rgb = np.stack([np.asarray(picture, dtype=np.uint8)] * 3, axis=-1)
    Image.fromarray(rgb).save(images / f"{name}.png")
    Image.fromarray(np.asarray(truth, dtype=np.uint8)).save(annotations / f"{name}.png")


def empty(folders):
    for folder in folders:
        for file in folder.iterdir():
            file.unlink()


def test_figures_are_those_of_the_predictions(model, folders, seer):
    empty(folders)
    write(folders, "a", np.zeros((10, 10)), np.repeat([0, 1], 50).reshape(10, 10))
    write(folders, "b", np.full((10, 20), 1), np.full((10, 20), 1))
    result = evaluate(model, *folders)
    assert (result.pictures, result.pixels) == (2, 300)
    assert [(row.name, row.pixels) for row in result.classes if row.iou is not None] == [
        ("wall", 50),
        ("building", 250),
    ]
    assert [row.iou for row in result.classes[:3]] == [0.5, 0.8, None]
    assert result.miou == pytest.approx(0.65)
    assert result.macc == pytest.approx(0.9)
    assert result.aacc == pytest.approx(250 / 300)
    assert result.confusion[1, 0] == 50


def test_ade20k_as_downloaded_counts_from_one_and_leaves_zero_out(model, folders, seer):
    empty(folders)
    truth = np.repeat([0, 1, 22], 32).reshape(12, 8)
    write(folders, "ADE_val_00000001", np.where(truth == 0, 5, truth - 1), truth)
    result = evaluate(model, *folders, zero_is_other=True)
    assert result.miou == result.macc == result.aacc == result.boundary_iou == 1.0
    assert result.calibration_error == pytest.approx(0.25)  # sure at 75 %, always right
    assert result.pixels == 64


def test_labels_are_predicted_at_the_size_of_the_annotation(model, folders):
    result = evaluate(model, *folders, **SMALL)
    assert result.pixels == 37 * 60 + 61 * 64 + 30 * 90
    assert result.pixels == sum(row.pixels for row in result.classes)
    assert 0 <= result.miou < 0.5


class Stop(Exception):
    pass


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_resumed_run_gives_the_very_figures_of_an_undisturbed_one(
    model, folders, tmp_path, monkeypatch, after
):
    monkeypatch.setattr(MODULE, "SAVE_EVERY", 2)
    state = tmp_path / "state.json"
    undisturbed = evaluate(model, *folders, **SMALL)

    def stop(done, total):
        if done == after:
            raise Stop

    with pytest.raises(Stop):
        evaluate(model, *folders, **SMALL, resume=state, progress=stop)
    seen = []
    resumed = evaluate(
        model, *folders, **SMALL, resume=state, progress=lambda *step: seen.append(step)
    )
    assert seen == [(done, 3) for done in range(after + 1, 4)]
    assert resumed == undisturbed
    np.testing.assert_array_equal(resumed.confusion, undisturbed.confusion)


def test_a_run_that_is_killed_loses_only_the_pictures_since_the_last_write(
    model, folders, tmp_path, monkeypatch
):
    monkeypatch.setattr(MODULE, "SAVE_EVERY", 2)
    state, copy = tmp_path / "state.json", tmp_path / "copy.json"

    def keep(done, total):
        copy.write_bytes(state.read_bytes())

    result = evaluate(model, *folders, **SMALL, resume=state, progress=keep)
    assert json.loads(copy.read_text())["done"] == 2
    assert evaluate(model, *folders, **SMALL, resume=copy) == result


def test_a_state_of_another_evaluation_is_refused(model, folders, tmp_path):
    state = tmp_path / "state.json"
    evaluate(model, *folders, **SMALL, resume=state)
    before = state.read_bytes()
    with pytest.raises(DatasetError, match=r"another evaluation \(settings differ"):
        evaluate(model, *folders, **SMALL, flip=True, resume=state)
    with pytest.raises(DatasetError, match=r"another evaluation \(weights differ"):
        evaluate(create_model("nano", weights=None), *folders, **SMALL, resume=state)
    (folders[0] / "p2.png").unlink()
    with pytest.raises(DatasetError, match=r"another evaluation \(files differ"):
        evaluate(model, *folders, **SMALL, resume=state)
    assert state.read_bytes() == before


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"identity": {}, "done": 1, "counts": []}'])
def test_a_file_that_is_no_state_is_refused_and_kept(model, folders, tmp_path, content):
    state = tmp_path / "state.json"
    state.write_text(content)
    with pytest.raises(DatasetError, match="not the resume file"):
        evaluate(model, *folders, resume=state)
    assert state.read_text() == content


def test_a_state_that_cannot_be_written_shows_before_the_work(model, folders, tmp_path):
    done = []
    with pytest.raises(OSError, match="absent"):
        evaluate(
            model,
            *folders,
            resume=tmp_path / "absent" / "state.json",
            progress=lambda *step: done.append(step),
        )
    assert not done


def break_picture(folders):
    (folders[0] / "p1.png").write_bytes(b"not a picture")
    return folders[0] / "p1.png", "not a picture"


def break_size(folders):
    Image.new("L", (10, 10)).save(folders[1] / "p1.png")
    return folders[1] / "p1.png", "has 10x10 pixels, but its picture has 64x64"


def break_ids(folders):
    Image.new("L", (64, 64), 200).save(folders[1] / "p1.png")
    return folders[1] / "p1.png", "holds the id 200"


BREAKS = pytest.mark.parametrize("break_one", [break_picture, break_size, break_ids])


@BREAKS
def test_what_cannot_be_used_is_named_and_the_others_are_scored(
    model, folders, break_one, tmp_path
):
    file, reason = break_one(folders)
    result = evaluate(model, *folders, **SMALL)
    (sentence,) = result.left_out
    assert str(file) in sentence
    assert reason in sentence
    assert "Not in these scores: 1 of 3 pictures" in result.table()
    for folder in folders:
        (folder / "p1.png").unlink()
    without = evaluate(model, *folders, **SMALL)
    assert (result.pictures, result.miou, without.left_out) == (2, without.miou, ())
    np.testing.assert_array_equal(result.confusion, without.confusion)


@BREAKS
def test_what_was_left_out_is_told_again_when_resumed_and_scored_once_it_is_mended(
    model, folders, break_one, tmp_path
):
    undisturbed, state = evaluate(model, *folders, **SMALL), tmp_path / "state.json"
    kept = {folder: (folder / "p1.png").read_bytes() for folder in folders}
    break_one(folders)
    first = evaluate(model, *folders, **SMALL, resume=state)
    done = []
    again = evaluate(model, *folders, **SMALL, resume=state, progress=lambda *at: done.append(at))
    assert again == first
    assert not done
    for folder, content in kept.items():
        (folder / "p1.png").write_bytes(content)
    assert evaluate(model, *folders, **SMALL, resume=state) == undisturbed


def test_where_no_picture_can_be_used_there_are_no_scores(model, folders):
    for file in folders[0].iterdir():
        file.write_bytes(b"not a picture")
    with pytest.raises(DatasetError, match=r"None of the 3 pictures could be used; .*p0\.png"):
        evaluate(model, *folders, **SMALL)


def test_the_command_names_what_it_left_out_and_its_exit_code_says_so(folders, tmp_path, capsys):
    file, reason = break_picture(folders)
    report = tmp_path / "r.json"
    command = ["evaluate", "--weights", "none", "--short-side", "64", "-o", str(report)]
    command += ["--images", str(folders[0]), "--annotations", str(folders[1])]
    assert main(command) == 1
    told = capsys.readouterr()
    assert [line for line in told.err.splitlines() if "error" in line] == [
        f"uniformer: error: {file} is {reason} in a format that can be read: use JPEG, PNG, WebP "
        "or TIFF."
    ]
    assert json.loads(report.read_text())["pictures"] == 2


def test_the_report_is_json_without_nan(model, folders):
    result = evaluate(model, *folders, **SMALL)

    def refuse(constant):
        raise AssertionError(constant)

    report = json.loads(result.to_json(), parse_constant=refuse)
    assert report["miou"] == result.miou
    assert report["confusion"] == result.confusion.tolist()
    assert [row["name"] for row in report["classes"]] == list(model.classes.names)
    assert report["settings"]["short_side"] == 64
    assert report["weights"]["trained"] is False


def test_the_table_has_percents_and_says_what_is_missing(model, folders, seer):
    empty(folders)
    write(folders, "a", np.zeros((10, 10)), np.repeat([0, 1], 50).reshape(10, 10))
    lines = evaluate(model, *folders).table().splitlines()
    assert lines[0] == "nano: 1 picture, 100 annotated pixels"
    assert "mIoU 25.00 %" in lines[1]
    assert "aAcc 50.00 %" in lines[1]
    assert lines[4].split() == ["wall", "50.00", "100.00", "40.91", "50"]  # 18 of 44
    assert lines[5].split() == ["building", "0.00", "0.00", "0.00", "50"]
    assert lines[6] == "48 of 50 classes neither annotated nor predicted"
    assert "untrained" in lines[7]
