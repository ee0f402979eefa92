"""Reading, matching, inspecting and converting checkpoint files."""

import contextlib
import json
import os
import pickle
import random
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from uniformer.checkpoint import (
    WeightsError,
    convert_checkpoint,
    inspect_checkpoint,
    read_state_dict,
    sha256_of,
)
from uniformer.config import MODELS
from uniformer.factory import create_model
from uniformer.matching import compare, find_kind, guess_configs, skeleton

OFFICIAL = json.loads((Path(__file__).parent / "data" / "official_keys.json").read_text())

# Recorded official configuration: the model here, and the reach it is tested with.
RECORDED = {
    "fpn_global_small": ("small-fpn", {}),
    "fpn_hybrid32_small": ("small-fpn", {"reach": "hybrid"}),
    "fpn_windows32_small": ("small-fpn", {"reach": "window"}),
    "fpn_hybrid_small": ("small-fpn-h14", {}),
    "fpn_hybrid_base": ("base-fpn-h14", {}),
    "upernet_global_small": ("small-upernet", {}),
    "upernet_global_base": ("base-upernet", {}),
    "upernet_hybrid32_small": ("small-upernet", {"reach": "hybrid"}),
    "upernet_windows32_small": ("small-upernet", {"reach": "window"}),
    "upernet_hybrid_small": ("small-upernet-h14", {}),
}

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.tensor([1.0, -2.0])}


def official_shapes(recorded: str) -> dict[str, list[int]]:
    """Names and shapes of an official segmentation state dict."""
    head, _, size = recorded.split("_")
    backbone = {f"backbone.{key}": shape for key, shape in OFFICIAL[f"backbone-{size}"].items()}
    return backbone | OFFICIAL[head]


def official_classifier(size: str) -> dict[str, torch.Tensor]:
    """An ImageNet state dict as the authors release it, without memory."""
    shapes = OFFICIAL[f"backbone-{size}"] | OFFICIAL["classifier"]
    output_norms = ("norm1.", "norm2.", "norm3.", "norm4.")
    return zeros({k: s for k, s in shapes.items() if not k.startswith(output_norms)})


def zeros(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    dtypes = {key: torch.int64 if key.endswith("tracked") else torch.float32 for key in shapes}
    return {
        key: torch.zeros(shape, dtype=dtypes[key], device="meta") for key, shape in shapes.items()
    }


def write(path: Path, content: object) -> Path:
    """Save as what the suffix says; ``.legacy.pth`` is the format from before torch 1.6."""
    if path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path, _use_new_zipfile_serialization=".legacy" not in path.name)
    return path


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return list(ours) == list(theirs) and all(torch.equal(ours[k], theirs[k]) for k in ours)


# Official names and shapes


@pytest.mark.parametrize("recorded", RECORDED)
def test_model_has_exactly_the_official_names_and_shapes(recorded):
    name, reach = RECORDED[recorded]
    with torch.device("meta"):
        model = create_model(name, weights=None, **reach)
    ours = {key: list(value.shape) for key, value in model.state_dict().items()}
    assert ours == official_shapes(recorded)


@pytest.mark.parametrize("recorded", RECORDED)
def test_official_shapes_name_the_models_that_fit(recorded):
    name, _ = RECORDED[recorded]
    trained_global = name.removesuffix("-h14")
    state = zeros(official_shapes(recorded))
    assert guess_configs(state) == [trained_global, f"{trained_global}-h14"]


def test_guess_ignores_class_count_and_batch_counters():
    state = zeros(official_shapes("fpn_global_small"))
    state["decode_head.conv_seg.weight"] = torch.zeros(21, 128, 1, 1, device="meta")
    state["decode_head.conv_seg.bias"] = torch.zeros(21, device="meta")
    state = {key: value for key, value in state.items() if "num_batches_tracked" not in key}
    assert guess_configs(state) == ["small-fpn", "small-fpn-h14"]


@pytest.mark.parametrize("size", ["small", "base"])
def test_imagenet_classifier_fits_every_model_of_its_size(size):
    state = official_classifier(size)
    assert find_kind(state) == "backbone"
    assert guess_configs(state) == [name for name in MODELS if name.startswith(size)]


def test_layer_scale_checkpoint_fits_nothing_and_its_keys_are_listed():
    state = official_classifier("base") | zeros(OFFICIAL["layer-scale-base"])
    assert guess_configs(state) == []
    difference = compare(state, skeleton("base-fpn"))
    assert len(difference.unexpected) == 54
    assert not difference.missing
    assert "backbone.blocks3.0.gamma_1" in str(difference)


def test_bundled_models_keys_fit_only_itself():
    assert guess_configs(skeleton("nano")) == ["nano"]


def test_difference_counts_and_names_keys_of_each_group():
    state = dict(skeleton("small-fpn"))
    del state["neck.fpn_convs.0.conv.bias"]
    state["backbone.extra"] = torch.zeros(1)
    state["backbone.norm1.weight"] = torch.zeros(32)
    state["backbone.norm2.weight"] = torch.zeros(128, dtype=torch.int8)
    assert str(compare(state, skeleton("small-fpn"))) == (
        "1 missing: neck.fpn_convs.0.conv.bias; 1 unexpected: backbone.extra; 2 wrong: "
        "backbone.norm1.weight is 32 instead of 64, "
        "backbone.norm2.weight is 128 (torch.int8) instead of 128"
    )


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


# Files that are refused


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
        ({"a": torch.ones(2), "epoch": 3}, "'epoch' is a int, not a tensor"),
        ({1: torch.ones(2)}, "1 is a Tensor"),
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
    assert report.num_classes == 22
    assert report.models == ["nano"]
    assert report.unknown_keys == []


def test_report_of_a_backbone_and_of_something_else(tmp_path):
    backbone = create_model("nano", weights=None).backbone.state_dict()
    backbone |= {"head.weight": torch.ones(10, 256), "blocks3.0.gamma_1": torch.ones(160)}
    report = inspect_checkpoint(write(tmp_path / "a.pth", backbone))
    assert (report.kind, report.num_classes, report.models) == ("backbone", None, [])
    assert report.unknown_keys == ["backbone.blocks3.0.gamma_1"]

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
