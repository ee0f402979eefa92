"""Properties of the models that no recorded number is needed for."""

from __future__ import annotations

import pytest
import torch

from uniformer import create_model, list_models
from uniformer.attention import from_windows, to_windows
from uniformer.config import MODELS


@pytest.fixture(scope="module")
def nano():
    torch.manual_seed(0)
    return create_model("nano", weights=None)


def test_every_model_is_listed_and_the_bundled_one_comes_first():
    assert list_models()[0] == "nano"
    assert {
        f"{size}-{head}{form}"
        for size in ("small", "base")
        for head in ("fpn", "upernet")
        for form in ("", "-h14")
    } < set(list_models())


@pytest.mark.parametrize("size", [(32, 32), (33, 67), (32, 200), (64, 96)])
@pytest.mark.parametrize("reach", ["global", "hybrid", "window"])
def test_any_size_from_32_gives_logits_at_stride_4(nano, size, reach):
    nano.set_reach(reach, 3)
    with torch.inference_mode():
        logits = nano(torch.randn(2, 3, *size))
    assert logits.shape == (2, len(nano.classes), size[0] // 4, size[1] // 4)
    assert logits.isfinite().all()


def test_smaller_pictures_are_refused_in_one_sentence(nano):
    with pytest.raises(ValueError, match="H, W >= 32"):
        nano(torch.randn(1, 3, 31, 64))


def test_samples_of_a_batch_do_not_mix(nano):
    nano.set_reach("hybrid", 2)
    x = torch.randn(3, 3, 64, 96)
    with torch.inference_mode():
        together = nano(x)
        apart = torch.cat([nano(sample[None]) for sample in x])
    assert torch.allclose(together, apart, atol=1e-5)


def test_reach_is_a_switch_that_leaves_the_weights_alone(nano):
    before = {key: value.clone() for key, value in nano.state_dict().items()}
    x = torch.randn(1, 3, 160, 160)
    with torch.inference_mode():
        nano.set_reach("global")
        first = nano(x)
        nano.set_reach("window", 4)
        windowed = nano(x)
        nano.set_reach("global")
        again = nano(x)
    assert torch.equal(first, again)
    assert not torch.allclose(first, windowed)
    assert all(torch.equal(value, before[key]) for key, value in nano.state_dict().items())


def test_hybrid_keeps_every_fourth_block_of_stage_3_global():
    model = create_model("small-fpn-h14", weights=None)
    windows = [block.window_size for block in model.backbone.blocks3]
    assert windows == [14, 14, 14, None, 14, 14, 14, None]
    assert all(block.window_size is None for block in model.backbone.blocks4)


def test_a_window_as_large_as_the_map_is_global(nano):
    x = torch.randn(1, 3, 96, 96)  # stage 3 is 6 x 6
    with torch.inference_mode():
        nano.set_reach("global")
        expected = nano(x)
        nano.set_reach("window", 6)
        assert torch.allclose(nano(x), expected, atol=1e-5)


def test_padding_of_a_window_takes_part_in_the_softmax(nano):
    x = torch.randn(1, 3, 96, 96)
    with torch.inference_mode():
        nano.set_reach("global")
        expected = nano(x)
        nano.set_reach("window", 7)  # one window, one padded row and column
        assert not torch.allclose(nano(x), expected, atol=1e-3)


@pytest.mark.parametrize("size", [2, 3, 5, 8])
def test_windows_come_back_to_their_place(size):
    x = torch.randn(2, 5, 7, 3)
    windows, padded = to_windows(x, size)
    assert windows.shape[1] == size * size
    assert padded[0] % size == 0
    assert padded[1] % size == 0
    assert torch.equal(from_windows(windows, size, padded, (5, 7)), x)


@pytest.mark.parametrize(
    ("reach", "window", "words"),
    [("everywhere", 8, "Unknown reach"), ("window", 0, "1 to 256"), ("window", 2.5, "whole number"),
     ("hybrid", 10**6, "1 to 256"), ("window", True, "whole number")],
)  # fmt: skip
def test_impossible_reaches_are_refused_and_change_nothing(nano, reach, window, words):
    nano.set_reach("window", 5)
    with pytest.raises(ValueError, match=words):
        nano.set_reach(reach, window)
    assert (nano.reach, nano.window_size) == ("window", 5)
    assert {block.window_size for block in nano.backbone.blocks3} == {5}


def test_bfloat16_autocast_stays_close(nano):
    nano.set_reach("global")
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        exact = nano(x)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = nano(x).float()
    assert (rounded - exact).abs().max() < 0.05 * exact.abs().max()


def test_every_parameter_of_prediction_gets_a_gradient(nano):
    nano.set_reach("hybrid", 2)
    nano(torch.randn(1, 3, 64, 64)).square().mean().backward()
    missing = [name for name, parameter in nano.named_parameters() if parameter.grad is None]
    nano.zero_grad()
    assert missing == []


def test_stochastic_depth_drops_whole_branches_in_training_only():
    from uniformer.layers import DropPath

    torch.manual_seed(0)
    layer, x = DropPath(0.5), torch.ones(2000, 3, 2)
    assert torch.equal(layer.eval()(x), x)
    dropped = layer.train()(x)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropped[:, 0, 0, None, None].expand_as(x), dropped)
    assert dropped.mean() == pytest.approx(1.0, abs=0.1)


def test_nano_fits_the_repository():
    model = create_model("nano", weights=None)
    assert sum(p.numel() for p in model.parameters()) <= 4.8e6
    assert MODELS["nano"].size_divisor in (1, 32)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu(nano):
    nano.set_reach("hybrid", 3)
    x = torch.randn(1, 3, 96, 128)
    with torch.inference_mode():
        expected = nano(x)
        on_gpu = create_model("nano", weights=None, device="cuda")
        on_gpu.load_state_dict(nano.state_dict())
        on_gpu.set_reach("hybrid", 3)
        assert torch.allclose(on_gpu(x.cuda()).cpu(), expected, atol=1e-3)
