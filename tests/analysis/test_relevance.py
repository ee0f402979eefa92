"""Relevance against gradients by autograd, and what its rule must keep."""

import importlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from analysis import AnalysisError, trace
from analysis.core.forward import Place, forward
from analysis.core.regions import pixel_region
from analysis.core.targets import RegionScore
from analysis.rollout.flow import along_attention, along_terms, unnormed_output
from analysis.rollout.flow_step import BranchGradients, through_block
from analysis.rollout.relevance import block_gradients, relevance
from uniformer.layers import to_map, to_tokens

REACHES = ["global", "hybrid", "window"]


def brushed(size=(64, 96)):
    region = np.zeros(size, dtype=bool)
    region[10:50, 30:80] = True
    return region


def random_map(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.manual_seed(seed))


def rows_scaled(edges):
    return edges / edges.sum(-1, keepdim=True)


def test_edges_of_attention_are_affinity_times_its_gradient(tiny, picture):
    traced = trace(tiny(), picture())
    layers, x = traced.block(3, 1), traced.block_inputs[2][1]
    gradient = random_map(1, 64, 4, 6)
    query, key, value = layers.attn.project(layers.norm1(to_tokens(x + layers.pos_embed(x))))
    affinity = layers.attn.affinity(query, key).detach().requires_grad_()
    added = to_map(layers.attn.merge(affinity @ value), 4, 6)
    (by_affinity,) = torch.autograd.grad(added, affinity, gradient)
    edges = (affinity * by_affinity).clamp_min(0).mean(1)[0].detach()
    amount = random_map(4, 6, seed=1).abs()
    gradients = BranchGradients(gradient, torch.zeros_like(x))
    step = through_block(traced, 3, 1, amount, fixed_share=1.0, gradients=gradients)
    expected = amount.flatten() @ (edges / edges.sum(-1, keepdim=True))
    torch.testing.assert_close(step.flow.flatten(), expected)


