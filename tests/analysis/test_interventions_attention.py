"""Edges and heads: masked attention against the full matrix, written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis import trace
from analysis.core import forward
from analysis.core.forward import run_block
from analysis.interventions import HeadGate, Neighbourhood, SetWindow, WithoutKeys, intervene
from analysis.interventions.effect import effect_report
from analysis.interventions.run import Composite
from uniformer.attention import to_windows
from uniformer.layers import to_map, to_tokens

ROWS, COLUMNS = np.divmod(np.arange(24), 6)
TOKENS = np.zeros((4, 6), dtype=bool)
TOKENS[1:3, 2:5] = True


def finished(block, x, gathered):
    """Return the block's output where ``gathered`` (1, L, C) is what its heads gather."""
    tokens = to_tokens(x + block.pos_embed(x)) + block.attn.proj(gathered)
    return to_map(tokens + block.mlp(block.norm2(tokens)), *x.shape[-2:])


def masked(block, x, allowed):
    """Return the block's output with an L x L mask, from the full softmax."""
    query, key, value = block.attn.project(block.norm1(to_tokens(x + block.pos_embed(x))))
    scores = (query @ key.mT) * block.attn.scale
    weight = scores.masked_fill(~torch.from_numpy(allowed), -torch.inf).softmax(-1)
    return finished(block, x, (weight.nan_to_num() @ value).transpose(1, 2).flatten(2))


def near(radius, down=0, across=0, dilation=1):
    rows, columns = (ROWS + down) % 4, (COLUMNS + across) % 6
    allowed = [dilation * step for step in range(-radius, radius + 1)]
    return np.isin(rows[:, None] - ROWS, allowed) & np.isin(columns[:, None] - COLUMNS, allowed)


def same_window(size, down=0, across=0):
    """What the token sees that is so far away, in windows that stay where they are."""
    seeing = (ROWS + down) % 4 // size * 10 + (COLUMNS + across) % 6 // size
    return seeing[:, None] == ROWS // size * 10 + COLUMNS // size


@pytest.mark.parametrize("chunk", [5, 256])
@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        (Neighbourhood(3, 1, 0), near(0)),
        (Neighbourhood(3, 1, 1), near(1)),
        (Neighbourhood(3, 1, 2), near(2)),
        (Neighbourhood(3, 1, 1, offset=(3, 2)), near(1, 3, 2)),
        (Neighbourhood(3, 1, 1, dilation=2), near(1, dilation=2)),
        (Neighbourhood(3, 1, 2, offset=(1, 0), dilation=2), near(2, 1, dilation=2)),
        (SetWindow(3, 1, 3), same_window(3)),
        (SetWindow(3, 1, 4, offset=(1, 3)), same_window(4, 1, 3)),
        (WithoutKeys(3, 1, TOKENS), np.broadcast_to(~TOKENS.ravel(), (24, 24))),
        (WithoutKeys(3, 1, np.ones((4, 6), dtype=bool)), np.zeros((24, 24), dtype=bool)),
    ],
)
def test_cut_edges_are_a_softmax_over_the_others(
    tiny, picture, monkeypatch, change, allowed, chunk
):
    monkeypatch.setattr(forward, "CHUNK", chunk)
    traced = trace(tiny(), picture())
    block, x = traced.block(3, 1), traced.block_inputs[2][1]
    with torch.no_grad():
        found, wanted = run_block(block, x, None, change), masked(block, x, allowed.copy())
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-11)


def test_cuts_made_together_leave_the_edges_that_each_leaves(tiny, picture):
    traced = trace(tiny(), picture())
    cuts = [Neighbourhood(3, 3, 1), SetWindow(3, 3, 3), WithoutKeys(3, 3, TOKENS)]
    seen = near(1) & same_window(3) & ~TOKENS.ravel()
    block, x = traced.block(3, 3), traced.block_inputs[2][3]
    with torch.no_grad():
        x = masked(block, x, seen)
        embed, blocks, norm4 = traced.model.backbone.stage(4)
        last = norm4(blocks[0](embed(x)))
        outputs = (*traced.stage_outputs[:2], traced.model.backbone.norm3(x), last)
        wanted = traced.model.decode(outputs)
    torch.testing.assert_close(intervene(traced, cuts), wanted, rtol=0, atol=1e-10)


def test_a_token_without_keys_gathers_nothing_beside_others_that_have_some(tiny, picture):
    traced = trace(tiny(), picture())
    block, x = traced.block(3, 1), traced.block_inputs[2][1]
    change = Composite((Neighbourhood(3, 1, 0), WithoutKeys(3, 1, TOKENS)))
    with torch.no_grad():
        found = run_block(block, x, None, change)
        wanted = masked(block, x, near(0) & ~TOKENS.ravel())
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-11)


