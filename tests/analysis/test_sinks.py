from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis import AnalysisError, global_affinity, in_degree, trace
from analysis.affinity import attention_rows


@pytest.mark.parametrize("chunk", [256, 5])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("reach", ["global", "window"])
def test_in_degree_is_the_sum_of_all_rows(tiny, picture, monkeypatch, reach, size, chunk):
    monkeypatch.setattr(attention_rows, "CHUNK", chunk)
    traced = trace(tiny(reach, size), picture())
    rows = [global_affinity(traced, 3, 1, token) for token in np.ndindex(4, 6)]
    found = in_degree(traced, 3, 1)
    wanted = sum(row.weight for row in rows)
    np.testing.assert_allclose(found.degree, wanted, rtol=0, atol=1e-10)
    padding = np.mean([row.padding_mass for row in rows], axis=0)
    np.testing.assert_allclose(found.padding_mass, padding, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.degree.mean((1, 2)), 1 - padding, atol=1e-12)
    np.testing.assert_array_equal(found.max_degree, found.degree.max((1, 2)))
    np.testing.assert_allclose(
        found.top_1_percent_share, wanted.max((1, 2)) / wanted.sum((1, 2)), atol=1e-12
    )
    length = traced.block_inputs[2][1][0, :, 2, 4].norm().item()
    assert found.input_norm[2, 4] == pytest.approx(length)


def test_uniform_attention_gives_every_token_1_and_has_no_sink(tiny, picture, silent_queries):
    traced = trace(tiny(edit=silent_queries), picture(240, 240), short_side=240)
    found = in_degree(traced, 3, 0)
    assert found.degree.shape == (4, 15, 15)
    np.testing.assert_allclose(found.degree, 1, atol=1e-12)
    np.testing.assert_allclose(found.top_1_percent_share, 3 / 225, atol=1e-12)
    assert not found.has_sink.any()


def test_planted_sink_is_found_in_its_head_alone(tiny, picture, silent_queries):
    def plant(model):
        silent_queries(model)
        model.backbone.blocks3[0].attn.qkv.bias[16] = 40  # head 1 asks for its first key channel

    found = in_degree(trace(tiny(edit=plant), picture(240, 240), short_side=240), 3, 0)
    assert found.has_sink.tolist() == [False, True, False, False]
    assert found.max_degree[1] > 100
    assert found.top_1_percent_share[1] > 0.9


@pytest.mark.parametrize(("side", "pull"), [(240, 2), (64, 4)])
def test_either_limit_alone_makes_a_sink(tiny, picture, silent_queries, side, pull):
    def plant(model):
        silent_queries(model)
        model.backbone.blocks3[0].attn.qkv.bias[16] = pull

    found = in_degree(trace(tiny(edit=plant), picture(side, side), short_side=side), 3, 0)
    # 11 of 225 tokens' attention are a twentieth of it, 5 of 16 tokens' nearly a third.
    assert (found.max_degree[1] > 10) == (side == 240)
    assert (found.top_1_percent_share[1] > 0.2) == (side == 64)
    assert found.has_sink.tolist() == [False, True, False, False]


def test_rows_of_at_most_256_queries_are_held_at_a_time(tiny, picture, rows_held):
    image = picture(320, 352)
    for reach, size in (("global", 3), ("window", 3), ("window", 18)):
        rows_held.clear()
        in_degree(trace(tiny(reach, size), image, short_side=320), 3, 0)
        assert max(rows_held) <= 256
        assert sum(rows_held) >= 20 * 22


def test_results_are_numbers_without_gradients(tiny, picture):
    found = in_degree(trace(tiny("window"), picture()), 3, 0)
    assert not any(isinstance(value, torch.Tensor) for value in vars(found).values())


def test_local_blocks_are_refused(tiny, picture):
    with pytest.raises(AnalysisError, match="stage 2 is local"):
        in_degree(trace(tiny(), picture()), 2, 0)
