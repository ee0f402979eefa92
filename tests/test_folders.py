"""What a folder has is taken or told; what others wrote stays, own results are not read."""

import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from uniformer.authorship import MARK, of_others, written_here
from uniformer.dataset import DatasetError, pair_annotations
from uniformer.files import MAX_STEM_BYTES, file_names, replace_file, shown
from uniformer.folders import list_folder, list_photos, list_pictures


def photo(file, value=0):
    file.parent.mkdir(parents=True, exist_ok=True)
    kind = {".jpg": "JPEG", ".webp": "WEBP"}.get(file.suffix.lower(), "PNG")
    Image.fromarray(np.full((16, 24, 3), value, np.uint8)).save(file, kind)
    return file


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_every_file_is_taken_or_told_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("a.jpg", "B.PNG", "sub/deep.png"):
        photo(tmp_path / name)
    touch(tmp_path, "p.HEIC", "r.dng", "notes.txt", "a.json", ".hidden.png", "Thumbs.db")
    (tmp_path / "album.jpg").mkdir()
    listing = list_folder(tmp_path)
    assert [file.name for file in listing.pictures] == ["B.PNG", "a.jpg"]
    told = []
    assert list_pictures(tmp_path, tell=told.append) == list(listing.pictures)
    (words,) = told
    assert words.startswith(f"{tmp_path}: 2 pictures taken; left out: ")
    for part in ("pillow-heif (p.HEIC)", "rawpy (r.dng)", "no pictures (a.json, notes.txt)",
                 "2 subfolders, which --recursive (recursive=True) takes (album.jpg, sub)",
                 ):  # fmt: skip
        assert part in words
    assert "hidden" not in words
    assert "Thumbs" not in words


def test_a_single_one_is_told_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    photo(tmp_path / "a.jpg")
    touch(tmp_path, "p.heic", "notes.txt")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    assert list_folder(tmp_path).words() == (
        f"{tmp_path}: 1 picture taken; left out: 1 link to a folder, which is not followed (link); "
        "1 no picture (notes.txt); 1 picture that needs the package pillow-heif (p.heic); "
        "1 subfolder, which --recursive (recursive=True) takes (sub)."
    )


