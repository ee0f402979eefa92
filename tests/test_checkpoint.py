"""Reading, inspecting and converting checkpoint files."""

from collections import OrderedDict

import pytest
import torch
from checkpoint_files import TENSORS, write
from safetensors.torch import load_file

from uniformer.checkpoint import (
    WeightsError,
    convert_checkpoint,
    inspect_checkpoint,
    read_state_dict,
    sha256_of,
)
from uniformer.factory import create_model


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return list(ours) == list(theirs) and all(torch.equal(ours[k], theirs[k]) for k in ours)


# Containers


@pytest.mark.parametrize("file", ["a.pth", "a.legacy.pth"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_every_pth_container_gives_the_same_tensors(tmp_path, file, prefix, wrapper):
    content = OrderedDict((prefix + key, value) for key, value in TENSORS.items())
    beside = {"meta": {"epoch": 3, "CLASSES": ("wall", "sky")}, "optimizer": {"state": {}}}
    content = {**content, **beside} if wrapper is None else {wrapper: content, **beside}
    path = write(tmp_path / file, content)
    assert same(read_state_dict(path), TENSORS)
    assert inspect_checkpoint(path).wrapper == wrapper


@pytest.mark.parametrize("name", ["a.safetensors", "renamed.pth", "no_suffix"])
def test_safetensors_are_told_by_content(tmp_path, name):
    path = write(tmp_path / "a.safetensors", TENSORS).rename(tmp_path / name)
    report = inspect_checkpoint(path)
    assert report.container == "safetensors"
    assert same(read_state_dict(path), dict(sorted(TENSORS.items())))


def test_pth_called_safetensors_is_read_as_pth(tmp_path):
    path = write(tmp_path / "a.pth", TENSORS).rename(tmp_path / "a.safetensors")
    assert same(read_state_dict(path), TENSORS)


def test_parameters_lose_their_graph_and_shared_storage_is_fine(tmp_path):
    whole = torch.arange(4.0)
    content = {"a": torch.nn.Parameter(whole), "b": whole[1:3], "c": whole}
    state = read_state_dict(write(tmp_path / "a.pth", content))
    assert not state["a"].requires_grad
    assert state["b"].tolist() == [1, 2]


# Inspecting and converting


def test_report_of_a_segmenter(tmp_path):
    model = create_model("nano", weights=None)
    path = write(tmp_path / "nano.pth", {"state_dict": model.state_dict()})
    report = inspect_checkpoint(path)
    assert report.name == "nano.pth"
    assert report.bytes == path.stat().st_size
    assert report.sha256 == sha256_of(path)
    assert (report.kind, report.container, report.wrapper) == ("segmenter", "pth", "state_dict")
    assert report.tensors == len(model.state_dict())
    assert report.parameters == sum(p.numel() for p in model.parameters())
    assert set(report.dtypes) == {"float32", "int64"}
    assert report.num_classes == 50
    assert report.models == ["nano"]
    assert report.unknown_keys == []


def test_report_of_a_backbone_and_of_something_else(tmp_path):
    backbone = create_model("nano", weights=None).backbone.state_dict()
    backbone |= {"head.weight": torch.ones(10, 256), "blocks3.0.gamma_3": torch.ones(160)}
    report = inspect_checkpoint(write(tmp_path / "a.pth", backbone))
    assert (report.kind, report.num_classes, report.models) == ("backbone", None, [])
    assert report.unknown_keys == ["backbone.blocks3.0.gamma_3"]

    report = inspect_checkpoint(write(tmp_path / "b.pth", TENSORS))
    assert (report.kind, report.unknown_keys) == ("unknown", list(TENSORS))


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "a") == known


def test_conversion_keeps_names_values_and_dtypes(tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    content = {
        "module.a": whole.T,
        "module.b": whole,
        "module.c": whole[0].half(),
        "module.count": torch.tensor(7),
    }
    source = write(tmp_path / "a.pth", {"state_dict": content, "optimizer": {"lr": 0.1}})
    target = tmp_path / "b.safetensors"
    convert_checkpoint(source, target)
    stored = load_file(target)
    expected = {key.removeprefix("module."): value for key, value in content.items()}
    assert same(dict(sorted(stored.items())), expected)
    assert all(stored[key].dtype == expected[key].dtype for key in expected)
    metadata = inspect_checkpoint(target).metadata
    assert metadata == {"format": "pt", "source": "a.pth", "source_sha256": sha256_of(source)}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pth", "b.safetensors"]


def test_conversion_never_overwrites(tmp_path):
    source = write(tmp_path / "a.safetensors", TENSORS)
    before = source.read_bytes()
    with pytest.raises(WeightsError, match="exists already"):
        convert_checkpoint(source, source)
    assert source.read_bytes() == before


def test_conversion_needs_the_right_ending(tmp_path):
    source = write(tmp_path / "a.pth", TENSORS)
    with pytest.raises(WeightsError, match=r"must end in \.safetensors, not b\.pth"):
        convert_checkpoint(source, tmp_path / "b.pth")


def test_failed_conversion_leaves_nothing(tmp_path):
    source = write(tmp_path / "a.pth", TENSORS)
    with pytest.raises(WeightsError, match="cannot be written: No such file or directory"):
        convert_checkpoint(source, tmp_path / "nowhere" / "b.safetensors")
    write(tmp_path / "nan.pth", {"a": torch.tensor(float("nan"))})
    with pytest.raises(WeightsError, match="NaN"):
        convert_checkpoint(tmp_path / "nan.pth", tmp_path / "b.safetensors")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pth", "nan.pth"]