def terms_by_autograd(kernel, values, output):
    """Kernel times gradient, position by position, and what ``output`` makes of the products."""
    channels, side, _ = kernel.shape
    everywhere = kernel.flatten(1)[..., None].expand(-1, -1, values[0].numel()).detach().clone()
    neighbours = F.unfold(values[None], side, padding=side // 2)[0].unflatten(0, (channels, -1))
    everywhere.requires_grad_()
    score = output((everywhere * neighbours).sum(1).view_as(values))
    (by_kernel,) = torch.autograd.grad(score, everywhere)
    return (everywhere * by_kernel).clamp_min(0).mean(0).view(-1, *values.shape[1:]).detach()


def test_terms_of_convolutions_are_kernel_times_its_gradient(tiny, picture):
    traced = trace(tiny(), picture())
    layers, x = traced.block(2, 0), traced.block_inputs[1][0]
    amount, gradient = random_map(8, 12, seed=1).abs(), random_map(*x.shape)
    nothing = torch.zeros_like(gradient)
    values = layers.conv1(layers.norm1(x + layers.pos_embed(x)))[0].detach()
    affinity = terms_by_autograd(
        layers.attn.weight[:, 0], values, lambda mixed: (layers.conv2(mixed[None]) * gradient).sum()
    )
    encoding = terms_by_autograd(
        layers.pos_embed.weight[:, 0], x[0], lambda added: (added * gradient[0]).sum()
    )
    for expected, gradients in (
        (affinity, BranchGradients(gradient, nothing)),
        (encoding, BranchGradients(nothing, gradient)),
    ):
        step = through_block(traced, 2, 0, amount, fixed_share=1.0, gradients=gradients)
        torch.testing.assert_close(step.flow, along_terms(expected, amount))


@pytest.mark.parametrize("reach", REACHES)
def test_gradients_are_those_of_the_whole_network(tiny, picture, reach, monkeypatch):
    traced = trace(tiny(reach), picture(70, 99), short_side=70)
    target = RegionScore(traced.model, brushed((70, 99)), 1)
    module, found = importlib.import_module("analysis.rollout.relevance"), {}

    def record(trace, stage, block, gradient):
        branches, by_x = block_gradients(trace, stage, block, gradient)
        found[stage, block] = by_x
        return branches, by_x

    monkeypatch.setattr(module, "block_gradients", record)
    relevance(traced, target)
    assert len(found) == 7
    for (stage, block), by_x in found.items():
        x = traced.block_inputs[stage - 1][block].clone().requires_grad_()
        outputs = forward(traced.model, x, traced.windows, Place(stage, block))[1]
        score = target.of_logits(
            traced.model.decode([*traced.stage_outputs[: stage - 1], *outputs])
        )
        torch.testing.assert_close(by_x, torch.autograd.grad(score.sum(), x)[0])


@pytest.mark.parametrize("place", [(1, 0), (3, 0), (3, 3), (4, 0)])
def test_without_a_gradient_relevance_stays_where_it_is(tiny, picture, place):
    traced = trace(tiny("hybrid"), picture())
    x = traced.block_inputs[place[0] - 1][place[1]]
    nothing = BranchGradients(torch.zeros_like(x), torch.zeros_like(x))
    amount = random_map(*x.shape[-2:]).abs()
    step = through_block(traced, *place, amount, gradients=nothing)
    torch.testing.assert_close(step.flow, amount)
    assert abs(step.lost_mass) < 1e-12


@pytest.mark.parametrize("window", [None, 3])
def test_where_every_edge_has_the_same_gradient_it_moves_as_rollout_does(tiny, picture, window):
    def constant_values(model):
        model.backbone.blocks3[0].attn.qkv.weight[128:] = 0
        model.backbone.blocks3[0].attn.qkv.bias[128:] = 1

    traced = trace(tiny(edit=constant_values), picture())
    layers, stream = traced.block(3, 0), traced.block_inputs[2][0]
    amount = random_map(4, 6).abs()
    with torch.no_grad():
        same = along_attention(layers, stream, window, amount, torch.ones_like(stream))
        torch.testing.assert_close(same, along_attention(layers, stream, window, amount))


@pytest.mark.parametrize("place", [(1, 0), (3, 1)])
def test_the_step_does_not_depend_on_the_scale_of_the_score(tiny, picture, place):
    traced = trace(tiny(), picture())
    x = traced.block_inputs[place[0] - 1][place[1]]
    amount = random_map(*x.shape[-2:]).abs()
    one, thousandth = (
        through_block(
            traced,
            *place,
            amount,
            gradients=BranchGradients(scale * torch.ones_like(x).cumsum(1), scale * x),
        ).flow
        for scale in (1, 1e-3)
    )
    torch.testing.assert_close(one, thousandth)
    assert not torch.allclose(one, amount)


def test_the_published_sum_adds_next_to_nothing_where_the_score_is_a_mean(tiny, picture):
    """Why rows are scaled: r + r E is of second order in the score beside r of first order."""
    traced = trace(tiny(), picture())
    layers, x = traced.block(3, 0), traced.block_inputs[2][0]
    target = RegionScore(traced.model, brushed(), 1)
    outputs = [kept.clone().requires_grad_() for kept in traced.stage_outputs]
    score = target.of_logits(traced.model.decode(outputs)).sum()
    gradient = torch.autograd.grad(score, outputs)[2]
    with torch.no_grad():
        query, key, value = layers.attn.project(layers.norm1(to_tokens(x)))
        by_head = (to_tokens(gradient) @ layers.attn.proj.weight).unflatten(2, (4, 16))
        by_affinity = by_head.transpose(1, 2) @ value.transpose(-2, -1)
        edges = (layers.attn.affinity(query, key) * by_affinity).clamp_min(0).mean(1)[0]
    assert 0 < edges.sum(-1).max() < 0.05


@pytest.mark.parametrize("reach", REACHES)
def test_relevance_on_the_pixels_and_lost_to_padding_sums_to_all_seeds(tiny, picture, reach):
    traced = trace(tiny(reach), picture(70, 99), short_side=70)
    target = RegionScore(traced.model, brushed((70, 99)), 1)
    found = relevance(traced, target)
    total = sum(seed.sum() for seed in found.seeds)
    assert found.pixels.sum() + found.lost_relevance == pytest.approx(total, rel=1e-12)
    assert (found.lost_relevance > 1e-9 * total) == (reach != "global")
    assert found.pixels.min() >= 0
    assert found.score == pytest.approx(target.of_logits(traced.logits).item())
    assert [len(maps) for maps in found.maps] == [1, 1, 4, 1]
    for stage in (1, 2, 3):
        seeds = sum(seed.sum() for seed in found.seeds[stage - 1 :])
        mass = found.maps[stage - 1][-1].sum()
        lost = found.lost_relevance if stage < 3 else seeds - mass
        assert mass + lost == pytest.approx(seeds, rel=1e-12)


def test_value_times_gradient_is_zero_before_the_norm_of_stage_4_and_not_after(tiny, picture):
    """Scaling what a LayerNorm receives changes nothing, so no seed may be taken there."""
    traced = trace(tiny(), picture())
    target = RegionScore(traced.model, brushed(), 1)
    x = unnormed_output(traced, 4).clone().requires_grad_()
    normed = traced.model.backbone.norm4(x)
    outputs = [*traced.stage_outputs[:3], normed]
    score = target.of_logits(traced.model.decode(outputs)).sum()
    sizes = []
    for values, gradient in zip((x, normed), torch.autograd.grad(score, (x, normed)), strict=True):
        product = values * gradient
        sizes.append((product.sum(1).abs().max() / product.abs().sum(1).max()).item())
    assert sizes[0] < 1e-5
    assert sizes[1] > 1e-2


def test_answers_are_for_the_reach_traced_and_the_same_in_every_thread(tiny, picture):
    model = tiny("hybrid")
    traced = trace(model, picture())
    target = RegionScore(model, brushed(), 2)
    alone = relevance(traced, target).pixels
    model.set_reach("window", 2)
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda _: relevance(traced, target).pixels, range(4)):
            np.testing.assert_array_equal(found, alone)
    model.set_reach("hybrid", 3)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_works_where_gradients_are_switched_off(tiny, picture, mode):
    model = tiny()
    target = RegionScore(model, brushed(), 2)
    wanted = relevance(trace(model, picture()), target).pixels
    with mode():
        found = relevance(trace(model, picture()), target).pixels
    np.testing.assert_array_equal(found, wanted)


def test_questions_without_an_answer_are_refused_in_one_sentence(tiny, picture):
    model = tiny()
    traced = trace(model, picture())
    with pytest.raises(AnalysisError, match="another model or picture"):
        relevance(traced, RegionScore(tiny(), brushed(), 1))
    with pytest.raises(AnalysisError, match="another model or picture"):
        relevance(traced, RegionScore(model, pixel_region((64, 95), 0, 0), 1))
    mute = tiny(edit=lambda m: m.decode_head.conv_seg.weight.zero_())
    with pytest.raises(AnalysisError, match="Nothing in the picture speaks for"):
        relevance(trace(mute, picture()), RegionScore(mute, brushed(), 1))


def test_rows_without_terms_keep_what_they_have():
    amount = random_map(4, 5).abs()
    sizes = random_map(9, 4, 5).abs()
    sizes[:, 2, 3] = 0
    sizes = sizes * F.unfold(torch.ones(1, 1, 4, 5).double(), 3, padding=1).view(9, 4, 5)
    moved = along_terms(sizes, amount)
    assert moved.sum().item() == pytest.approx(amount.sum().item(), rel=1e-12)
    assert moved[2, 3] >= amount[2, 3]
