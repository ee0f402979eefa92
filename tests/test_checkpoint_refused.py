"""Files that are refused when they are read as checkpoints."""

import contextlib
import json
import os
import pickle
import random
import struct
import zipfile

import pytest
import torch
from checkpoint_files import TENSORS, write
from safetensors.torch import save_file

from uniformer.checkpoint import WeightsError, read_state_dict


class Payload:
    """Makes a folder when a pickle holding it is opened without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("file", ["evil.pth", "evil.legacy.pth", "evil.pkl"])
@pytest.mark.parametrize("place", ["alone", "beside the weights"])
def test_pickled_code_is_refused_by_name_and_never_runs(tmp_path, file, place):
    trace = tmp_path / "ran"
    content = Payload(trace) if place == "alone" else {"meta": Payload(trace), "model": TENSORS}
    if file.endswith(".pkl"):
        (tmp_path / file).write_bytes(pickle.dumps(content, protocol=2))
    else:
        write(tmp_path / file, content)
    with pytest.raises(WeightsError, match=r"wants \S+\.mkdir, which is more than tensors"):
        read_state_dict(tmp_path / file)
    assert not trace.exists()


@pytest.mark.parametrize("name", ["a.pth", "a.legacy.pth", "a.safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_truncated_file_is_refused(tmp_path, name, kept):
    tensors = {f"layer{i}.weight": torch.ones(100, 10) for i in range(5)}
    path = write(tmp_path / name, tensors)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(WeightsError, match="is empty" if kept == 0.0 else "damaged, cut short"):
        read_state_dict(path)


@pytest.mark.parametrize(
    "content",
    [b"hello", b"<!DOCTYPE html><html>", b"PK\x03\x04" + bytes(40), b"\x80\x02.", bytes(8) + b"{}"],
)
def test_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(WeightsError, match="no checkpoint"):
        read_state_dict(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(2)], "holds a list"),
        ({}, "holds no weights"),
        ({"state_dict": {}}, "holds no weights"),
        ({"epoch": 3, "args": {"lr": 0.1}}, "holds no weights"),
        ({1: torch.ones(2)}, "1 is the name of a tensor"),
        ({"a": torch.eye(2).to_sparse()}, "a is not a plain tensor"),
        ({"a": torch.ones(2, device="meta")}, "a is not a plain tensor"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "a is not a plain tensor"),
        ({"a": torch.ones(1).expand(2**20, 2**20)}, "describes tensors of more than"),
    ],
)
def test_content_that_is_no_state_dict_is_refused(tmp_path, content, message):
    with pytest.raises(WeightsError, match=message):
        read_state_dict(write(tmp_path / "a.pth", content))


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize(
    "bad",
    [
        torch.tensor([1.0, float("nan")]),
        torch.tensor([float("-inf")]),
        torch.tensor([float("inf")], dtype=torch.float16),
        torch.tensor([1e300], dtype=torch.float64),
    ],
)
def test_values_that_are_not_finite_are_refused_by_name(tmp_path, name, bad):
    path = write(tmp_path / name, {**TENSORS, "b.weight": bad})
    with pytest.raises(WeightsError, match=r"b\.weight holds NaN or infinite values"):
        read_state_dict(path)


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read: No such file"):
        read_state_dict(tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="cannot be read: Is a directory"):
        read_state_dict(tmp_path)


def test_huge_file_is_refused_unread(tmp_path, monkeypatch):
    path = write(tmp_path / "a.pth", TENSORS)
    monkeypatch.setattr("uniformer.checkpoint.MAX_FILE_BYTES", 100)
    with pytest.raises(WeightsError, match="at most 100 are read"):
        read_state_dict(path)


def test_compressed_archive_is_refused(tmp_path):
    with (
        zipfile.ZipFile(write(tmp_path / "a.pth", TENSORS)) as plain,
        zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(WeightsError, match="is compressed"):
        read_state_dict(tmp_path / "b.pth")


def lying(header: object, body: bytes = bytes(24), length: int | None = None) -> bytes:
    """A safetensors file with any header, which may say it is ``length`` bytes long."""
    words = json.dumps(header).encode()
    return struct.pack("<Q", len(words) if length is None else length) + words + body


def entry(dtype: str = "F32", shape: tuple[int, ...] = (2, 3), start: int = 0, end: int = 24):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "content",
    [
        lying({"a": entry()}, length=2**63),
        lying({"a": entry()}, length=3),
        lying({"a": entry(end=2**40)}),
        lying({"a": entry(start=24, end=0)}),
        lying({"a": entry(start=-8, end=16)}),
        lying({"a": entry(shape=(2**40, 2**40))}),
        lying({"a": entry(shape=(2, -3))}),
        lying({"a": entry(shape=(3, 3))}),
        lying({"a": entry(dtype="F64")}),
        lying({"a": entry(dtype="object")}),
        lying({"a": entry(), "b": entry()}),
        lying({"a": entry(end=24), "b": entry(start=32, end=56)}, bytes(56)),
        lying({"a": 1}),
        lying({"a": entry()}, bytes(23)),
        lying({"a": entry()}, bytes(25)),
        lying({"__metadata__": {"a": 1}, "a": entry()}),
    ],
)
def test_header_that_lies_is_refused(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="damaged, cut short or no checkpoint"):
        read_state_dict(tmp_path / "a.safetensors")


def test_header_that_tells_the_truth_is_read(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(lying({"a": entry()}))
    assert read_state_dict(tmp_path / "a.safetensors")["a"].shape == (2, 3)


@pytest.mark.parametrize("name", ["a.pth", "a.legacy.pth", "a.safetensors"])
def test_flipped_bits_give_tensors_or_a_refusal(tmp_path, name):
    tensors = {f"layer{i}.weight": torch.ones(20, 10) for i in range(3)}
    content = write(tmp_path / name, tensors).read_bytes()
    flips = random.Random(0)
    for _ in range(60):
        broken = bytearray(content)
        for _ in range(flips.randint(1, 6)):
            broken[flips.randrange(len(broken))] ^= 1 << flips.randrange(8)
        (tmp_path / name).write_bytes(broken)
        with contextlib.suppress(WeightsError):
            read_state_dict(tmp_path / name)


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
def test_very_many_empty_tensors_are_refused_before_they_are_looked_at(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("uniformer.checkpoint.MAX_TENSORS", 200)
    monkeypatch.setattr("uniformer.checkpoint._check_tensors", lambda *_: pytest.fail("looked at"))
    empty, file = (
        torch.zeros(0),
        tmp_path / f"many.{'safetensors' if kind == 'safetensors' else 'pth'}",
    )
    many = {str(number): empty for number in range(201)}
    if kind == "safetensors":
        save_file({name: value.clone() for name, value in many.items()}, file)
    else:
        torch.save(many, file, _use_new_zipfile_serialization=kind == "zip")
    with pytest.raises(WeightsError, match="tensors that are read"):
        read_state_dict(file)


def test_a_long_description_of_tensors_is_refused_before_it_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.setattr("uniformer.checkpoint.MAX_PICKLE_BYTES", 1000)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled"))
    torch.save({str(number): torch.zeros(0) for number in range(50)}, tmp_path / "many.pth")
    with pytest.raises(WeightsError, match="beside its tensors, such as NumPy arrays"):
        read_state_dict(tmp_path / "many.pth")
