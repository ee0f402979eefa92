from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple

import numpy as np
import pytest
import torch
from steps import told

from analysis import (
    AnalysisError,
    global_affinity,
    local_affinity,
    row_statistics,
    trace,
)
from analysis.affinity import attention_rows, local_rows
from analysis.affinity.local_rows import contribution_norms
from analysis.core.progress import Progress
from analysis.profile.depth_profile import BlockProfile, DepthProfile, block_profile, depth_profile

MASSES = ("mass_3x3", "mass_5x5", "mass_7x7")


def from_single_rows(traced, stage: int, block: int) -> dict[str, np.ndarray]:
    """Return the means over all queries of what the statistics of one row after another say."""
    one = (
        (lambda token: row_statistics(local_affinity(traced, stage, block, token)))
        if stage < 3
        else (lambda token: row_statistics(global_affinity(traced, stage, block, token)))
    )
    rows = [one(token) for token in np.ndindex(traced.grid(stage).shape)]
    means = {"padding_mass": np.mean([row.padding_mass for row in rows], axis=0)}
    means["ratio"] = np.nanmean([row.distance_over_uniform for row in rows], axis=0)
    for name in ("distance_picture_px", "entropy", *MASSES):
        means[name] = np.nanmean([getattr(row.heads, name) for row in rows], axis=0)
        means[f"uniform {name}"] = np.nanmean([getattr(row.uniform, name) for row in rows], axis=0)
    return means


def assert_is(found: BlockProfile, wanted: dict[str, np.ndarray]) -> None:
    close = {"rtol": 0, "atol": 1e-9}
    np.testing.assert_allclose(found.padding_mass, wanted["padding_mass"], **close)
    np.testing.assert_allclose(found.distance_over_uniform, wanted["ratio"], **close)
    for name in ("distance_picture_px", "entropy", *MASSES):
        np.testing.assert_allclose(getattr(found.heads, name), wanted[name], **close)
        np.testing.assert_allclose(getattr(found.uniform, name), wanted[f"uniform {name}"], **close)


@pytest.mark.parametrize("chunk", [64, 5])
@pytest.mark.parametrize(("reach", "size"), [("global", 3), *(("window", s) for s in (2, 3, 5, 9))])
def test_profile_is_the_mean_of_the_statistics_of_all_rows(
    tiny, picture, monkeypatch, reach, size, chunk
):
    monkeypatch.setattr(attention_rows, "CHUNK", chunk)
    traced = trace(tiny(reach, size), picture())
    for stage, block in ((3, 1), (4, 0)):
        assert_is(block_profile(traced, stage, block), from_single_rows(traced, stage, block))


@pytest.mark.parametrize("chunk", [4096, 50])
def test_profile_of_a_convolution_is_the_mean_over_all_tokens(tiny, picture, monkeypatch, chunk):
    monkeypatch.setattr(local_rows, "CHUNK", chunk)
    traced = trace(tiny(), picture())
    for stage in (1, 2):
        assert_is(block_profile(traced, stage, 0), from_single_rows(traced, stage, 0))


def test_lengths_of_all_contributions_are_those_of_single_tokens(tiny, picture):
    traced = trace(tiny(), picture())
    for stage in (1, 2):
        norms = contribution_norms(traced, stage, 0).numpy()
        for token in ((0, 0), (2, 7), traced.grid(stage).shape - np.array(1)):
            terms = local_affinity(traced, stage, 0, tuple(token)).contribution
            found = norms[:, token[0], token[1]].reshape(5, 5)
            np.testing.assert_allclose(found, np.linalg.norm(terms, axis=-1), atol=1e-12)


@pytest.mark.parametrize(
    ("side", "distance", "masses"),
    [
        (14, 7.2808, (0.0416, 0.1066, 0.1925)),
        (16, 8.3261, (0.0323, 0.0836, 0.1526)),
        (32, 16.6770, (0.0084, 0.0226, 0.0429)),
    ],
)
def test_uniform_attention_has_its_closed_forms(
    tiny, picture, silent_queries, side, distance, masses
):
    traced = trace(tiny(edit=silent_queries), picture(16 * side, 16 * side), short_side=16 * side)
    found = block_profile(traced, 3, 0)
    for spread in (found.heads, found.uniform):
        np.testing.assert_allclose(spread.distance_picture_px / 16, distance, rtol=0, atol=5e-5)
        for name, mass in zip(MASSES, masses, strict=True):
            np.testing.assert_allclose(getattr(spread, name), mass, rtol=0, atol=5.1e-5)
        np.testing.assert_allclose(spread.entropy, 1)
    np.testing.assert_allclose(found.distance_over_uniform, 1)
    np.testing.assert_allclose(found.head_divergence, 0, atol=1e-12)


