from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from analysis import AnalysisError, global_affinity, in_degree, local_affinity, trace
from analysis.core import activation_cache as tracing
from uniformer.attention import Attention
from uniformer.engines import optimize_for_inference
from uniformer.preprocess import preprocess

REACHES = ("global", "hybrid", "window")
SIZES = [(64, 96), (130, 64), (65, 67), (200, 70)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("reach", REACHES)
def test_trace_is_the_models_own_pass(tiny, picture, reach, size):
    model, image = tiny(reach), picture(*size)
    traced = trace(model, image)
    with torch.no_grad():
        x = preprocess(image, 64).double()
        maps = model.backbone(x)
        torch.testing.assert_close(traced.logits, model(x), rtol=0, atol=1e-10)
    assert traced.network_size_px == tuple(x.shape[-2:])
    for stage, (found, wanted) in enumerate(zip(traced.stage_outputs, maps, strict=True), 1):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)
        assert traced.grid(stage).shape == tuple(wanted.shape[-2:])


@pytest.mark.parametrize("reach", REACHES)
def test_block_inputs_are_what_the_blocks_receive(tiny, picture, reach):
    model, image, received = tiny(reach), picture(70, 100), []
    watched = deepcopy(model)
    for number in range(1, 5):
        for block in watched.backbone.stage(number)[1]:
            block.register_forward_pre_hook(lambda _, inputs: received.append(inputs[0]))
    with torch.no_grad():
        watched(preprocess(image, 64).double())
    kept = [x for inputs in trace(model, image).block_inputs for x in inputs]
    assert len(kept) == len(received) == 7
    for found, wanted in zip(kept, received, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


def test_bytes_are_those_of_the_memory_held(tiny, picture):
    traced = trace(tiny(), picture())
    tensors = [x for inputs in traced.block_inputs for x in inputs]
    tensors += [*traced.stage_outputs, traced.logits]
    storages = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in tensors}
    assert len(storages) == len(tensors)
    assert traced.bytes == sum(storages.values()) + traced.labels.nbytes


def test_no_affinity_matrix_is_formed_and_maps_can_enter_autograd(tiny, picture, monkeypatch):
    monkeypatch.delattr(Attention, "affinity")
    traced = trace(tiny("hybrid"), picture())
    kept = traced.block_inputs[2][0]
    assert not kept.requires_grad
    assert not kept.is_inference()


def test_answers_are_for_the_reach_traced_whatever_is_set_later(tiny, picture):
    model = tiny("hybrid")
    traced = trace(model, picture(96, 64))
    before = [(global_affinity(traced, 3, b, (5, 3)), in_degree(traced, 3, b)) for b in range(4)]
    assert [row.window.tokens for row, _ in before] == [9, 9, 9, 24]
    model.set_reach("window", 2)
    after = [(global_affinity(traced, 3, b, (5, 3)), in_degree(traced, 3, b)) for b in range(4)]
    model.set_reach("hybrid", 3)
    assert traced.reach == "hybrid"
    for (row, received), (later_row, later_received) in zip(before, after, strict=True):
        np.testing.assert_array_equal(row.weight, later_row.weight)
        np.testing.assert_array_equal(received.degree, later_received.degree)


def test_reach_changed_during_the_pass_does_not_enter_it(tiny, picture, monkeypatch):
    model, image = tiny("hybrid"), picture()
    wanted = trace(model, image)

    def meddle(*arguments):
        model.set_reach("window", 2)
        return preprocess(*arguments)

    monkeypatch.setattr(tracing, "preprocess", meddle)
    found = trace(model, image)
    model.set_reach("hybrid", 3)
    assert torch.equal(found.logits, wanted.logits)
    assert found.windows == wanted.windows == ((None,), (None,), (3, 3, 3, None), (None,))


def test_threads_that_share_a_model_get_what_one_alone_gets(tiny, picture):
    model = tiny("hybrid")
    together = threading.Barrier(2, timeout=20)

    def answer(seed: int, wait: bool = True) -> list[np.ndarray]:
        if wait:
            together.wait()
        traced = trace(model, picture(seed=seed))
        row = global_affinity(traced, 3, 1, (3, 5))
        local = local_affinity(traced, 1, 0, (3, 5))
        return [traced.logits.numpy(), row.signed_share, local.contribution]

    with ThreadPoolExecutor(2) as pool:
        threaded = list(pool.map(answer, range(6)))
    for seed, found in enumerate(threaded):
        for one, other in zip(found, answer(seed, wait=False), strict=True):
            np.testing.assert_array_equal(one, other)


def test_models_that_cannot_be_analysed_are_refused(tiny, picture):
    def refused(model, sentence, **settings):
        with pytest.raises(AnalysisError, match=sentence):
            trace(model, picture(), **settings)

    def spoil(model):
        model.backbone.blocks3[1].mlp.fc1.bias[0] = torch.nan

    refused(optimize_for_inference(tiny(edit=nn.Module.float)), "optimized model can only predict")
    refused(tiny(edit=nn.Module.train), "training mode")
    refused(tiny(edit=nn.Module.bfloat16), "half precision")
    refused(tiny(edit=spoil), "not finite")
    for short_side in (63, 2049, 64.0):
        refused(tiny(), "short side must be", short_side=short_side)


def test_blocks_that_do_not_exist_are_named_with_those_that_do(tiny, picture):
    traced = trace(tiny(), picture())
    for block in (4, -1):
        with pytest.raises(AnalysisError, match=f"no block {block} in stage 3.* 0 to 3"):
            global_affinity(traced, 3, block, (0, 0))
    for stage in (0, 5):
        with pytest.raises(AnalysisError, match=f"no stage {stage}"):
            in_degree(traced, stage, 0)
        with pytest.raises(AnalysisError, match=f"no stage {stage}"):
            traced.grid(stage)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.backbone.blocks3[0].register_forward_hook(print), "modules"),
        (lambda m: m.backbone.norm1.train(), "modules"),
        (lambda m: m.set_reach("window"), "modules"),
        (lambda m: m.requires_grad_(False), "parameters"),
        (lambda m: setattr(m.backbone.norm1.bias, "grad", torch.ones(16).double()), "parameters"),
        (lambda m: m.backbone.norm1.bias.data.add_(1), "norm1.bias"),
        (lambda m: m.backbone.blocks1[0].norm1.running_mean.add_(1), "running_mean"),
    ],
)
def test_the_check_at_the_end_of_every_test_sees_each_change(tiny, request, change, message):
    conftest = request.config.pluginmanager.getplugin(str(request.path.parent / "conftest.py"))
    model = deepcopy(tiny())
    before = conftest.state_of(model)
    change(model)
    with pytest.raises(AssertionError, match=message):
        conftest.assert_unchanged(model, before)
