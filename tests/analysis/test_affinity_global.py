from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis import AnalysisError, global_affinity, trace
from uniformer.attention import to_windows
from uniformer.layers import to_tokens

TOKENS = [(0, 0), (2, 3), (3, 5), (3, 0)]
"""Of a map of 4 x 6 tokens."""


def read(traced, stage: int, index: int) -> torch.Tensor:
    """Return the normed tokens (1, N, C) that the attention of a block reads."""
    block, x = traced.block(stage, index), traced.block_inputs[stage - 1][index]
    return block.norm1(to_tokens(x + block.pos_embed(x)))


def by_hand(traced, stage: int, index: int, token, size: int | None):
    """Return weights (heads, keys), contributions (heads, keys, C), and each key's place.

    They come from the module's own projection and full softmax, window by window; the place of
    padding is outside the map.
    """
    attention = traced.block(stage, index).attn
    rows, columns = traced.grid(stage).shape
    with torch.no_grad():
        grid = read(traced, stage, index).unflatten(1, (rows, columns))
        height, width = (rows, columns) if size is None else (size, size)
        if size is None:
            windows, across = grid.flatten(1, 2), 1
        else:
            windows, across = to_windows(grid, size)[0], -(-columns // size)
        query, key, value = attention.project(windows)
        weight = attention.affinity(query, key)
        number = token[0] // height * across + token[1] // width
        local = token[0] % height * width + token[1] % width
        weight, value = weight[number, :, local], value[number]
        mixes = attention.proj.weight.chunk(attention.heads, dim=1)
        contributions = torch.stack(
            [weight[n][:, None] * (value[n] @ mix.T) for n, mix in enumerate(mixes)]
        )
    origin = np.array(token) // (height, width) * (height, width)
    places = [tuple(origin + place) for place in np.ndindex(height, width)]
    return weight.numpy(), contributions.numpy(), places


WINDOWED = [("window", size, 3, 2) for size in (1, 2, 3, 5, 14)]
CASES = [("global", 3, 3, 0), ("global", 3, 4, 0), ("hybrid", 3, 3, 1), ("hybrid", 3, 3, 3)]


@pytest.mark.parametrize(("reach", "size", "stage", "index"), CASES + WINDOWED)
def test_row_is_that_of_the_full_softmax_put_back_on_the_map(
    tiny, picture, reach, size, stage, index
):
    traced = trace(tiny(reach, size), picture())
    rows, columns = traced.grid(stage).shape
    for token in TOKENS if stage == 3 else [(0, 0), (1, 2)]:
        window = traced.windows[stage - 1][index]
        assert window == (None if reach == "global" or stage == 4 or index == 3 else size)
        weight, contribution, places = by_hand(traced, stage, index, token, window)
        total = contribution.sum((0, 1))
        wanted = {name: np.zeros((4, rows, columns)) for name in ("weight", "norm", "share")}
        padding = {name: np.zeros(4) for name in wanted}
        for key, (y, x) in enumerate(places):
            terms = {
                "weight": weight[:, key],
                "norm": np.linalg.norm(contribution[:, key], axis=-1),
                "share": contribution[:, key] @ total / (total @ total),
            }
            for name, term in terms.items():
                if y < rows and x < columns:
                    wanted[name][:, y, x] = term
                else:
                    padding[name] += term
        found = global_affinity(traced, stage, index, token)
        for name, canvas, left_over in (
            ("weight", found.weight, found.padding_mass),
            ("norm", found.contribution_norm, found.padding_contribution_norm),
            ("share", found.signed_share, found.padding_signed_share),
        ):
            np.testing.assert_allclose(canvas, wanted[name], rtol=0, atol=1e-10, err_msg=name)
            np.testing.assert_allclose(left_over, padding[name], rtol=0, atol=1e-10, err_msg=name)
        np.testing.assert_allclose(found.weight.sum((1, 2)) + found.padding_mass, 1, atol=1e-12)
        assert found.signed_share.sum() + found.padding_signed_share.sum() == pytest.approx(1)


@pytest.mark.parametrize("reach", ["global", "hybrid", "window"])
def test_heads_and_bias_sum_to_the_modules_own_output(tiny, picture, reach):
    model = tiny(reach)
    traced = trace(model, picture())
    for stage, blocks in ((3, 4), (4, 1)):
        rows, columns = traced.grid(stage).shape
        for index in range(blocks):
            with torch.no_grad():
                tokens = read(traced, stage, index)
                output = traced.block(stage, index).attend(tokens, rows, columns)[0]
            for token in np.ndindex(rows, columns):
                found = global_affinity(traced, stage, index, token)
                wanted = output[token[0] * columns + token[1]].numpy()
                total = found.head_output.sum(0) + found.bias
                np.testing.assert_allclose(total, wanted, rtol=0, atol=1e-11)


def test_window_row_reports_its_box_and_the_mass_on_padding(tiny, picture):
    found = global_affinity(trace(tiny("window", 5), picture()), 3, 0, (2, 5))
    window = found.window
    assert (window.top, window.left, window.rows, window.columns) == (0, 5, 4, 1)
    assert window.padding_tokens == 21
    assert (found.weight[:, :, :5] == 0).all()
    assert (found.weight[:, :, 5] > 0).all()
    assert (found.padding_mass > 0).all()


@pytest.mark.parametrize(("reach", "padding"), [("global", 0), ("window", 5 / 25)])
def test_zero_query_attends_uniformly_to_map_or_window_and_padding(
    tiny, picture, silent_queries, reach, padding
):
    found = global_affinity(trace(tiny(reach, 5, edit=silent_queries), picture()), 3, 0, (1, 1))
    inside = found.weight_over_uniform[found.weight > 0]
    np.testing.assert_allclose(inside, 1, rtol=1e-12)
    np.testing.assert_allclose(found.padding_mass, padding, atol=1e-12)
    assert len(inside) == 4 * found.window.real_tokens


def test_large_query_attends_to_one_key_alone(tiny, picture):
    def loud(model):
        model.backbone.blocks3[0].attn.qkv.weight[:64] *= 1e5

    weight = global_affinity(trace(tiny(edit=loud), picture()), 3, 0, (1, 1)).weight
    np.testing.assert_allclose(np.sort(weight.reshape(4, -1)), [[0] * 23 + [1]] * 4, atol=1e-9)


def test_permuting_tokens_permutes_the_row(tiny, picture):
    def without_positions(model):
        model.backbone.blocks3[0].pos_embed.weight.zero_()

    traced = trace(tiny(edit=without_positions), picture())
    order = np.random.default_rng(0).permutation(24)
    (first, *rest), inputs = traced.block_inputs[2], traced.block_inputs
    shuffled = first.flatten(2)[..., order].unflatten(2, (4, 6))
    permuted = replace(traced, block_inputs=(*inputs[:2], (shuffled, *rest), inputs[3]))
    token = 9
    wanted = global_affinity(traced, 3, 0, divmod(int(order[token]), 6))
    found = global_affinity(permuted, 3, 0, divmod(token, 6))
    for name in ("weight", "contribution_norm", "signed_share"):
        one, other = (getattr(row, name).reshape(4, -1) for row in (found, wanted))
        np.testing.assert_allclose(one, other[:, order], rtol=0, atol=1e-12)


def test_window_of_the_whole_map_is_global(tiny, picture):
    image = picture(64, 64)
    whole, window = (trace(tiny(*reach), image) for reach in (("global",), ("window", 4)))
    for index in range(4):
        one, other = (global_affinity(traced, 3, index, (1, 3)) for traced in (whole, window))
        assert one.window == other.window
        np.testing.assert_allclose(one.weight, other.weight, rtol=0, atol=1e-10)
        np.testing.assert_allclose(one.signed_share, other.signed_share, rtol=0, atol=1e-10)


def test_branch_that_writes_only_its_bias_has_no_shares(tiny, picture):
    def mute(model):
        model.backbone.blocks3[0].attn.proj.weight.zero_()

    found = global_affinity(trace(tiny(edit=mute), picture()), 3, 0, (1, 1))
    assert (found.signed_share == 0).all()
    assert (found.contribution_norm == 0).all()


def test_float32_rows_agree_with_float64_ones(tiny, picture):
    model = tiny("hybrid")
    single = deepcopy(model).float()
    for stage, index in ((3, 1), (3, 3), (4, 0)):
        one = global_affinity(trace(model, picture()), stage, index, (1, 1))
        other = global_affinity(trace(single, picture()), stage, index, (1, 1))
        assert other.weight.dtype == np.float32
        np.testing.assert_allclose(other.weight, one.weight, rtol=0, atol=1e-4)
        np.testing.assert_allclose(other.contribution_norm, one.contribution_norm, atol=1e-4)


def test_local_blocks_and_tokens_outside_are_refused(tiny, picture):
    traced = trace(tiny(), picture())
    with pytest.raises(AnalysisError, match="stage 1 is local"):
        global_affinity(traced, 1, 0, (0, 0))
    with pytest.raises(AnalysisError, match="4 x 6 tokens"):
        global_affinity(traced, 3, 0, (0, 6))
