"""Labels written for other tools are the labels, read back as the tools do; nothing of others is
replaced."""

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from pycocotools.coco import COCO

from uniformer.annotations import FORMATS, LabelledPicture, write_annotations
from uniformer.annotations.polygons import polygons_of
from uniformer.annotations.runs import brush_bytes, run_lengths
from uniformer.authorship import written_here
from uniformer.classes import named_classes
from uniformer.cli import FORMATS as ON_THE_COMMAND_LINE
from uniformer.cli import main

CLASSES = named_classes(["sky", "tree, big", 'wall "old"', "<road>", "été"])
NOTHING = 255

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9))


def labels_with_holes():
    """Rings, diagonal neighbours, single pixels, a class at every border, one that is absent."""
    labels = np.zeros((23, 31), dtype=np.uint8)
    labels[2:12, 3:20] = 1
    labels[4:10, 5:18] = 2
    labels[6:8, 7:16] = 1
    labels[15:, 25:] = 4
    for step in range(6):
        labels[14 + step, 2 + step] = 2
    labels[0, 0] = labels[22, 30] = labels[22, 0] = 4
    return labels


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two pictures of one name in two folders, one that touches its borders and noise."""
    folder = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(0).choice([0, 1, 2, 4], (17, 9)).astype(np.uint8)
    found = []
    for number, labels in enumerate((labels_with_holes(), noise)):
        file = folder / f"day{number}" / "photo.png"
        file.parent.mkdir()
        Image.fromarray(labels).save(file)
        stem = "photo" if number == 0 else "photo-2"
        found.append(
            LabelledPicture(file, stem, *labels.shape, lambda labels=labels: labels, {1: 0.25})
        )
    return found


def read_coco(folder, pictures):
    data = COCO(str(folder / "annotations.json"))
    for number, picture in enumerate(pictures, start=1):
        image = data.imgs[number]
        assert image["file_name"] == f"day{number - 1}/photo.png"
        labels = np.full((image["height"], image["width"]), NOTHING)
        for row in data.loadAnns(data.getAnnIds(number)):
            mask = data.annToMask(row).astype(bool)
            left, top, width, height = row["bbox"]
            assert row["area"] == mask.sum() == mask[top : top + height, left : left + width].sum()
            assert data.cats[row["category_id"]]["name"] == CLASSES.names[row["category_id"] - 1]
            assert ("score" in row) == (row["category_id"] - 1 in picture.confidence)
            labels[mask] = row["category_id"] - 1
        yield labels


def read_panoptic(folder, pictures):
    data = json.loads((folder / "panoptic.json").read_text())
    names = {each["id"]: each["name"] for each in data["categories"]}
    for row in data["annotations"]:
        red, green, blue = np.moveaxis(
            np.asarray(Image.open(folder / "panoptic" / row["file_name"])).astype(int), -1, 0
        )
        ids = red + 256 * green + 256**2 * blue
        assert {each["id"] for each in row["segments_info"]} == set(np.unique(ids))
        labels = np.full(ids.shape, NOTHING)
        for each in row["segments_info"]:
            assert each["area"] == (ids == each["id"]).sum()
            labels[ids == each["id"]] = CLASSES.names.index(names[each["category_id"]])
        yield labels


def read_labelme(folder, pictures):
    for picture in pictures:
        data = json.loads((folder / f"{picture.stem}.json").read_text())
        assert (folder / data["imagePath"]).resolve() == picture.path.resolve()
        labels = np.full((data["imageHeight"], data["imageWidth"]), NOTHING)
        for shape in data["shapes"]:
            (x1, y1), (x2, y2) = shape["points"]
            mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))))
            labels[y1 : y2 + 1, x1 : x2 + 1][mask.astype(bool)] = CLASSES.names.index(
                shape["label"]
            )
        yield labels


def unpack_brush(packed):
    """Read thi.ng/rle-pack by its description; bytes that are left over are padding."""
    bits = "".join(f"{byte:08b}" for byte in packed)
    at = 0

    def take(count):
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    length, word, sizes = take(32), take(5) + 1, [take(4) + 1 for _ in range(4)]
    values = []
    while len(values) < length:
        repeated, count = take(1), 1 + take(sizes[take(2)])
        values += [take(word)] * count if repeated else [take(word) for _ in range(count)]
    assert len(values) == length
    assert len(bits) - at < 8
    return values


def read_label_studio(folder, pictures):
    interface = ElementTree.parse(folder / "interface.xml").getroot()
    offered = {label.get("value") for label in interface.iter("Label")}
    assert offered == set(CLASSES.names)
    (source,) = interface.iter("Image")
    (brush,) = interface.iter("BrushLabels")
    for number, task in enumerate(json.loads((folder / "tasks.json").read_text())):
        assert task["data"][source.get("value")[1:]].endswith(f"?d=day{number}/photo.png")
        (prediction,) = task["predictions"]
        labels = None
        for row in prediction["result"]:
            size = row["original_height"], row["original_width"]
            labels = np.full(size, NOTHING) if labels is None else labels
            assert (row["from_name"], row["to_name"]) == (brush.get("name"), source.get("name"))
            rgba = np.array(unpack_brush(row["value"]["rle"])).reshape(*size, 4)
            assert (rgba == rgba[..., :1]).all()
            labels[rgba[..., 3] == 255] = CLASSES.names.index(row["value"]["brushlabels"][0])
        yield labels


def read_cvat(folder, pictures):
    root = ElementTree.parse(folder / "annotations.xml").getroot()
    assert [each.text for each in root.iter("name")] == list(CLASSES.names)
    for number, image in enumerate(root.iter("image")):
        assert image.get("name") == f"day{number}/photo.png"
        labels = np.full((int(image.get("height")), int(image.get("width"))), NOTHING)
        for mask in image.iter("mask"):
            left, top, width, height = (
                int(mask.get(key)) for key in ("left", "top", "width", "height")
            )
            runs = [int(run) for run in mask.get("rle").split(",")]
            flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
            labels[top : top + height, left : left + width][flat] = CLASSES.names.index(
                mask.get("label")
            )
        yield labels


def read_geojson(folder, pictures):
    for picture in pictures:
        data = json.loads((folder / f"{picture.stem}.geojson").read_text())
        labels = np.full((picture.height, picture.width), NOTHING)
        y, x = np.mgrid[: picture.height, : picture.width] + 0.5
        for feature in data["features"]:
            shape = shapely.geometry.shape(feature["geometry"])
            assert shape.is_valid
            name = feature["properties"]["classification"]["name"]
            labels[shapely.contains_xy(shape, x, y)] = CLASSES.names.index(name)
        yield labels


READERS = {
    "coco": read_coco,
    "coco-panoptic": read_panoptic,
    "labelme": read_labelme,
    "label-studio": read_label_studio,
    "cvat": read_cvat,
    "geojson": read_geojson,
}


@pytest.mark.parametrize("name", FORMATS)
def test_labels_come_back_as_they_were_whichever_the_format(pictures, tmp_path, name):
    files = write_annotations(name, pictures, CLASSES, tmp_path / name)
    found = list(READERS[name](tmp_path / name, pictures))
    assert len(found) == len(pictures)
    for labels, picture in zip(found, pictures, strict=True):
        np.testing.assert_array_equal(labels, picture.labels())
    assert all(written_here(file) for file in files)
    assert {path for path in (tmp_path / name).rglob("*") if path.is_file()} == set(files)


def test_every_format_can_be_asked_for_on_the_command_line():
    assert tuple(FORMATS) == ON_THE_COMMAND_LINE


@given(MASKS)
@settings(max_examples=100, deadline=None)
def test_polygons_are_the_pixels_of_a_mask_and_valid(mask):
    shapes = [shapely.Polygon(outline, holes) for outline, *holes in polygons_of(mask, 5, 7)]
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    covered = sum((shapely.contains_xy(shape, x + 5, y + 7) for shape in shapes), np.zeros(()))
    np.testing.assert_array_equal(np.broadcast_to(covered, mask.shape), mask)
    assert sum(shape.area for shape in shapes) == mask.sum()
    for shape in shapes:
        assert shape.is_valid
        assert shape.exterior.is_ccw
        assert not any(hole.is_ccw for hole in shape.interiors)


@given(MASKS)
@settings(max_examples=100, deadline=None)
def test_runs_add_up_to_the_mask(mask):
    runs = run_lengths(mask)
    assert all(run > 0 for run in runs[1:])
    np.testing.assert_array_equal(np.repeat(np.arange(len(runs)) % 2 == 1, runs), mask.ravel())
    np.testing.assert_array_equal(
        unpack_brush(brush_bytes(mask)), np.where(mask.ravel(), 255, 0).repeat(4)
    )


def test_a_run_longer_than_a_count_can_say_is_split():
    mask = np.zeros((300, 400), dtype=bool)
    mask[200:] = True
    values = np.array(unpack_brush(brush_bytes(mask)))
    np.testing.assert_array_equal(values, np.where(mask.ravel(), 255, 0).repeat(4))


def test_a_file_that_a_tool_saved_again_is_not_replaced(pictures, tmp_path):
    """LabelMe keeps what it does not know and moves it to the end."""
    first, _ = write_annotations("labelme", pictures, CLASSES, tmp_path)
    data = json.loads(first.read_text())
    data["generator"] = data.pop("generator")
    edited = json.dumps(data, indent=2)
    first.write_text(edited)
    with pytest.raises(ValueError, match=re.escape(str(first))):
        write_annotations("labelme", pictures, CLASSES, tmp_path)
    assert first.read_text() == edited


def test_files_of_pictures_that_are_gone_go_too(pictures, tmp_path):
    write_annotations("geojson", pictures, CLASSES, tmp_path)
    write_annotations("geojson", pictures[:1], CLASSES, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["photo.geojson"]


def test_pictures_that_are_no_files_are_called_by_their_name(pictures, tmp_path):
    sent = replace(pictures[0], path=Path("sent.jpg"))
    (file,) = write_annotations("labelme", [sent], CLASSES, tmp_path)
    assert json.loads(file.read_text())["imagePath"] == "sent.jpg"


def test_wrong_use_is_told_in_a_sentence(pictures, tmp_path):
    with pytest.raises(ValueError, match="no format 'voc': choose one of coco, "):
        write_annotations("voc", pictures, CLASSES, tmp_path)
    with pytest.raises(ValueError, match="no labelled pictures"):
        write_annotations("coco", [], CLASSES, tmp_path)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(2):
        pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"photo{seed}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_a_folder_is_labelled_for_other_tools_and_broken_photos_are_left_out(
    photos, tmp_path, capsys
):
    out = tmp_path / "out"
    command = ["segment", str(photos), "-o", str(out), "--short-side", "64", "--files", "npz"]
    command += ["--device", "cpu", "--format", "coco,geojson"]
    assert main(command) == 1
    assert "coco: 2 labelled" in capsys.readouterr().out
    data = COCO(str(out / "coco" / "annotations.json"))
    assert [each["file_name"] for each in data.imgs.values()] == ["photo0.png", "photo1.png"]
    with np.load(out / "photo1.npz") as maps:
        for row in data.loadAnns(data.getAnnIds(2)):
            found = maps["labels"] == row["category_id"] - 1
            np.testing.assert_array_equal(data.annToMask(row), found)
    assert {each.name for each in (out / "geojson").iterdir()} == {
        "photo0.geojson",
        "photo1.geojson",
    }
    before = (out / "coco" / "annotations.json").read_bytes()
    assert main(command) == 1
    assert (out / "coco" / "annotations.json").read_bytes() == before


def test_a_folder_with_work_of_others_is_refused_before_anything_is_done(photos, tmp_path, capsys):
    own = tmp_path / "out" / "coco" / "annotations.json"
    own.parent.mkdir(parents=True)
    own.write_text('{"info": {}}')
    assert main(["segment", str(photos), "-o", str(tmp_path / "out"), "--format", "coco"]) == 1
    assert "was not written by this program" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["coco"]
    with pytest.raises(SystemExit):
        main(["segment", str(photos), "--format", "voc"])
    assert "there is no format 'voc'" in capsys.readouterr().err
