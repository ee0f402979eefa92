"""Atlases decode to the exact rows within the stated error, and their statistics are exact."""

import numpy as np
import pytest

from analysis import (
    AnalysisError,
    attended_classes,
    global_affinity,
    local_affinity,
    row_statistics,
    token_classes,
    trace,
)
from analysis.affinity.atlas import ERROR_OF_PEAK, decode, global_atlas, local_atlas
from analysis.affinity.attention_rows import CHUNK
from analysis.report.lens_data import MAPS

TOKENS = [(0, 0), (1, 3), (3, 5), (2, 0)]
NUMBERS = MAPS[1]


def assert_decodes(codes, peak, rows):
    """Check decoded rows against exact ones, and that the bound is not needlessly loose."""
    error = np.abs(decode(codes, peak) - rows)
    assert (error <= ERROR_OF_PEAK * np.expand_dims(peak, (-2, -1)) + 1e-7).all()
    assert codes.max() == 255


def lively(model):
    """Have a random model tell many classes apart."""
    model.decode_head.conv_seg.weight.mul_(30)


def assert_composed(atlas, traced, token, exact, head):
    """Check the classes on which the row of a token falls."""
    classes = token_classes(traced.labels, traced.grid(exact.stage))
    assert len(classes.classes) > 1
    found = attended_classes(exact, classes, head)
    share = dict(zip(found.classes, found.share, strict=True))
    wanted = [share[label] for label in classes.classes]
    np.testing.assert_allclose(atlas.composition[token], wanted, atol=1e-6)


@pytest.mark.parametrize("reach", ["global", "window", "hybrid"])
@pytest.mark.parametrize("head", [None, 1])
def test_global_rows_and_statistics_are_those_of_the_exact_analysis(tiny, picture, reach, head):
    traced = trace(tiny(reach, edit=lively), picture())
    for stage, block in [(3, 0), (3, 3), (4, 0)]:
        atlas = global_atlas(traced, stage, block, head)
        rows, columns = traced.grid(stage).shape
        for token in [token for token in TOKENS if token[0] < rows and token[1] < columns]:
            exact = global_affinity(traced, stage, block, token)
            weight = exact.weight.mean(0) if head is None else exact.weight[head]
            assert_decodes(atlas.codes[token], atlas.peak[token], weight)
            numbers = row_statistics(exact).of(head)
            for name in NUMBERS:
                got = getattr(atlas, name)[token]
                np.testing.assert_allclose(got, numbers[name], rtol=1e-6, atol=1e-9)
            assert_composed(atlas, traced, token, exact, head)


@pytest.mark.parametrize("stage", [1, 2])
def test_local_shares_and_statistics_are_those_of_the_exact_analysis(tiny, picture, stage):
    traced = trace(tiny(edit=lively), picture())
    atlas = local_atlas(traced, stage, 0)
    rows, columns = traced.grid(stage).shape
    for token in [(0, 0), (rows - 1, columns - 1), (3, 4), (0, 5)]:
        exact = local_affinity(traced, stage, 0, token)
        assert_decodes(atlas.codes[token], atlas.peak[token], exact.norm_share)
        numbers = row_statistics(exact).of(None)
        for name in NUMBERS[:3]:
            np.testing.assert_allclose(getattr(atlas, name)[token], numbers[name], rtol=1e-6)
        assert_composed(atlas, traced, token, exact, None)
    np.testing.assert_allclose(atlas.kernel, np.abs(exact.kernel).mean(0))


def test_chunks_do_not_change_the_rows(tiny, picture, monkeypatch):
    traced = trace(tiny(), picture())
    whole = global_atlas(traced, 3, 0)
    assert np.prod(traced.grid(3).shape) < CHUNK
    monkeypatch.setattr("analysis.affinity.attention_rows.CHUNK", 7)
    chunked = global_atlas(traced, 3, 0)
    np.testing.assert_array_equal(whole.codes, chunked.codes)
    np.testing.assert_allclose(whole.entropy, chunked.entropy, rtol=1e-6)


def test_codes_fit_the_bytes_given_by_summing_neighbouring_keys(tiny, picture):
    traced = trace(tiny(), picture())
    full = global_atlas(traced, 3, 0)
    small = global_atlas(traced, 3, 0, max_bytes=full.codes.nbytes // 3)
    assert (full.cell, small.cell) == (1, 2)
    assert small.codes.nbytes <= full.codes.nbytes // 3
    rows = full.codes.shape[2] // 2
    row = global_affinity(traced, 3, 0, (2, 3)).weight.mean(0)
    cells = row.reshape(rows, 2, -1, 2).sum((1, 3))
    assert_decodes(small.codes[2, 3], small.peak[2, 3], cells)
    np.testing.assert_array_equal(small.distance_picture_px, full.distance_picture_px)


def test_uneven_map_keeps_all_weight_in_cells(tiny, picture):
    traced = trace(tiny(), picture(80, 112))
    atlas = global_atlas(traced, 3, 0, max_bytes=120)
    assert atlas.codes.shape == (4, 5, 2, 3)
    total = decode(atlas.codes, atlas.peak).sum(axis=(2, 3))
    np.testing.assert_allclose(total, 1, atol=2 * ERROR_OF_PEAK * atlas.codes[0, 0].size)


def test_uniform_attention_has_equal_codes_and_full_entropy(tiny, picture, silent_queries):
    atlas = global_atlas(trace(tiny(edit=silent_queries), picture()), 3, 0)
    assert (atlas.codes == 255).all()
    np.testing.assert_allclose(atlas.entropy, 1)
    np.testing.assert_allclose(atlas.distance_picture_px, atlas.uniform_distance_picture_px)


def test_what_does_not_exist_is_refused_in_one_sentence(tiny, picture):
    traced = trace(tiny(), picture())
    with pytest.raises(AnalysisError, match="There is no head 9"):
        global_atlas(traced, 3, 0, head=9)
    with pytest.raises(AnalysisError, match="local"):
        global_atlas(traced, 1, 0)
    with pytest.raises(AnalysisError, match="global"):
        local_atlas(traced, 3, 0)
