"""An exported file answers what the model answers, at every size, in the engine that runs it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from golden import fill_model, recorded_input
from tiny_segmenter import TINY, TINY_UPER, make

from uniformer import commands, create_model, list_classifiers, list_models, optimize_for_inference
from uniformer.authorship import MARK
from uniformer.cli import main
from uniformer.config import MODELS
from uniformer.export import export_onnx, onnx_bytes
from uniformer.export.onnx import SMALL
from uniformer.export.outputs import Outputs
from uniformer.export.rewriting import WIDE, ConvOfUpsampled, MatrixPool, portable, rewrite
from uniformer.export.winograd import WinogradConv3x3
from uniformer.heads import resize_bilinear

SIZES = [(64, 96), (100, 74), (33, 67)]
TOLERANCE = 2e-5


def close(ours, expected):
    ours, expected = torch.as_tensor(ours), torch.as_tensor(expected)
    return ours.shape == expected.shape and bool(
        (ours - expected).abs().max() <= TOLERANCE * expected.abs().max()
    )


def session(data):
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


def answers(data, x):
    run = session(data)
    return dict(zip([o.name for o in run.get_outputs()], run.run(None, {"image": x}), strict=True))


@pytest.mark.parametrize(
    ("size", "target"), [((4, 5), (8, 10)), ((1, 3), (9, 7)), ((6, 6), (4, 5))]
)
def test_products_before_a_resize_equal_products_after_it(size, target):
    x, weight = torch.randn(2, 3, *size), torch.randn(4, 3, 3, 3)
    expected = F.conv2d(resize_bilinear(x, target), weight, padding=1)
    ours = ConvOfUpsampled(weight)(x.permute(0, 2, 3, 1), target)
    assert close(ours.permute(0, 3, 1, 2), expected)


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (3, 9), (17, 30), (33, 8)])
def test_winograd_equals_direct_convolution(size):
    x, weight, bias = torch.randn(2, 5, *size), torch.randn(7, 5, 3, 3), torch.randn(7)
    expected = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    assert close(WinogradConv3x3(weight, bias)(x), expected)


@pytest.mark.parametrize("cells", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(16, 16), (1, 2), (5, 23)])
def test_the_pooling_matrix_is_adaptive_pooling(cells, size):
    x = torch.randn(2, 3, *size)
    expected = F.adaptive_avg_pool2d(x, cells)
    assert torch.allclose(MatrixPool(cells)(x), expected, atol=1e-6)


@pytest.mark.parametrize("config", [MODELS["nano"], TINY_UPER], ids=["nano", "uper"])
def test_the_rewritten_form_has_the_logits_of_the_model_and_leaves_it_alone(config):
    model = fill_model(make(config))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    ours = rewrite(model)
    for size, reach in zip(SIZES, ("global", "hybrid", "window"), strict=True):
        x = torch.cat([recorded_input(*size), recorded_input(*size).flip(-1) * 0.5])
        with torch.inference_mode():
            model.set_reach(reach, 3)
            ours.set_reach(reach, 3)
            assert close(ours(x), model(x))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


SLOW = [
    pytest.param(name, marks=pytest.mark.slow)
    for name in ("fpn-rewritten", "uper-plain", "uper-rewritten")
]


@pytest.fixture(scope="module", params=["fpn-plain", *SLOW])
def exported(request):
    """A model, and itself as a file for every size, with every output."""
    head, form = request.param.split("-")
    model = fill_model(make(TINY if head == "fpn" else TINY_UPER))
    if form == "rewritten":
        model.set_reach("window", 3)
    return model, onnx_bytes(model, form=form, outputs=("stages", "blocks"))


@pytest.mark.parametrize("size", SIZES)
def test_every_output_of_the_file_is_that_of_the_model_at_every_size(exported, size):
    model, data = exported
    x = recorded_input(*size)
    reference = Outputs(portable(model), ("stages", "blocks"))
    with torch.inference_mode():
        expected = dict(zip(reference.names(), reference(x), strict=True))
        assert close(expected["logits"], model(x))
        for number, stage in enumerate(model.backbone(x), start=1):
            assert close(expected[f"stage{number}"], stage)
    ours = answers(data, x.numpy())
    assert list(ours) == list(expected)
    folded = ("values", "kernel", "mix")  # what these are of is told below
    for name, value in expected.items():
        assert close(ours[name], value) or name.endswith(folded), name


def test_the_outputs_of_a_block_suffice_for_its_affinity(exported):
    model, data = exported
    ours = {n: torch.as_tensor(v) for n, v in answers(data, recorded_input(64, 96).numpy()).items()}
    local, distant = model.backbone.blocks1[0], model.backbone.blocks4[0]
    block = {n.split(".")[2]: v for n, v in ours.items() if n.startswith("stage1.block0")}
    with torch.inference_mode():
        x = block["input"] + local.pos_embed(block["input"])
        expected = local.attn(local.conv1(local.norm1(x))) - local.attn.bias[:, None, None]
        expected = F.conv2d(expected, local.conv2.weight)
        near = F.unfold(block["values"], 5, padding=2).unflatten(1, (-1, 25))
        mixed = torch.einsum("oc,cn,bcnl->bol", block["mix"], block["kernel"].flatten(1), near)
        assert close(mixed.view_as(expected), expected)
        tokens = ours["stage4.block0.input"]
        tokens = distant.norm1((tokens + distant.pos_embed(tokens)).flatten(2).transpose(1, 2))
        rows = distant.attn.affinity(*distant.attn.project(tokens)[:2])
        found = ours["stage4.block0.query"] @ ours["stage4.block0.key"].transpose(-2, -1)
        assert close(found.softmax(-1), rows)


def test_the_command_writes_a_file_that_tells_what_it_holds(tmp_path, capsys, monkeypatch):
    model, file = fill_model(make(TINY_UPER)), tmp_path / "tiny.onnx"
    model.set_reach("window", 3)
    monkeypatch.setattr(commands, "create_model", lambda *_, **__: model)
    command = ["export", "nano", "-o", str(file), "--form", "rewritten", "--size", "64x96"]
    assert main([*command, "--stored", "float16"]) == 0
    assert main([*command, "--stored", "float16"]) == 0  # over its own file
    assert "MB" in capsys.readouterr().out
    graph = onnx.load(file)
    told = {entry.key: json.loads(entry.value) for entry in graph.metadata_props}
    assert told["classes"] == list(model.classes.names)
    assert (told["model"], told["reach"], told["form"]) == ("tiny-uper", "window", "rewritten")
    assert told["mean"] == [123.675, 116.28, 103.53]
    large = [t.data_type for t in graph.graph.initializer if np.prod(t.dims) >= SMALL]
    assert set(large) == {onnx.TensorProto.FLOAT16}
    x = recorded_input(64, 96)
    with torch.inference_mode():
        expected = model(x).numpy()
    ours = answers(file.read_bytes(), x.numpy())["logits"]
    assert 0 < np.abs(ours - expected).max() < 5e-3 * np.abs(expected).max()


def assert_exports_for_every_size(model, forms):
    """Check small and large sizes against the model, whatever the size that was traced."""
    for form in forms:
        run = session(onnx_bytes(model, form=form))
        for size in ((64, 96), (160, 128), (288, 320)):
            x = recorded_input(*size)
            with torch.inference_mode():
                assert close(run.run(["logits"], {"image": x.numpy()})[0], model(x)), (form, size)


PRUNING = replace(TINY, backbone=replace(TINY.backbone, conv_stages=1, pruned=True))


@pytest.mark.parametrize(
    ("config", "window", "forms"),
    [
        (PRUNING, None, ["plain"]),
        (replace(TINY, backbone=replace(TINY.backbone, depths=(1, 1, 4, 1))), 9, ["plain"]),
        pytest.param(
            replace(TINY_UPER, head=replace(TINY_UPER.head, channels=WIDE)),
            None,
            ["winograd"],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["tokens pruned", "hybrid windows", "wide convolutions"],
)
def test_what_follows_from_the_size_is_not_that_of_the_size_traced(config, window, forms):
    model = fill_model(make(config))
    if window:
        model.set_reach("hybrid", window)
    assert_exports_for_every_size(model, forms)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [*list_models(), *list_classifiers()])
def test_every_model_exports_in_every_form(name):
    model = fill_model(create_model(name, weights=None))
    assert_exports_for_every_size(model, ("plain", "rewritten", "winograd"))


def test_what_cannot_be_exported_is_told_in_a_sentence_and_replaces_nothing(tmp_path):
    model, file = make(), tmp_path / "a.onnx"
    file.write_bytes(b"of another program")
    with pytest.raises(ValueError, match="was not written by this program"):
        export_onnx(model, file)
    file.write_bytes(before := f"{MARK}, before".encode())
    for message, options in {
        "form must be": {"form": "fast"},
        "no output 'attention'": {"outputs": ["attention"]},
        "weights must be": {"weights": "int8"},
        "not 16x4096": {"size": (16, 4096)},
    }.items():
        with pytest.raises(ValueError, match=message):
            export_onnx(model, file, **options)
    with pytest.raises(ValueError, match="training mode"):
        export_onnx(make().train(), file)
    with pytest.raises(ValueError, match="name it that"):
        export_onnx(model, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="no folder"):
        export_onnx(model, tmp_path / "absent" / "a.onnx")
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


def test_a_model_optimized_for_torch_refuses_every_exporter(tmp_path):
    fast = optimize_for_inference(make())
    x = recorded_input(64, 64)
    with pytest.raises(ValueError, match="optimized for PyTorch"):
        export_onnx(fast, tmp_path / "a.onnx")
    with pytest.raises(Exception, match="optimized for PyTorch"):
        torch.jit.trace(fast, x)
    with pytest.raises(Exception, match="optimized for PyTorch"):
        torch.export.export(fast, (x,))


@pytest.mark.parametrize("config", [TINY, TINY_UPER], ids=["fpn", "uper"])
def test_the_plain_model_goes_through_torch_export_and_compiles_as_one_graph(config):
    model, x = fill_model(make(config)), recorded_input(64, 96)
    with torch.no_grad():
        expected = model(x)
        assert close(torch.export.export(model, (x,)).module()(x), expected)
        whole = torch.compile(model, backend="eager", fullgraph=True)
        assert close(whole(x), expected)
