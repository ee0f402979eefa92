from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from steps import told

from analysis import AnalysisError, trace
from analysis.core.progress import Progress, finish
from analysis.core.uncertainty import FEWEST
from analysis.profile.depth_profile import DepthProfile, depth_profile
from analysis.profile.nulls import (
    NULL_DRAWS,
    profile_with_nulls,
    random_model,
    random_weights_trace,
    shuffled_trace,
)
from uniformer.classes import numbered_classes
from uniformer.config import MODELS, BackboneConfig
from uniformer.preprocess import preprocess
from uniformer.segmenter import Segmenter


def test_random_model_is_one_that_was_just_made(tiny):
    model = tiny("window", 5)
    found, fresh = random_model(model), Segmenter(model.config, model.classes)
    assert not found.training
    assert not found.weights.trained
    assert found.dtype == model.dtype
    wanted = fresh.state_dict()
    assert found.state_dict().keys() == wanted.keys()
    for name, values in found.state_dict().items():
        assert values.shape == wanted[name].shape, name
        if values.numel() < 500:
            continue
        assert values.double().std() == pytest.approx(wanted[name].double().std().item(), rel=0.1)
        assert values.abs().max() == pytest.approx(wanted[name].abs().max().item(), rel=0.02)
    for module, other in zip(found.modules(), fresh.modules(), strict=True):
        if "Norm" in type(module).__name__:
            for name, values in module.state_dict().items():
                assert torch.equal(values, other.state_dict()[name].to(values.dtype)), name


@pytest.mark.parametrize("kind", [{"pruned": True}, {"layer_scale": True}])
def test_random_models_leave_no_weight_to_chance(kind):
    """Memory that nobody has written to would be found here as NaN."""
    backbone = BackboneConfig((1, 1, 2, 1), (8, 8, 16, 16), head_dim=8, **kind)
    config = replace(MODELS["nano"], name="tiny", backbone=backbone)
    model = Segmenter(config, numbered_classes(3)).eval()
    torch.use_deterministic_algorithms(True)  # which also fills new memory with NaN
    try:
        found = random_model(model)
    finally:
        torch.use_deterministic_algorithms(False)
    counters = "num_batches_tracked"
    assert all(v.isfinite().all() for k, v in found.state_dict().items() if counters not in k)
    assert all((v == 1).all() for k, v in found.named_parameters() if "gamma" in k)


def test_random_weights_follow_from_the_seed_alone(tiny):
    model = tiny()
    state = torch.get_rng_state()
    first = random_model(model, seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    again, other = (random_model(model, seed=seed).state_dict() for seed in (1, 2))
    name = "backbone.blocks3.0.attn.qkv.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])


def test_shuffled_trace_sees_the_same_pixels_in_another_order(tiny, picture):
    model, image = tiny("window", 5), picture(50, 80)
    traced = trace(model, image)
    shuffled = shuffled_trace(traced, image, seed=3)
    assert shuffled.windows == traced.windows
    assert shuffled.model is model
    # The patch embedding of a constant picture does not depend on the order.
    plain = np.full((50, 80, 3), 90, dtype=np.uint8)
    flat = trace(model, plain)
    np.testing.assert_array_equal(
        shuffled_trace(flat, plain).block_inputs[0][0], flat.block_inputs[0][0]
    )
    assert not torch.equal(shuffled.block_inputs[0][0], traced.block_inputs[0][0])
    again = shuffled_trace(traced, image, seed=3)
    assert torch.equal(again.logits, shuffled.logits)


def test_shuffling_keeps_every_pixel_with_its_colours(tiny, picture, monkeypatch):
    from analysis.profile import nulls

    seen = []
    monkeypatch.setattr(nulls, "_traced", lambda trace, model, x: seen.append(x))
    image = picture()
    shuffled_trace(trace(tiny(), image), image)
    wanted = preprocess(image, 64, 1)[0].flatten(1).T.double()
    found = seen[0][0].flatten(1).T
    assert not torch.equal(found, wanted)
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, wanted.tolist()))


def test_null_with_random_weights_has_nearly_uniform_attention(tiny, picture):
    image = picture()
    traced = trace(tiny("hybrid", 3), image)
    null = random_weights_trace(traced, image)
    assert null.windows == traced.windows
    assert null.model is not traced.model
    profile = finish(depth_profile(null))
    for block in profile.blocks[2:]:
        assert block.heads.entropy.min() > 0.95
        np.testing.assert_allclose(block.distance_over_uniform, 1, atol=0.1)


def test_profile_comes_with_its_nulls_as_the_same_kind_of_result(tiny, picture):
    image = picture()
    traced = trace(tiny(), image)
    steps, found = told(profile_with_nulls(traced, image))
    runs = 1 + 2 * NULL_DRAWS
    assert steps == [Progress(done, 7 * runs) for done in range(1, 7 * runs + 1)]
    alone = finish(depth_profile(traced))
    assert found.traced.rows()[-1] == alone.rows()[-1]
    for draws in (found.random_weights, found.shuffled_picture):  # as many draws as have a spread
        assert len(draws) == NULL_DRAWS >= FEWEST
        assert len({draw.rows()[-1]["distance_picture_px"] for draw in draws}) == NULL_DRAWS
    for null in (*found.random_weights, *found.shuffled_picture):
        assert isinstance(null, DepthProfile)
        assert len(null.rows()) == len(alone.rows())
        assert null.rows()[-1] != alone.rows()[-1]
        # What depends on the map alone is the same.
        name = "uniform_distance_picture_px"
        assert null.rows()[-1][name] == alone.rows()[-1][name]


def test_a_picture_that_was_not_traced_is_refused(tiny, picture):
    traced = trace(tiny(), picture())
    with pytest.raises(AnalysisError, match="not the picture that was traced"):
        shuffled_trace(traced, picture(64, 64))
