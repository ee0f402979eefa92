"""Sentences name what a file is and fit the door it came through."""

import zipfile

import numpy as np
import pytest
import torch

from uniformer.checkpoint import WeightsError, read_state_dict
from uniformer.factory import create_model
from uniformer.file_kinds import kind_of, picture_format, raw_kind
from uniformer.options import OPTIONS, for_command_line

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


def refusal(path):
    with pytest.raises(WeightsError) as caught:
        read_state_dict(path)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LFS, ("Git-LFS pointer", "git lfs pull")),
        (
            b"<!DOCTYPE html><html><body>Log in</body></html>",
            ("web page", "download the file again"),
        ),
        (b"\xef\xbb\xbf\n<html>", ("web page", "download")),
        (b"<!-- saved from -->\n<html>", ("web page", "download")),
        (b"GGUF" + bytes(50), ("GGUF model", "can be read")),
        (b"\x08\x07\x12\x07pytorch" + bytes(50), ("ONNX model", "can be read")),
        (bytes(257) + b"ustar" + bytes(250), ("tar archive", "can be read")),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", ("picture (WEBP)", "can be read")),
        (b"\x1f\x8b\x08" + bytes(50), ("gzip", "can be read")),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), ("HDF5", "can be read")),
        (b'{"error": "not found"}', ("JSON", "can be read")),
        (bytes(50), ("damaged, cut short or no checkpoint",)),
    ],
)
def test_what_is_no_checkpoint_is_named_with_what_to_do(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    message = refusal(tmp_path / name)
    for word in words:
        assert word in message


def test_torchscript_is_named_and_not_called_compressed(tmp_path):
    path = tmp_path / "a.pt"
    torch.jit.script(torch.nn.Linear(2, 3)).save(str(path))
    message = refusal(path)
    assert "TorchScript" in message
    assert "compressed" not in message


def test_numpy_arrays_and_folders_are_called_what_they_are(tmp_path):
    np.savez(tmp_path / "a.npz", weight=np.zeros(3))
    assert "NumPy arrays" in refusal(tmp_path / "a.npz")
    with pytest.raises(WeightsError, match=r"is a folder: name the \.pth"):
        create_model("nano", weights=str(tmp_path))


def test_a_zipped_checkpoint_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("nano.pth", b"x")
    assert "ZIP archive with nano.pth in it: unpack it" in refusal(tmp_path / "a.pth")


def test_picture_formats_are_told_by_their_first_bytes():
    assert picture_format(b"\0\0\0\x1cftypheic" + bytes(20)) == "HEIF"
    assert picture_format(b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1") == "AVIF"
    assert picture_format(b"\0\0\0\x1cftypavif" + bytes(20)) == "AVIF"
    assert picture_format(b"RIFF\0\0\0\0WEBPVP8 ") == "WEBP"
    assert picture_format(b"MM\0+") == "TIFF"
    assert picture_format(LFS) is None
    assert raw_kind(b"II*\0\x10\0\0\0CR\2\0") == "a camera's raw file (CR2)"
    assert raw_kind(b"II*\0\x10\0\0\0") is None
    assert kind_of(b"no kind that is known") is None


def test_advice_of_python_becomes_that_of_the_command_line():
    said = for_command_line(
        "There is no file x: weights can be a path, or None for an untrained model; "
        "If 0 means 'other', say zero-is-other; pass weights=None."
    )
    assert "--weights can be a path" in said
    assert "or none for" in said
    assert "say --zero-is-other" in said
    assert "--weights none" in said
    for python, option in OPTIONS:
        assert for_command_line(for_command_line(python)) == for_command_line(python), option