def test_pipes_are_left_out_instead_of_waited_for(tmp_path):
    photo(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")
    listing = list_folder(tmp_path)
    assert [file.name for file in listing.pictures] == ["a.png"]
    assert "1 no file but a pipe or the like (b.png)" in listing.words()


def test_subfolders_are_taken_on_request_and_links_to_folders_are_not(tmp_path):
    for name in ("a.png", "sub/a.png", "sub/deeper/b.png"):
        photo(tmp_path / name)
    (tmp_path / "sub" / "round").symlink_to(tmp_path)
    told = []
    found = list_photos([tmp_path], True, told.append)
    names = [str(file.relative_to(tmp_path)) for file in found]
    assert names == ["a.png", "sub/a.png", "sub/deeper/b.png"]
    assert "1 link to a folder, which is not followed (sub/round)" in told[0]


def test_a_folder_that_may_not_be_read_ends_no_batch_and_makes_no_score(tmp_path, monkeypatch):
    for name in ("a.png", "locked/b.png"):
        photo(tmp_path / "i" / name)
    (tmp_path / "m").mkdir()
    may = os.access  # chmod does not keep root out
    monkeypatch.setattr(os, "access", lambda path, how: path.name != "locked" and may(path, how))
    listing = list_folder(tmp_path / "i", True)
    assert [file.name for file in listing.pictures] == ["a.png"]
    assert "1 folder that may not be read (locked)" in listing.words()
    with pytest.raises(DatasetError, match=r"locked may not be read: a score"):
        pair_annotations(tmp_path / "i", tmp_path / "m", ".png", True)


def test_a_folder_without_pictures_says_what_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    touch(tmp_path, "p.heic")
    with pytest.raises(
        DatasetError, match=r"no pictures in .*, only 1 .*pillow-heif \(p\.heic\)\.$"
    ):
        list_pictures(tmp_path)


def test_pictures_of_phones_and_cameras_are_taken_where_their_package_is(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    touch(tmp_path, "p.HEIC", "r.nef")
    assert [file.name for file in list_pictures(tmp_path)] == ["p.HEIC", "r.nef"]


def marked(file):
    info = PngInfo()
    info.add_text("Software", MARK)
    Image.new("L", (16, 16)).save(file, pnginfo=info)


def test_results_beside_photos_are_not_taken_for_photos(tmp_path):
    photo(tmp_path / "a.jpg")
    marked(tmp_path / "a-2.labels.png")
    marked(tmp_path / "renamed.png")
    photo(tmp_path / "a.overlay.png")  # without a mark, but with the name of a result about a.jpg
    photo(tmp_path / "b.labels.png")  # there is no b
    listing = list_folder(tmp_path)
    assert [file.name for file in listing.pictures] == ["a.jpg", "b.labels.png"]
    assert "2 written by this program (a-2.labels.png, renamed.png)" in listing.words()
    assert "1 named as a result about a picture beside it (a.overlay.png)" in listing.words()


def test_own_files_are_told_from_those_of_others(tmp_path):
    marked(tmp_path / "own.png")
    photo(tmp_path / "other.png")
    Image.open(tmp_path / "own.png").save(tmp_path / "edited.png")
    (tmp_path / "labelme.json").write_text('{"version": "5.0.1", "shapes": []}')
    (tmp_path / "broken.json").write_text("{")
    record = {"picture": {}, "model": "nano", "weights": {}, "settings": {}}
    (tmp_path / "own.json").write_text(json.dumps(record))
    np.savez(tmp_path / "other.npz", labels=np.zeros(1))
    np.savez(tmp_path / "own.npz", labels=np.zeros(1), confidence=np.zeros(1))
    own = {file.name for file in tmp_path.iterdir() if written_here(file)}
    assert own == {"own.png", "own.json", "own.npz"}
    assert of_others(tmp_path, "own", ["png", "json", "npz", "html"]) == []
    assert of_others(tmp_path, "labelme", ["png", "json"]) == [tmp_path / "labelme.json"]


def test_a_path_is_told_on_one_line_of_characters_that_exist():
    names = {"new\nline.png": "new\\nline.png", os.fsdecode(b"bad\xff.png"): "bad\\udcff.png",
             "\x1b[2Ja.png": "\\x1b[2Ja.png", "ünï 🙂.png": "ünï 🙂.png",
             "https://host/a.jpg": "https://host/a.jpg", "a/b.png": "a/b.png"}  # fmt: skip
    for name, told in names.items():
        assert shown(Path(name)) == told


def test_names_keep_clear_of_others_and_of_the_limit_of_file_systems(tmp_path):
    photos = [Path("a.jpg"), Path("b/a.jpg"), Path("c.jpg")]
    assert file_names(photos, lambda name: name in ("a", "a-2")) == ["a-3", "a-4", "c"]
    composed, apart = (unicodedata.normalize(form, "Zürich") for form in ("NFC", "NFD"))
    assert file_names([Path(f"{composed}.jpg"), Path(f"{apart}.jpg")])[1].endswith("-2")
    long = ["é" * 120 + end for end in "xy"]
    names = file_names([Path(f"{stem}.jpg") for stem in long])
    assert len(set(names)) == 2
    assert all(len(name.encode()) <= MAX_STEM_BYTES for name in names)
    for name in names:
        replace_file(tmp_path / f"{name}.overlay.png", lambda file: file.write(b"x"))


def pairs(tmp_path, *options):
    found = pair_annotations(tmp_path / "i", tmp_path / "m", *options)
    return [(a.name, b.name) for a, b in found]


@pytest.mark.parametrize(
    ("suffix", "name"), [("_seg.png", "a_seg.png"), (".jpg.png", "a.jpg.png"), (".tif", "a.tif")]
)
def test_pairs_follow_the_suffix_and_a_missing_one_suggests_it(tmp_path, suffix, name):
    photo(tmp_path / "i" / "a.jpg")
    touch(tmp_path / "m", name)
    assert pairs(tmp_path, suffix) == [("a.jpg", name)]
    with pytest.raises(DatasetError, match=rf"there is {name}: say annotation-suffix {suffix}"):
        pairs(tmp_path)


def test_the_suffix_that_is_suggested_is_whole_in_whatever_form_the_names_are(tmp_path):
    photo(tmp_path / "i" / f"{unicodedata.normalize('NFD', 'éé')}.jpg")
    touch(tmp_path / "m", f"{unicodedata.normalize('NFC', 'éé')}_seg.png")
    with pytest.raises(DatasetError, match=r"say annotation-suffix _seg\.png"):
        pairs(tmp_path)


def test_case_and_unicode_form_do_not_part_a_pair(tmp_path):
    for name in ("a", "Zürich", "B"):
        photo(tmp_path / "i" / f"{unicodedata.normalize('NFC', name)}.jpg")
    touch(
        tmp_path / "m", "a.PNG", f"{unicodedata.normalize('NFD', 'Zürich')}.png", "b.png", "B.png"
    )
    assert [b for _, b in pairs(tmp_path)] == [
        "B.png", unicodedata.normalize("NFD", "Zürich.png"), "a.PNG"
    ]  # fmt: skip
    (tmp_path / "m" / "B.png").unlink()
    touch(tmp_path / "m", "b.PNG")
    with pytest.raises(DatasetError, match="differ in case or Unicode form alone"):
        pairs(tmp_path)


def test_subfolders_pair_with_subfolders(tmp_path):
    for name in ("x/a", "y/a"):
        photo(tmp_path / "i" / f"{name}.jpg")
        touch(tmp_path / "m", f"{name}_seg.png")
    found = pair_annotations(tmp_path / "i", tmp_path / "m", "_seg.png", True)
    assert [b.parent.name for _, b in found] == ["x", "y"]


def test_a_score_never_leaves_out_a_picture_and_tells_of_all_else(tmp_path, monkeypatch):
    photo(tmp_path / "i" / "a.png")
    touch(tmp_path / "i", "b.heic", "notes.txt", "sub/c.png")
    touch(tmp_path / "m", "a.png", "b.png", "unused.png")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DatasetError, match=r"1 picture in .*\(b\.heic; .*pillow-heif"):
        pairs(tmp_path)
    (tmp_path / "i" / "b.heic").unlink()
    told = []
    pair_annotations(tmp_path / "i", tmp_path / "m", tell=told.append)
    assert "notes.txt" in told[0]
    assert "sub" in told[0]
    assert "left out 2 files of no picture" in told[1]