def test_windows_of_one_token_look_nowhere_else(tiny, picture):
    found = block_profile(trace(tiny("window", 1), picture()), 3, 0)
    np.testing.assert_array_equal(found.heads.distance_picture_px, 0)
    np.testing.assert_array_equal(found.heads.mass_3x3, 1)
    assert np.isnan(found.heads.entropy).all()
    assert np.isnan(found.distance_over_uniform).all()
    assert found.window_tokens == 1


def test_kernel_of_one_tap_looks_one_step_away(tiny, picture):
    def shift(model):
        kernel = model.backbone.blocks2[0].attn.weight
        kernel.zero_()
        kernel[:, :, 2, 3] = 1

    found = block_profile(trace(tiny(edit=shift), picture()), 2, 0)
    # The last column has nothing to its right: nothing can be said of it.
    np.testing.assert_allclose(found.heads.distance_picture_px, 8)
    np.testing.assert_allclose(found.heads.entropy, 0, atol=1e-12)
    np.testing.assert_allclose(found.heads.mass_3x3, 1)
    np.testing.assert_array_equal(found.padding_mass, 0)
    assert np.isnan(found.head_divergence)


def test_heads_diverge_as_their_rows_do(tiny, picture):
    traced = trace(tiny("window", 5), picture())
    wanted = []
    for token in np.ndindex(4, 6):
        row = global_affinity(traced, 3, 2, token)
        share = row.weight.reshape(4, -1) / (1 - row.padding_mass)[:, None]
        pairs = [(share[a], share[b]) for a in range(4) for b in range(a)]
        wanted += [js(p, q) for p, q in pairs]
    assert block_profile(traced, 3, 2).head_divergence == pytest.approx(np.mean(wanted))


def js(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen-Shannon divergence as the mean of two Kullback-Leibler divergences, base 2."""
    middle = (p + q) / 2
    return sum((r[r > 0] * np.log2(r[r > 0] / middle[r > 0])).sum() for r in (p, q)) / 2


def test_heads_that_share_no_key_diverge_by_one(tiny, picture):
    def apart(model):
        attention = model.backbone.blocks3[0].attn
        attention.qkv.weight[:128] = 0
        attention.qkv.weight[64:128] = 3e3 * torch.randn(64, 64, dtype=torch.float64)
        attention.qkv.bias[:64] = torch.randn(64, dtype=torch.float64)

    found = block_profile(trace(tiny(edit=apart), picture()), 3, 0)
    np.testing.assert_allclose(found.heads.entropy, 0, atol=1e-9)
    assert found.head_divergence == pytest.approx(1)


def test_profile_of_a_model_has_all_blocks_and_a_table(tiny, picture):
    traced = trace(tiny("hybrid", 3), picture())
    steps, found = told(depth_profile(traced))
    assert steps == [Progress(done, 7) for done in range(1, 8)]
    assert isinstance(found, DepthProfile)
    assert [block.name for block in found.blocks] == [
        "1.0",
        "2.0",
        "3.0",
        "3.1",
        "3.2",
        "3.3",
        "4.0",
    ]
    assert [block.local for block in found.blocks] == [True] * 2 + [False] * 5
    assert [block.window_tokens for block in found.blocks] == [None] * 2 + [3] * 3 + [None] * 2
    rows = found.rows()
    assert len(rows) == 2 + 5 * 4
    assert len({tuple(row) for row in rows}) == 1
    third = rows[3]
    assert (third["stage"], third["block"], third["head"], third["kind"]) == (3, 0, 1, "global")
    assert third["distance_picture_px"] == found.blocks[2].heads.distance_picture_px[1]
    assert third["uniform_mass_5x5"] == found.blocks[2].uniform.mass_5x5[0]


def test_at_most_64_rows_are_held_at_a_time(tiny, picture, rows_held):
    image = picture(240, 272)
    for reach, size in (("global", 3), ("window", 3), ("window", 12)):
        rows_held.clear()
        block_profile(trace(tiny(reach, size), image, short_side=240), 3, 0)
        assert max(rows_held) <= 64
        assert sum(rows_held) >= 15 * 17


def test_all_threads_find_the_same(tiny, picture):
    traced = trace(tiny("window", 5), picture())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: block_profile(traced, 3, 1), range(8)))
    for other in found[1:]:
        np.testing.assert_equal(astuple(other), astuple(found[0]))


def test_results_are_numbers_without_gradients(tiny, picture):
    traced = trace(tiny("window"), picture())
    for stage in (1, 3):
        found = block_profile(traced, stage, 0)
        assert found.padding_mass.dtype == np.float64
        assert not any(isinstance(value, torch.Tensor) for value in vars(found).values())


def test_blocks_that_do_not_exist_are_refused(tiny, picture):
    traced = trace(tiny(), picture())
    with pytest.raises(AnalysisError, match="no block 4 in stage 3"):
        block_profile(traced, 3, 4)
    with pytest.raises(AnalysisError, match="affinity of stage 3 is global"):
        contribution_norms(traced, 3, 0)
