import numpy as np
import pytest
from PIL import Image

from uniformer.dataset import DatasetError, list_pictures, pair_annotations, read_annotation


def save(file, array, mode=None):
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(array, dtype=np.uint8))
    (image.convert(mode) if mode else image).save(file)
    return file


def grey(value=0, size=(8, 10)):
    return np.full(size, value, dtype=np.uint8)


def test_pictures_are_listed_by_suffix_and_sorted(tmp_path):
    for name in ("b.JPG", "a.png", "c.webp"):
        save(tmp_path / name, np.zeros((8, 8, 3)))
    for name in (".a.png", "notes.txt", "weights.pth", "a.ps"):
        (tmp_path / name).write_bytes(b"x")
    assert [file.name for file in list_pictures(tmp_path)] == ["a.png", "b.JPG", "c.webp"]


def test_pictures_and_annotations_are_paired_by_name(tmp_path):
    for name in ("ADE_val_1", "ADE_val_2"):
        save(tmp_path / "images" / f"{name}.jpg", grey())
        save(tmp_path / "annotations" / f"{name}.png", grey())
    save(tmp_path / "annotations" / "unused.png", grey())
    pairs = pair_annotations(tmp_path / "images", tmp_path / "annotations")
    assert [(a.name, b.name) for a, b in pairs] == [
        ("ADE_val_1.jpg", "ADE_val_1.png"),
        ("ADE_val_2.jpg", "ADE_val_2.png"),
    ]


def test_a_missing_annotation_is_named(tmp_path):
    for name in ("a", "b", "c"):
        save(tmp_path / "images" / f"{name}.jpg", grey())
    save(tmp_path / "annotations" / "a.png", grey())
    with pytest.raises(DatasetError, match=r"No annotation for 2 of 3 pictures.*b\.png"):
        pair_annotations(tmp_path / "images", tmp_path / "annotations")


def test_pictures_that_would_share_an_annotation_are_refused(tmp_path):
    for name in ("a.jpg", "a.b.jpg", "a.png"):
        save(tmp_path / "images" / name, grey())
    (tmp_path / "annotations").mkdir()
    with pytest.raises(DatasetError, match=r"2 pictures .* share the annotation a\.png"):
        pair_annotations(tmp_path / "images", tmp_path / "annotations")


def test_missing_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="no pictures in"):
        pair_annotations(tmp_path, tmp_path)
    with pytest.raises(DatasetError, match=r"no folder .*absent"):
        pair_annotations(tmp_path / "absent", tmp_path)
    save(tmp_path / "a.jpg", grey())
    with pytest.raises(DatasetError, match=r"no folder .*absent"):
        pair_annotations(tmp_path, tmp_path / "absent")


def test_ids_are_read_as_they_are(tmp_path):
    ids = np.array([[0, 1, 255], [149, 2, 3]])
    labels = read_annotation(save(tmp_path / "a.png", ids), (2, 3), classes=150)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, ids)


def test_with_zero_is_other_ids_start_at_one(tmp_path):
    file = save(tmp_path / "a.png", [[0, 1, 150, 255]])
    labels = read_annotation(file, (1, 4), classes=150, zero_is_other=True)
    np.testing.assert_array_equal(labels, [[255, 0, 149, 255]])


def test_palette_annotations_give_indices_and_not_colours(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8), mode="P")
    image.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_annotation(tmp_path / "a.png", (1, 3), 3), [[0, 1, 2]])


def test_sixteen_bit_ids_do_not_wrap_around(tmp_path):
    Image.fromarray(np.array([[3, 256]], dtype=np.uint16)).save(tmp_path / "a.png")
    for zero_is_other in (False, True):
        with pytest.raises(DatasetError, match="holds the id 256"):
            read_annotation(tmp_path / "a.png", (1, 2), 150, zero_is_other)


@pytest.mark.parametrize(("zero_is_other", "value"), [(False, 22), (True, 23), (True, 254)])
def test_ids_out_of_range_are_named_with_their_file(tmp_path, zero_is_other, value):
    file = save(tmp_path / "a.png", grey(value))
    with pytest.raises(DatasetError, match=rf"a\.png holds the id {value}"):
        read_annotation(file, (8, 10), 22, zero_is_other)


def test_an_annotation_of_another_size_is_named_before_it_is_decoded(tmp_path):
    file = save(tmp_path / "a.png", grey(size=(200, 300)))
    file.write_bytes(file.read_bytes()[:60])  # only the header is left
    with pytest.raises(DatasetError, match=r"a\.png has 300x200 pixels, but its picture has 10x8"):
        read_annotation(file, (8, 10), 22)


def test_colour_pictures_are_no_annotations(tmp_path):
    file = save(tmp_path / "a.png", np.zeros((8, 10, 3)))
    with pytest.raises(DatasetError, match="colour picture"):
        read_annotation(file, (8, 10), 22)


@pytest.mark.parametrize("content", [b"", b"not a picture", None])
def test_broken_annotations_are_named(tmp_path, content):
    file = save(tmp_path / "a.png", np.random.default_rng(0).integers(0, 22, (8, 10)))
    file.write_bytes(file.read_bytes()[:70] if content is None else content)
    with pytest.raises(DatasetError, match=r"a\.png cannot be read"):
        read_annotation(file, (8, 10), 22)
