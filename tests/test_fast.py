"""The rewriting for prediction computes what the reference path computes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from golden import fill_model, recorded_input

from uniformer import create_model
from uniformer.engines import optimize_for_inference
from uniformer.fast.upsampled import UpsampledConv3x3


def last(x):
    return x.permute(0, 2, 3, 1).contiguous()


@pytest.mark.parametrize(
    ("size", "target"),
    [((4, 5), (8, 10)), ((3, 7), (13, 29)), ((1, 1), (9, 4)), ((6, 6), (4, 5)), ((5, 9), (5, 9)),
     ((16, 20), (128, 160)), ((31, 33), (62, 70))],
)  # fmt: skip
def test_products_before_a_resize_equal_products_after_it(size, target):
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    up = F.interpolate(x, size=target, mode="bilinear", align_corners=False)
    expected = F.conv2d(up, weight, padding=1)
    out = torch.ones(2, *target, 4, dtype=torch.float64)
    UpsampledConv3x3(weight, torch.float64)(last(x), out)
    assert torch.allclose(out.permute(0, 3, 1, 2), expected + 1, atol=1e-12)


@pytest.fixture(scope="module")
def pairs():
    models = {}
    for name in ("nano", "small-fpn", "small-upernet", "xxs-fpn"):
        model = fill_model(create_model(name, weights=None))
        models[name] = model, optimize_for_inference(model)
    return models


@pytest.mark.parametrize("name", ["nano", "small-fpn", "small-upernet", "xxs-fpn"])
@pytest.mark.parametrize(
    ("size", "reach", "window"),
    [((96, 128), "global", 32), ((100, 74), "hybrid", 3), ((33, 67), "window", 14)],
)
def test_logits_equal_the_reference_and_labels_too(pairs, name, size, reach, window):
    model, fast = pairs[name]
    if not model.config.backbone.pruned:
        model.set_reach(reach, window)
        fast.set_reach(reach, window)
    x = torch.cat([recorded_input(*size), recorded_input(*size).flip(-1) * 0.5])
    with torch.inference_mode():
        expected, ours = model(x), fast(x)
    assert ours.shape == expected.shape
    assert ours.dtype == torch.float32
    assert (ours - expected).abs().max() < 2e-5 * expected.abs().max()
    top = expected.topk(2, dim=1).values
    clear = top[:, 0] - top[:, 1] > 1e-3
    assert torch.equal(ours.argmax(1)[clear], expected.argmax(1)[clear])


@pytest.mark.parametrize("name", ["nano", "small-fpn", "small-upernet", "xxs-fpn"])
def test_bfloat16_keeps_the_labels_that_are_not_near_ties(pairs, name):
    model, _ = pairs[name]
    model.set_reach("global")
    fast = optimize_for_inference(model, precision="bfloat16")
    x = recorded_input(96, 128)
    with torch.inference_mode():
        expected, ours = model(x), fast(x)
    assert ours.dtype == torch.float32
    assert (ours - expected).abs().max() < 0.03 * expected.abs().max()
    assert (ours.argmax(1) == expected.argmax(1)).float().mean() > 0.96


def test_the_stage_maps_stay_reachable(pairs):
    model, fast = pairs["nano"]
    model.set_reach("global")
    fast.set_reach("global")
    x = recorded_input(64, 64)
    with torch.inference_mode():
        for expected, ours in zip(model.backbone(x), fast.backbone(x), strict=True):
            assert torch.allclose(ours, expected, atol=1e-4)


def test_optimizing_leaves_the_model_as_it_was(pairs):
    model, _ = pairs["nano"]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    trainable = [parameter.requires_grad for parameter in model.parameters()]
    again = optimize_for_inference(model)
    with torch.inference_mode():
        again(recorded_input(64, 64))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert [parameter.requires_grad for parameter in model.parameters()] == trainable
    assert again.weights == model.weights
    assert (again.reach, again.window_size) == (model.reach, model.window_size)


def test_no_part_of_the_model_is_left_unfilled(pairs):
    for _, fast in pairs.values():
        tensors = [*fast.parameters(), *fast.buffers()]
        assert not any(tensor.is_meta or tensor.requires_grad for tensor in tensors)


def test_training_models_and_other_dtypes_are_refused():
    model = create_model("nano", weights=None)
    with pytest.raises(ValueError, match="float32 or bfloat16"):
        optimize_for_inference(model, precision="float16")
    with pytest.raises(ValueError, match="eval"):
        optimize_for_inference(model.train())
