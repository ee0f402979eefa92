"""Interventions: what is not changed stays equal bit for bit, what is changed is as described."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from analysis import AnalysisError, trace
from analysis.core.forward import Patch, Place, run_block
from analysis.interventions import (
    DropBlock,
    HeadGate,
    HideRegion,
    LocalKernel,
    Neighbourhood,
    PatchTokens,
    PositionEncoding,
    SetWindow,
    WithoutKeys,
    intervene,
)
from analysis.interventions.run import Composite
from uniformer.preprocess import preprocess

TOKENS = np.zeros((4, 6), dtype=bool)
TOKENS[1:3, 2:4] = True
CORNER = np.zeros((64, 96), dtype=bool)
CORNER[3:20, 40:70] = True

EVERY_KIND = [
    SetWindow(3, None, 4, padded=True),
    SetWindow(3, 1, 2),
    Neighbourhood(4, None, 1),
    WithoutKeys(3, None, TOKENS),
    HeadGate(3, 2, 1, 0.5),
    HeadGate(4, 0, None, fill="mean"),
    PositionEncoding(1, None, "off"),
    PositionEncoding(3, 0, "mean"),
    PositionEncoding(2, None, "off", noise_seed=1),
    LocalKernel(1, None, "centre"),
    LocalKernel(2, None, "mean"),
    LocalKernel(2, 0, "shuffled"),
    DropBlock(3, 3),
    HideRegion(CORNER),
]


@pytest.fixture
def tokens_of(picture):
    """Return a function that traces a second picture."""

    def patch(model, stage, block, tokens, seed=1):
        return PatchTokens(stage, block, tokens, trace(model, picture(seed=seed)))

    return patch


@pytest.mark.parametrize("change", EVERY_KIND[:-1], ids=lambda change: change.describe())
def test_a_change_is_made_before_or_after_another_of_its_block(tiny, picture, tokens_of, change):
    model = tiny()
    traced = trace(model, picture())
    for one in (change, tokens_of(model, 3, 0, TOKENS)):
        place = one.places(traced)[0]
        patch = one.at(place)
        block, x = traced.block(*place), traced.block_inputs[place.stage - 1][place.block]
        window = traced.windows[place.stage - 1][place.block]
        with torch.no_grad():
            alone = run_block(block, x, window, patch)
            assert not torch.equal(alone, run_block(block, x, window))
            for both in ((Patch(), patch), (patch, Patch())):
                assert torch.equal(run_block(block, x, window, Composite(both)), alone)


@pytest.mark.parametrize("reach", ["global", "hybrid"])
@pytest.mark.parametrize("edit", [lambda model: None, nn.Module.float])
def test_what_changes_nothing_is_the_clean_pass_bit_for_bit(tiny, picture, reach, edit):
    traced = trace(tiny(reach, edit=edit), picture())
    itself = [PatchTokens(stage, None, np.ones(s, bool), traced) for stage, s in
              ((1, (16, 24)), (3, (4, 6)))]  # fmt: skip
    for stage in (3, 4):
        for fill in ("zero", "mean"):
            itself.append(HeadGate(stage, None, None, 1.0, fill))
    for intervention in itself:
        assert torch.equal(intervene(traced, [intervention]), traced.logits)
    assert torch.equal(intervene(traced, itself), traced.logits)


@pytest.mark.parametrize("edit", [lambda model: None, nn.Module.float])
def test_a_mask_that_forbids_nothing_changes_nothing(tiny, picture, edit):
    traced = trace(tiny(edit=edit), picture())
    everything = [Neighbourhood(3, None, 5), Neighbourhood(4, None, 5), SetWindow(3, None, 6)]
    atol = 1e-11 if traced.logits.dtype == torch.float64 else 2e-5
    torch.testing.assert_close(intervene(traced, everything), traced.logits, rtol=0, atol=atol)


def test_a_pass_after_interventions_of_every_kind_is_the_pass_before(tiny, picture, tokens_of):
    model, image = tiny("hybrid"), picture()
    before = trace(model, image)
    kinds = [*EVERY_KIND, tokens_of(model, 2, 0, np.ones((8, 12), bool))]
    found = [intervene(before, [kind], image) for kind in kinds]
    for logits in found:
        assert logits.isfinite().all()
        assert not torch.allclose(logits, before.logits)
    assert torch.equal(trace(model, image).logits, before.logits)
    for kind, logits in zip(kinds, found, strict=True):
        assert torch.equal(intervene(before, [kind], image), logits)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_padded_windows_are_those_of_the_model(tiny, picture, size):
    model, image = tiny(), picture()
    traced = trace(model, image)
    switched = deepcopy(model)
    switched.set_reach("window", size)
    wanted = trace(switched, image).logits
    found = intervene(traced, [SetWindow(3, None, size, padded=True)])
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-11)
    windowed = trace(switched, image)
    back = intervene(windowed, [SetWindow(3, None, None)])
    torch.testing.assert_close(back, traced.logits, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("size", "equal"), [(2, True), (3, False), (4, False)])
def test_masked_windows_are_padded_ones_only_where_they_fill_the_map(tiny, picture, size, equal):
    traced = trace(tiny(), picture())
    padded, masked = (
        intervene(traced, [SetWindow(3, None, size, padded=padded)]) for padded in (True, False)
    )
    assert torch.allclose(padded, masked, rtol=0, atol=1e-10) == equal


def test_the_pass_is_resumed_at_the_earliest_block_that_changes(tiny, picture):
    traced = trace(tiny(), picture())
    changes = [HeadGate(4, 0, 1), HeadGate(3, 2, 1)]
    lost = [[torch.full_like(x, torch.nan) for x in inputs] for inputs in traced.block_inputs]
    lost[2][2] = traced.block_inputs[2][2]
    found = intervene(replace(traced, block_inputs=lost), changes)
    assert torch.equal(found, intervene(traced, changes))
    assert found.isfinite().all()


def test_a_dropped_block_is_a_model_without_it(tiny, picture):
    model, image = tiny(), picture()
    without = deepcopy(model)
    for stage, block in ((1, 0), (3, 1), (3, 3)):
        without.backbone.stage(stage)[1][block] = nn.Identity()
    found = intervene(trace(model, image), [DropBlock(1, 0), DropBlock(3, 1), DropBlock(3, 3)])
    with torch.no_grad():
        wanted = without(preprocess(image, 64).double())
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_position_encoding_off_is_a_model_whose_encoding_is_zero(tiny, picture, stage):
    model, image = tiny(), picture()
    without = deepcopy(model)
    for block in without.backbone.stage(stage)[1]:
        nn.init.zeros_(block.pos_embed.weight)
        nn.init.zeros_(block.pos_embed.bias)
    found = intervene(trace(model, image), [PositionEncoding(stage, None, "off")])
    torch.testing.assert_close(found, trace(without, image).logits, rtol=0, atol=1e-10)


def test_frozen_encoding_keeps_the_mean_and_noise_the_length_of_every_token(tiny, picture):
    traced = trace(tiny(), picture())
    encoding = traced.block(3, 1).pos_embed(traced.block_inputs[2][1]).detach()
    frozen = PositionEncoding(3, 1, "mean").position(encoding)
    torch.testing.assert_close(frozen.mean((2, 3)), encoding.mean((2, 3)))
    assert torch.equal(frozen, frozen[..., :1, :1].expand_as(frozen))
    for form, change in (("off", -encoding), ("mean", frozen - encoding)):
        noise, same, other = (
            PositionEncoding(3, block, form, noise_seed=5).position(encoding) - encoding
            for block in (1, 1, 0)
        )
        torch.testing.assert_close(noise.norm(dim=1), change.norm(dim=1))
        assert torch.equal(noise, same)
        assert not torch.allclose(noise, other)


def test_the_centre_tap_alone_makes_the_local_branch_pointwise(tiny, picture):
    traced = trace(tiny(), picture())
    block, x = traced.block(1, 0), traced.block_inputs[0][0]
    with torch.no_grad():
        found = run_block(block, x, None, LocalKernel(1, 0, "centre"))
        x = x + block.pos_embed(x)
        tap = block.attn.weight[None, :, 0, 2, 2, None, None]
        values = block.conv1(block.norm1(x)) * tap + block.attn.bias[None, :, None, None]
        x = x + block.conv2(values)
        wanted = x + block.mlp(block.norm2(x))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def test_kernels_that_are_already_so_stay_so(tiny, picture):
    def delta(model):
        for kernel in (block.attn.weight for block in model.backbone.blocks1):
            kernel[..., :2, :] = kernel[..., 3:, :] = kernel[..., :2] = kernel[..., 3:] = 0

    def box(model):
        for kernel in (block.attn.weight for block in model.backbone.blocks1):
            kernel[:] = kernel[..., :1, :1]

    for form, edit in (("centre", delta), ("mean", box), ("shuffled", box)):
        traced = trace(tiny(edit=edit), picture())
        found = intervene(traced, [LocalKernel(1, None, form)])
        torch.testing.assert_close(found, traced.logits, rtol=0, atol=1e-12)


def test_shuffled_taps_are_the_same_numbers_in_the_same_order_in_every_channel(tiny, picture):
    kernel = torch.arange(50.0).reshape(2, 1, 5, 5)
    shuffled = LocalKernel(1, 0, "shuffled", seed=3).kernel(kernel)
    assert not torch.equal(shuffled, kernel)
    assert torch.equal(shuffled.flatten(2).sort()[0], kernel.flatten(2))
    assert torch.equal(shuffled[1] - shuffled[0], kernel[1] - kernel[0])


def test_patching_all_tokens_gives_the_other_pictures_answer(tiny, picture, tokens_of):
    model = tiny()
    traced = trace(model, picture())
    everything = tokens_of(model, 1, 0, np.ones((16, 24), dtype=bool))
    assert torch.equal(intervene(traced, [everything]), everything.source.logits)


def test_patched_tokens_are_those_of_the_other_picture_and_no_others(tiny, picture, tokens_of):
    model = tiny()
    traced = trace(model, picture())
    patch = tokens_of(model, 3, 1, TOKENS)
    here, there = (each.block_inputs[2][1] for each in (traced, patch.source))
    found = patch.received(here)
    chosen = torch.from_numpy(TOKENS)
    assert torch.equal(found[..., chosen], there[..., chosen])
    assert torch.equal(found[..., ~chosen], here[..., ~chosen])


def test_interventions_that_cannot_be_made_are_refused_in_one_sentence(tiny, picture, tokens_of):
    model, image = tiny(), picture()
    traced = trace(model, image)

    def refused(words, make, given=None):
        with pytest.raises(AnalysisError, match=words) as error:
            intervene(traced, [make()], given)
        assert str(error.value).count(". ") == 0

    with pytest.raises(AnalysisError, match="at least one intervention"):
        intervene(traced, [])
    refused("no stage 5", lambda: DropBlock(5, 0))
    refused("no block 4 in stage 3", lambda: DropBlock(3, 4))
    refused("no block -1", lambda: HeadGate(3, -1, 0))
    refused("no head 4 in stage 3", lambda: HeadGate(3, 0, 4))
    refused("gate must be", lambda: HeadGate(3, 0, 0, 1.5))
    refused("filled with zero or mean", lambda: HeadGate(3, 0, 0, fill="one"))
    refused("stage 1 is not one", lambda: Neighbourhood(1, None, 1))
    refused("stage 3 is not one", lambda: LocalKernel(3, None, "centre"))
    refused("radius must be", lambda: Neighbourhood(3, None, -1))
    refused("dilation must be", lambda: Neighbourhood(3, None, 1, dilation=0))
    refused("window must be", lambda: SetWindow(3, None, 0))
    refused("Only masked windows", lambda: SetWindow(3, None, 2, padded=True, offset=(1, 0)))
    refused("4 x 6", lambda: WithoutKeys(3, None, np.ones((6, 4), dtype=bool)))
    refused("at least one", lambda: WithoutKeys(3, None, np.zeros((4, 6), dtype=bool)))
    refused("position encoding can be", lambda: PositionEncoding(3, None, "noise"))
    refused("kernel can be", lambda: LocalKernel(1, None, "none"))
    refused("hidden by", lambda: HideRegion(CORNER, "black"))
    refused("empty", lambda: HideRegion(~np.ones((64, 96), dtype=bool)))
    refused("nothing is left", lambda: HideRegion(np.ones((64, 96), dtype=bool), "inpaint"))
    refused("give the picture", lambda: HideRegion(CORNER))
    refused("not the picture that was traced", lambda: HideRegion(CORNER), picture(seed=3))
    refused("not the picture that was traced", lambda: HideRegion(CORNER), picture(64, 64))
    refused("boolean array of 64 x 96", lambda: HideRegion(CORNER[:9]), image)
    refused("same model", lambda: tokens_of(deepcopy(model), 3, 0, TOKENS))
    other = trace(model, picture(96, 64))
    refused("crop one", lambda: PatchTokens(3, 0, TOKENS, other))


def test_a_model_put_in_training_mode_since_is_refused(tiny, picture):
    traced = trace(deepcopy(tiny()), picture())
    traced.model.train()
    with pytest.raises(AnalysisError, match="training mode"):
        intervene(traced, [DropBlock(3, 0)])


def test_a_change_that_is_none_runs_the_block_as_it_is(tiny, picture):
    traced = trace(tiny("hybrid"), picture())
    for stage, block in ((1, 0), (3, 0), (3, 3)):
        place = Place(stage, block)
        x, window = traced.block_inputs[stage - 1][block], traced.windows[stage - 1][block]
        with torch.no_grad():
            found = run_block(traced.block(*place), x, window, Patch())
            wanted = traced.block(*place)(x)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
