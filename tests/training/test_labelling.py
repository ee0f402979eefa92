"""Pseudo-labels: true labels stay, groups keep their meaning, what judges is never learned from."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training import label
from training.coarse import comparable, is_indoors, load_coarse, load_ordinary
from training.data import load_split, read_groups
from training.label import Source, known, label_folder
from training.teachers import ADE_IDS, VOC_IDS, Opinion, Teachers
from training.validate import compared
from training.vocabulary import (
    COARSE,
    EVERYDAY,
    FIRST_GROUP,
    OTHER,
    UNKNOWN,
    coarse_of_coco,
    coarse_of_everyday,
    from_coarse,
    from_coco,
    groups,
)
from uniformer.classes import class_set, numbered_classes
from uniformer.dataset import DatasetError

COCO = {0: "unlabeled", 1: "person", 3: "cup", 8: "truck", 22: "elephant", 161: "wall-wood"}


def own(name):
    return EVERYDAY.index(name)


def group(name):
    return FIRST_GROUP + COARSE.index(name)


def opinion(ade, voc=None, things=False, shape=(4, 6)):
    """The same opinion everywhere: probabilities by name."""
    maps = [
        np.broadcast_to(
            np.float32([p.get(EVERYDAY[index], 0) for index in ids]), (*shape, len(ids))
        )
        for p, ids in ((ade, ADE_IDS), (voc or {}, VOC_IDS))
    ]
    p, ids = (maps[1], VOC_IDS) if things else (maps[0], ADE_IDS)
    labels = ids[p.argmax(-1)].astype(np.uint8)
    return Opinion(labels, p.max(-1), *maps, np.full(shape, things))


def test_every_coarse_class_is_the_union_of_its_members():
    table, members = from_coarse(), groups()
    for index, name in enumerate(COARSE):
        fine = {EVERYDAY[i] for i in np.flatnonzero(coarse_of_everyday(True) == index)}
        if name == "interior":
            assert table[index] == UNKNOWN  # it names the outlines of furniture, too
        elif len(fine) == 1 and name != "building":
            assert {EVERYDAY[table[index]]} == fine
        else:
            assert table[index] == FIRST_GROUP + index
            assert {EVERYDAY[i] for i in np.flatnonzero(members[index])} >= fine
    assert table[255] == UNKNOWN


def test_names_of_coco_are_ours_a_group_or_none_of_ours():
    table = from_coco(COCO)
    assert [table[i] for i in COCO] == [
        UNKNOWN,
        own("person"),
        OTHER,
        group("vehicle"),
        own("animal"),
        own("wall"),
    ]


def test_a_wall_is_interior_indoors_and_building_outdoors_on_both_sides():
    for indoors, wanted in ((True, "interior"), (False, "building")):
        assert COARSE[coarse_of_coco(COCO, indoors)[161]] == wanted
        assert COARSE[coarse_of_everyday(indoors)[own("wall")]] == wanted
    room, street = (np.full((3, 3), COARSE.index(name)) for name in ("sofa", "road"))
    assert is_indoors(room)
    assert not is_indoors(street)


def test_true_labels_stay_and_the_teachers_fill_the_rest_but_not_what_is_none_of_ours():
    true = np.array([[1, 3, 0]], np.uint8)
    says = opinion({"wall": 0.6}, shape=(1, 3))
    labels, confidence = known(says, (1, 3), true, from_coco(COCO))
    assert labels.tolist() == [[own("person"), UNKNOWN, own("wall")]]
    assert confidence[0].tolist() == pytest.approx([1, 0, 0.6])


@pytest.mark.parametrize(
    ("coarse", "says", "wanted"),
    [
        ("animal", opinion({}, {"dog": 0.9}, things=True), own("dog")),
        ("animal", opinion({"wall": 0.9}), group("animal")),
        ("animal", opinion({}, {"dog": 0.4}, things=True), group("animal")),
        ("ground", opinion({"earth": 0.9}), group("ground")),  # no teacher knows sand or snow
        ("road", opinion({"sidewalk": 0.9}), own("sidewalk")),
        ("road", opinion({"car": 0.9}), group("road")),
        ("sky", opinion({"water": 0.9}), own("sky")),
    ],
)
def test_teachers_choose_the_member_of_a_group_only_when_they_can_and_are_sure(
    coarse, says, wanted
):
    true = np.full((4, 6), COARSE.index(coarse), np.uint8)
    labels, confidence = known(says, (4, 6), true, from_coarse())
    assert (labels == wanted).all()
    assert (confidence == 1).all()


@pytest.fixture
def teachers(monkeypatch):
    """Stands in for the networks, whose files are not part of the repository."""
    monkeypatch.setattr(label, "_teachers", None)
    monkeypatch.setattr(
        label,
        "Teachers",
        lambda folder: lambda picture: opinion({"sky": 0.8}, shape=picture.shape[:2]),
    )


def write(folder, name, picture):
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / name), picture)


def pattern(seed):
    small = np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    return cv2.resize(small, (90, 80), interpolation=cv2.INTER_NEAREST)


def test_near_copies_of_what_judges_are_left_out_and_named(teachers, tmp_path):
    for index in range(3):
        write(tmp_path / "new", f"{index}.png", pattern(index))
    darker = (pattern(1) * 0.8).astype(np.uint8)
    write(tmp_path / "val", "judge.jpg", cv2.resize(darker, (60, 50)))
    count, left_out = label_folder(
        Source(tmp_path / "new", prefix="a_"),
        tmp_path,
        tmp_path / "out",
        45,
        exclude=[tmp_path / "val"],
    )
    assert (count, left_out) == (2, ["1.png"])
    made = load_split(tmp_path / "out", "train", len(EVERYDAY), 320)
    assert [example.name for example in made] == ["a_0", "a_2"]
    assert made[0].picture.shape == (40, 45, 3)
    assert (made[0].labels == own("sky")).all()
    assert (made[0].confidence == 204).all()
    members = read_groups(tmp_path / "out", len(EVERYDAY))
    assert (members[FIRST_GROUP + COARSE.index("animal")] == groups()[COARSE.index("animal")]).all()


def test_what_is_excluded_later_is_removed_and_the_rest_is_not_made_again(teachers, tmp_path):
    for index in range(2):
        write(tmp_path / "new", f"{index}.png", pattern(index))
    write(tmp_path / "val", "judge.png", pattern(1))
    made = tmp_path / "out" / "images" / "train" / "0.jpg"
    label_folder(Source(tmp_path / "new"), tmp_path, tmp_path / "out", 45)
    before = made.stat().st_mtime_ns
    judges = [tmp_path / "val"]
    told = label_folder(Source(tmp_path / "new"), tmp_path, tmp_path / "out", 45, exclude=judges)
    assert told == (1, ["1.png"])
    assert {file.stem for file in (tmp_path / "out").rglob("train/*")} == {"0"}
    assert made.stat().st_mtime_ns == before


def test_what_was_made_is_not_made_again(teachers, tmp_path):
    write(tmp_path / "new", "0.png", pattern(0))
    made = tmp_path / "out" / "images" / "train" / "0.jpg"
    times = []
    for _ in range(2):
        label_folder(Source(tmp_path / "new"), tmp_path, tmp_path / "out", 320)
        times.append(made.stat().st_mtime_ns)
    assert times[0] == times[1]


def test_missing_teacher_and_unreadable_picture_are_named(teachers, tmp_path):
    with pytest.raises(DatasetError, match=r"teacher .*mosaic.*tflite is missing"):
        Teachers(tmp_path)
    write(tmp_path / "new", "0.png", pattern(0))
    (tmp_path / "new" / "1.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"1\.png"):
        label_folder(Source(tmp_path / "new"), tmp_path, tmp_path / "out", 320)


def test_ordinary_photos_are_loaded_in_coarse_classes(tmp_path):
    write(tmp_path / "images", "a.png", pattern(0))
    write(tmp_path / "masks", "a.png", np.full((80, 90), 161, np.uint8))
    (tmp_path / "classes.json").write_text(json.dumps({str(k): v for k, v in COCO.items()}))
    (example,) = load_ordinary(tmp_path)
    assert (example.labels == COARSE.index("interior")).all()
    (tmp_path / "classes.json").unlink()
    with pytest.raises(DatasetError, match=r"classes\.json"):
        load_ordinary(tmp_path)


def test_coarse_label_maps_hold_coarse_ids_alone(tmp_path):
    write(tmp_path / "images" / "val", "a.png", pattern(0))
    write(tmp_path / "masks" / "val", "a.png", np.full((80, 90), len(COARSE), np.uint8))
    with pytest.raises(DatasetError, match=r"a\.png holds the id 22"):
        load_coarse(tmp_path, "val")


@pytest.mark.parametrize("name", ["everyday22", "everyday50"])
def test_models_of_either_set_are_compared_in_coarse_classes(tmp_path, name):
    write(tmp_path / "images", "a.png", pattern(0))
    write(tmp_path / "masks", "a.png", np.full((80, 90), 1, np.uint8))
    (tmp_path / "classes.json").write_text(json.dumps({str(k): v for k, v in COCO.items()}))
    classes = class_set(name)
    (example,) = comparable(load_ordinary(tmp_path), classes)
    p = torch.zeros(len(classes), 80, 90)
    p[classes.names.index("person")] = 1
    labels, confidence = compared(p, example.coarse)
    assert (labels == example.labels).all()
    assert (confidence == 1).all()


def test_models_of_other_classes_are_refused_before_any_work():
    with pytest.raises(DatasetError, match="not one of 3 others"):
        comparable([], numbered_classes(3))


def test_two_pictures_of_one_name_are_refused_and_none_is_left_out_in_silence(teachers, tmp_path):
    for index, suffix in enumerate(("png", "jpg")):
        write(tmp_path / "new", f"a.{suffix}", pattern(index))
    with pytest.raises(DatasetError, match=r"2 pictures in .* are called a: rename"):
        label_folder(Source(tmp_path / "new"), tmp_path, tmp_path / "out", 320)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_classes_is_not_labelled_into(teachers, tmp_path):
    write(tmp_path / "new", "0.png", pattern(0))
    own = tmp_path / "out" / "classes.json"
    own.parent.mkdir()
    own.write_text('{"classes": []}')
    with pytest.raises(DatasetError, match="other classes"):
        label_folder(Source(tmp_path / "new"), tmp_path, own.parent, 320)
    assert own.read_text() == '{"classes": []}'
    assert list(own.parent.iterdir()) == [own]


def test_confidence_of_another_size_and_unknown_ids_are_refused(tmp_path):
    for kind, value in (("images", 0), ("masks", 99)):
        write(tmp_path / kind / "train", "a.png", np.full((8, 8), value, np.uint8))
    (tmp_path / "classes.json").write_text(json.dumps({"classes": []}))
    with pytest.raises(DatasetError, match=r"a\.png holds the id 99"):
        load_split(Path(tmp_path), "train", 50, 320)
    write(tmp_path / "confidence" / "train", "a.png", np.full((8, 9), 255, np.uint8))
    with pytest.raises(DatasetError, match=r"confidence/train/a\.png .*9x8"):
        load_split(Path(tmp_path), "train", 100, 320)
