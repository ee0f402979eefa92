from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch

from analysis import AnalysisError, local_affinity, position_affinity, trace

PLACES = [(7, 9), (0, 9), (0, 0), (15, 23), (14, 1)]
"""Interior, edge, two corners, one token from two edges of a map of 16 x 24 tokens."""


def encoded(traced, stage: int, index: int) -> torch.Tensor:
    """Return what the local branch of a block receives: its input with position encoding."""
    x = traced.block_inputs[stage - 1][index]
    return x + traced.block(stage, index).pos_embed(x)


def branch(block, x: torch.Tensor) -> torch.Tensor:
    return block.conv2(block.attn(block.conv1(block.norm1(x))))


@pytest.fixture
def traced(tiny, picture):
    return trace(tiny(), picture())


@pytest.mark.parametrize("token", PLACES)
def test_25_contributions_and_bias_sum_to_the_branch(traced, token):
    with torch.no_grad():
        wanted = branch(traced.block(1, 0), encoded(traced, 1, 0))[0, :, token[0], token[1]]
    found = local_affinity(traced, 1, 0, token)
    np.testing.assert_allclose(
        found.contribution.sum((0, 1)) + found.bias, wanted.numpy(), rtol=0, atol=1e-12
    )
    assert found.norm_share.sum() == pytest.approx(1)
    assert found.signed_share.sum() == pytest.approx(1)


@pytest.mark.parametrize("token", PLACES)
def test_each_contribution_is_what_its_neighbour_takes_along_when_removed(traced, token):
    block, (row, column) = traced.block(1, 0), token
    found = local_affinity(traced, 1, 0, token)
    with torch.no_grad():
        values = block.conv1(block.norm1(encoded(traced, 1, 0)))
        clean = block.conv2(block.attn(values))[0, :, row, column]
        for down, across in np.ndindex(5, 5):
            y, x = row + down - 2, column + across - 2
            inside = 0 <= y < 16 and 0 <= x < 24
            assert found.inside[down, across] == inside
            without = values.clone()
            if inside:
                without[..., y, x] = 0
            removed = clean - block.conv2(block.attn(without))[0, :, row, column]
            np.testing.assert_allclose(
                found.contribution[down, across], removed.numpy(), rtol=0, atol=1e-12
            )
    assert (found.contribution[~found.inside] == 0).all()


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_9_position_terms_and_bias_sum_to_the_encoding(traced, stage):
    x = traced.block_inputs[stage - 1][0]
    rows, columns = x.shape[-2:]
    for token in ((0, 0), (rows - 1, columns - 1), (rows // 2, columns // 2)):
        found = position_affinity(traced, stage, 0, token)
        with torch.no_grad():
            wanted = traced.block(stage, 0).pos_embed(x)[0, :, token[0], token[1]]
        total = found.contribution.sum((0, 1)) + found.bias
        np.testing.assert_allclose(total, wanted.numpy(), rtol=0, atol=1e-12)
        assert found.kernel.shape == (x.shape[1], 3, 3)
    left = x[0, :, rows // 2, columns // 2 - 1].numpy() * found.kernel[:, 1, 0]
    np.testing.assert_allclose(found.contribution[1, 0], left, rtol=0, atol=1e-12)


def test_kernel_of_a_single_tap_gives_a_single_share(tiny, picture):
    def single_tap(model):
        for layer in (model.backbone.blocks1[0].attn, model.backbone.blocks1[0].pos_embed):
            layer.weight.zero_()
            layer.weight[:, :, layer.padding[0], layer.padding[0] - 1] = 1

    traced = trace(tiny(edit=single_tap), picture())
    for found, center in ((local_affinity, 2), (position_affinity, 1)):
        shares = found(traced, 1, 0, (5, 5))
        wanted = np.zeros((2 * center + 1, 2 * center + 1))
        wanted[center, center - 1] = 1
        np.testing.assert_allclose(shares.norm_share, wanted, atol=1e-15)
        np.testing.assert_allclose(shares.signed_share, wanted, atol=1e-15)
        # At the left border that neighbour is outside: nothing is contributed at all.
        assert (found(traced, 1, 0, (5, 0)).norm_share == 0).all()
        assert (found(traced, 1, 0, (5, 0)).signed_share == 0).all()


@pytest.mark.parametrize("stage", [1, 2])
def test_dense_norm_is_that_of_the_branchs_jacobian(traced, stage):
    block = traced.block(stage, 0)
    x = encoded(traced, stage, 0).detach()[..., :5, :5]
    jacobian = torch.autograd.functional.jacobian(lambda u: branch(block, u)[0, :, 2, 2], x)
    wanted = jacobian[:, 0].square().sum((0, 1)).sqrt().numpy()
    np.testing.assert_allclose(
        local_affinity(traced, stage, 0, (3, 4)).dense_norm, wanted, rtol=1e-10
    )
    jacobian = torch.autograd.functional.jacobian(lambda u: block.pos_embed(u)[0, :, 2, 2], x)
    wanted = jacobian[:, 0].square().sum((0, 1)).sqrt().numpy()[1:4, 1:4]
    np.testing.assert_allclose(
        position_affinity(traced, stage, 0, (3, 4)).dense_norm, wanted, rtol=1e-10
    )


def test_encoding_and_branch_together_see_7_x_7_tokens(traced):
    block, x = traced.block(1, 0), traced.block_inputs[0][0].clone().requires_grad_()
    at = branch(block, x + block.pos_embed(x))[0, :, 7, 9]
    (gradient,) = torch.autograd.grad(at.square().sum(), x)
    rows, columns = np.nonzero(gradient[0].abs().sum(0).numpy())
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 10, 6, 12)
    assert len(rows) == 49


def test_kernel_is_the_same_for_every_picture_and_contributions_are_not(tiny, picture):
    model = tiny()
    one, other = (local_affinity(trace(model, picture(seed=seed)), 2, 0, (3, 4)) for seed in (0, 1))
    np.testing.assert_array_equal(one.kernel, other.kernel)
    np.testing.assert_array_equal(one.dense_norm, other.dense_norm)
    assert np.abs(one.contribution - other.contribution).max() > 1e-3
    assert one.kernel.shape == (32, 5, 5)


def test_training_mode_set_later_neither_changes_the_answer_nor_the_statistics(tiny, picture):
    model = deepcopy(tiny())
    traced = trace(model, picture())
    before = local_affinity(traced, 1, 0, (3, 3))
    statistics = model.backbone.blocks1[0].norm1.running_mean.clone()
    model.train()
    np.testing.assert_array_equal(
        before.contribution, local_affinity(traced, 1, 0, (3, 3)).contribution
    )
    assert torch.equal(model.backbone.blocks1[0].norm1.running_mean, statistics)


def test_results_do_not_change_with_the_weights(tiny, picture):
    model = deepcopy(tiny())
    found = local_affinity(trace(model, picture()), 1, 0, (3, 3))
    kernel, bias = found.kernel.copy(), found.bias.copy()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(found.kernel, kernel)
    np.testing.assert_array_equal(found.bias, bias)


def test_global_blocks_and_tokens_outside_are_refused(traced):
    with pytest.raises(AnalysisError, match="stage 3 is global"):
        local_affinity(traced, 3, 0, (0, 0))
    for found in (local_affinity, position_affinity):
        with pytest.raises(AnalysisError, match="16 x 24 tokens"):
            found(traced, 1, 0, (16, 0))
