from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from analysis import AnalysisError, trace
from analysis.affinity.global_affinity import global_affinity
from analysis.core.grid import Grid
from analysis.representation.query_redundancy import query_redundancy
from analysis.representation.rank import effective_rank
from analysis.representation.redundancy import cosines, unit_tokens


def noise(channels=64, rows=12, columns=9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(channels, rows, columns, generator=generator, dtype=torch.float64)


def pairwise(x, centered):
    """All cosines of a map, and how far apart the tokens of each pair are."""
    units = unit_tokens(x, centered=centered).flatten(1).T
    rows, columns = x.shape[1:]
    at = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
    apart = (at[:, None] - at).abs().amax(-1)
    return (units @ units.T).numpy(), apart.numpy()


def grid(stride: int) -> Grid:
    """Return where tokens lie whose picture is twice as large as the network's input."""
    return Grid((128, 192), (64, 96), stride)


@pytest.mark.parametrize("centered", [False, True])
def test_the_fast_forms_are_the_means_over_pairs(centered):
    x = noise(20) + torch.linspace(0, 2, 9) + 0.5
    found, (products, apart) = cosines(x, grid(8), centered=centered), pairwise(x, centered)
    assert found.all_pairs == pytest.approx(products[apart > 0].mean(), abs=1e-14)
    near = [row[at == 1].mean() for row, at in zip(products, apart, strict=True)]
    np.testing.assert_allclose(found.neighbours.ravel(), near, atol=1e-14)
    assert len(found.pairs) == 11
    for ring, (value, count) in enumerate(zip(found.by_distance, found.pairs, strict=True), 1):
        assert value == pytest.approx(products[apart == ring].mean(), abs=1e-13)
        assert count == np.count_nonzero(apart == ring) / 2
    np.testing.assert_array_equal(found.distance_input_px[:3], [8, 16, 24])
    np.testing.assert_array_equal(found.distance_picture_px, 2 * found.distance_input_px)
    np.testing.assert_array_equal(found.gap_map, found.neighbours - found.all_pairs)
    assert found.gap == pytest.approx(found.gap_map.mean())


def test_all_distances_together_are_all_pairs():
    found = cosines(noise(5), grid(4), centered=False)
    assert found.pairs.sum() == 108 * 107 / 2
    weighted = (found.pairs * found.by_distance).sum() / found.pairs.sum()
    assert weighted == pytest.approx(found.all_pairs, abs=1e-14)


def test_equal_tokens_have_1_and_orthogonal_ones_0():
    equal = cosines(noise(7)[:, :1, :1].expand(7, 5, 6), grid(4), centered=False)
    for values in (equal.all_pairs, equal.neighbours, equal.by_distance):
        np.testing.assert_allclose(values, 1, atol=1e-12)
    orthogonal = cosines(torch.eye(30).reshape(30, 5, 6), grid(4), centered=False)
    for values in (orthogonal.all_pairs, orthogonal.neighbours, orthogonal.by_distance):
        np.testing.assert_allclose(values, 0, atol=1e-12)


def test_a_shared_offset_makes_noise_alike_until_it_is_taken_off():
    x = noise(64, 16, 16)
    assert abs(cosines(x, grid(4), centered=False).all_pairs) < 1 / 64
    shifted = x + 3.0
    assert cosines(shifted, grid(4), centered=False).all_pairs == pytest.approx(0.90, abs=0.01)
    assert abs(cosines(shifted, grid(4), centered=True).all_pairs) < 0.01


def test_enlarging_a_map_makes_neighbours_alike_and_opens_the_gap():
    x = noise(32, 8, 8)
    large = F.interpolate(x[None], scale_factor=4, mode="bilinear")[0]
    assert abs(cosines(x, grid(4), centered=True).gap) < 0.05
    assert cosines(large, grid(4), centered=True).gap > 0.8


def test_the_effective_rank_counts_directions():
    turn = torch.linalg.qr(noise(16, 16, 1)[..., 0]).Q
    assert effective_rank(turn, centered=False) == pytest.approx(16)
    wide = torch.cat([turn, torch.zeros(16, 30)], dim=1)
    assert effective_rank(wide, centered=False) == pytest.approx(16, rel=1e-5)
    assert effective_rank(wide.T, centered=False) == pytest.approx(16, rel=1e-5)
    one = torch.outer(torch.arange(1.0, 40), torch.arange(1.0, 9))
    assert effective_rank(one, centered=False) == pytest.approx(1, abs=1e-4)
    values = torch.diag(torch.tensor([4.0, 2, 1, 1]))
    # Entropy of 1/2, 1/4, 1/8, 1/8 is 1.75 bits.
    assert effective_rank(values, centered=False) == pytest.approx(2**1.75)


def test_the_mean_token_is_a_direction_of_its_own():
    mean = 100 * torch.ones(1, 10)
    spread = noise(10, 50, 1)[..., 0].T
    assert effective_rank(spread + mean, centered=False) < 4
    assert effective_rank(spread + mean, centered=True) > 9
    assert np.isnan(effective_rank(torch.full((8, 3), 0.1), centered=True))


def compared(traced, stage, block, size):
    """Mean cosines of rows of attention, from all rows of every window at once."""
    rows, columns = traced.grid(stage).shape
    near, others = [], []
    for top in range(0, rows, size):
        for left in range(0, columns, size):
            height, width = min(size, rows - top), min(size, columns - left)
            found = window_rows(traced, stage, block, (top, left, height, width))
            cosine = found @ found.transpose(1, 2)
            at = torch.cartesian_prod(torch.arange(height), torch.arange(width))
            apart = (at[:, None] - at).abs().sum(-1)
            near.append(cosine[:, apart == 1])
            others.append(cosine[:, apart > 0])
    return [torch.cat(parts, dim=1).mean(1).numpy() for parts in (near, others)]


def window_rows(traced, stage, block, window):
    top, left, height, width = window
    lines = [
        torch.from_numpy(
            global_affinity(traced, stage, block, (top + row, left + column)).weight[
                :, top : top + height, left : left + width
            ]
        ).flatten(1)
        for row in range(height)
        for column in range(width)
    ]
    return F.normalize(torch.stack(lines, dim=1), dim=-1)


@pytest.mark.parametrize(("reach", "size"), [("global", 99), ("window", 3), ("window", 4)])
def test_query_redundancy_is_the_mean_over_pairs_of_exact_rows(tiny, picture, reach, size):
    traced = trace(tiny(reach, size), picture(80, 112))
    found = query_redundancy(traced, 3, 1)
    near, others = compared(traced, 3, 1, size)
    np.testing.assert_allclose(found.neighbours, near, rtol=1e-10)
    np.testing.assert_allclose(found.all_pairs, others, rtol=1e-10)
    assert found.neighbours.shape == (4,)


def test_uniform_attention_is_wholly_redundant(tiny, picture, silent_queries):
    traced = trace(tiny(edit=silent_queries), picture())
    found = query_redundancy(traced, 3, 0)
    np.testing.assert_allclose([found.neighbours, found.all_pairs], 1, rtol=1e-12)


def test_windows_of_one_token_have_nothing_to_compare_and_local_blocks_no_queries(tiny, picture):
    traced = trace(tiny("window", 1), picture())
    assert np.isnan(query_redundancy(traced, 3, 0).neighbours).all()
    with pytest.raises(AnalysisError, match="local"):
        query_redundancy(traced, 1, 0)
