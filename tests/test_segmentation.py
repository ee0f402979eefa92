import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from toy import Toy, recorded_picture

from uniformer import Segmentation, segment


@pytest.fixture(scope="module")
def result() -> Segmentation:
    return segment(recorded_picture(90, 120), Toy())


def test_table_sums_up_the_picture_largest_class_first(result):
    rows = result.table()
    assert sum(row.pixels for row in rows) == result.labels.size
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert [row.pixels for row in rows] == sorted((row.pixels for row in rows), reverse=True)
    for row in rows:
        mask = result.labels == row.index
        assert row.pixels == mask.sum() > 0
        assert row.mean_confidence == pytest.approx(result.confidence[mask].mean(), abs=1e-5)
        assert row.name == result.classes.names[row.index]
        assert row.color == result.classes.colors[row.index]


def test_absent_classes_are_not_in_the_table(result):
    uniform = replace(result, labels=np.full_like(result.labels, 3))
    assert [row.index for row in uniform.table()] == [3]


def test_label_image_holds_class_ids_and_color_image_the_palette(result):
    labels = result.label_image()
    assert labels.mode == "L"
    np.testing.assert_array_equal(np.asarray(labels), result.labels)
    expected = result.classes.palette[result.labels]
    np.testing.assert_array_equal(np.asarray(result.color_image()), expected)


def test_overlay_runs_from_picture_to_colours(result):
    np.testing.assert_array_equal(np.asarray(result.overlay(0)), result.picture)
    np.testing.assert_array_equal(np.asarray(result.overlay(1)), np.asarray(result.color_image()))
    half = np.asarray(result.overlay(0.5)).astype(float)
    mean = (result.picture.astype(float) + np.asarray(result.color_image())) / 2
    assert np.abs(half - mean).max() <= 1
    with pytest.raises(ValueError, match="opacity"):
        result.overlay(1.5)


def test_saved_files_hold_exactly_what_was_predicted(result, tmp_path):
    folder = tmp_path / "new" / "folder"
    files = result.save(folder, "photo.v2")
    assert sorted(file.name for file in files) == [
        "photo.v2.colors.png",
        "photo.v2.json",
        "photo.v2.labels.png",
        "photo.v2.npz",
        "photo.v2.overlay.png",
    ]
    assert sorted(folder.iterdir()) == sorted(files)
    with Image.open(folder / "photo.v2.labels.png") as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), result.labels)
    with Image.open(folder / "photo.v2.colors.png") as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(result.color_image()))
    with Image.open(folder / "photo.v2.overlay.png") as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(result.overlay()))
    with np.load(folder / "photo.v2.npz") as maps:
        np.testing.assert_array_equal(maps["labels"], result.labels)
        for name in ("confidence", "entropy", "margin"):
            assert maps[name].dtype == np.float16
            np.testing.assert_allclose(maps[name], getattr(result, name), rtol=0, atol=2.5e-4)
        assert maps["class_names"].tolist() == list(result.classes.names)
        np.testing.assert_array_equal(maps["class_colors"], result.classes.palette)


def test_description_says_what_the_labels_depend_on(result, tmp_path):
    result.save(tmp_path, "photo")
    report = json.loads((tmp_path / "photo.json").read_text(encoding="utf-8"))
    assert report["model"] == result.model
    assert report["weights"]["trained"] is False
    assert report["settings"] == result.settings
    assert report["picture"] == {
        "height": 90,
        "width": 120,
        "sha256": hashlib.sha256(result.picture.tobytes()).hexdigest(),
    }
    assert [row["index"] for row in report["table"]] == [row.index for row in result.table()]
    assert report["versions"]["torch"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(result, tmp_path, monkeypatch):
    result.save(tmp_path, "photo")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def fail(file, array, **options):
        file.write(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(np.lib.format, "write_array", fail)
    with pytest.raises(OSError, match="disk is full"):
        result.save(tmp_path, "photo")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("stem", ["", "a/b", "../photo", "/photo"])
def test_a_stem_cannot_leave_the_folder(result, tmp_path, stem):
    with pytest.raises(ValueError, match="name of a file"):
        result.save(tmp_path / "out", stem)
    assert not list(tmp_path.iterdir())