def test_padding_of_published_windows_stays_where_edges_are_cut_within_them(tiny, picture):
    traced = trace(tiny("window", window_size=4), picture())
    block, x = traced.block(3, 1), traced.block_inputs[2][1]
    tokens = TOKENS.copy()
    tokens[1, 5] = True  # beside padding
    change = WithoutKeys(3, 1, tokens)
    with torch.no_grad():
        normed = block.norm1(to_tokens(x + block.pos_embed(x))).unflatten(1, (4, 6))
        windows = to_windows(normed, 4)[0]
        query, key, value = block.attn.project(windows)
        hidden = to_windows(torch.from_numpy(tokens)[None, ..., None].double(), 4)[0] == 1
        scores = (query @ key.mT) * block.attn.scale
        scores = scores.masked_fill(hidden.mT[:, None], -torch.inf)
        gathered = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        left, right = gathered.unflatten(1, (4, 4))
        joined = torch.cat([left, right[:, :2]], dim=1).flatten(0, 1)[None]
        wanted = finished(block, x, joined)
        found = run_block(block, x, 4, change)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-11)


def test_without_its_heads_the_branch_is_the_projections_bias(tiny, picture):
    traced = trace(tiny("hybrid"), picture())
    for number in (0, 3):
        block, x = traced.block(3, number), traced.block_inputs[2][number]
        with torch.no_grad():
            wanted = finished(block, x, torch.zeros(1, 24, 64).double())
            gates = [HeadGate(3, number, None), WithoutKeys(3, number, np.ones((4, 6), bool))]
            found = [run_block(block, x, None, gate) for gate in gates]
        for each in found:
            torch.testing.assert_close(each, wanted, rtol=0, atol=1e-12)


def test_a_gate_acts_on_its_head_only_and_the_mean_is_over_tokens():
    heads = torch.randn(1, 3, 24, 4).double()
    before = heads.clone()
    for gate in (0.0, 0.25):
        found = HeadGate(3, 0, 1, gate).heads(heads)
        torch.testing.assert_close(found[:, 1], gate * heads[:, 1])
        assert torch.equal(found[:, [0, 2]], heads[:, [0, 2]])
        found = HeadGate(3, 0, 1, gate, "mean").heads(heads)
        torch.testing.assert_close(found[:, 1].mean(1), heads[:, 1].mean(1))
        torch.testing.assert_close(
            found[:, 1], gate * heads[:, 1] + (1 - gate) * heads[:, 1].mean(1, keepdim=True)
        )
    assert torch.equal(heads, before)


def test_gates_in_one_block_are_all_closed(tiny, picture):
    traced = trace(tiny(), picture())
    one_by_one = intervene(traced, [HeadGate(3, 1, head) for head in range(4)])
    assert torch.equal(one_by_one, intervene(traced, [HeadGate(3, 1, None)]))


def test_the_one_head_that_does_anything_has_an_effect_and_none_to_compare_with(tiny, picture):
    def plant(model):
        for number, block in enumerate(model.backbone.blocks3):
            kept = block.attn.proj.weight[:, 32:48].clone()
            block.attn.proj.weight.zero_()
            if number == 2:
                block.attn.proj.weight[:, 32:48] = 5 * kept

    traced = trace(tiny(edit=plant), picture())
    report = effect_report(traced, [HeadGate(3, 2, 2)])
    assert report.effect.kl_nats > 1e-4
    assert report.controls == ()  # the others do nothing, which is not a change as large
    assert report.standing is None
    assert "nothing to compare" in report.withheld


def test_masks_need_no_matrix_of_all_tokens(tiny, picture, monkeypatch):
    monkeypatch.setattr(forward, "CHUNK", 16)
    traced = trace(tiny(), picture(256, 320), short_side=256)
    assert traced.grid(3).shape == (16, 20)
    largest, attend = [], torch.nn.functional.scaled_dot_product_attention

    def watched(query, key, value, attn_mask=None, **settings):
        if attn_mask is not None:
            largest.append(attn_mask.numel())
        return attend(query, key, value, attn_mask=attn_mask, **settings)

    monkeypatch.setattr(forward.F, "scaled_dot_product_attention", watched)
    intervene(traced, [Neighbourhood(3, None, 1)])
    assert largest
    assert max(largest) <= 16 * 4 * 20
