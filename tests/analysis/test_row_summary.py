from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis import (
    GlobalAffinity,
    Grid,
    KeyWindow,
    global_affinity,
    local_affinity,
    position_affinity,
    row_statistics,
    trace,
    untrained_note,
)
from uniformer.config import STRIDES
from uniformer.segmenter import WeightsRecord

TRAINED = WeightsRecord(trained=True, source="test", sha256=None, note="")


def row_of(weight, token, window: KeyWindow, stage: int = 3) -> GlobalAffinity:
    """Return a row with these weights (heads, rows, columns) and nothing else in it."""
    weight = np.asarray(weight, dtype=float)
    empty, nothing = np.zeros_like(weight), np.zeros(len(weight))
    padding = 1 - weight.sum((1, 2))
    size = tuple(side * STRIDES[stage - 1] for side in weight.shape[1:])
    grid = Grid(size, size, STRIDES[stage - 1])
    norms = (empty, empty, padding, nothing, nothing, empty, nothing)
    return GlobalAffinity(stage, 0, grid, token, window, weight, *norms)


def uniform_rows(side: int, stage: int = 3):
    """Yield the statistics of uniform weights for every query of a square map, row by row."""
    weight, window = np.full((1, side, side), 1 / side**2), KeyWindow(0, 0, side, side, 0)
    for token in np.ndindex(side, side):
        yield row_statistics(row_of(weight, token, window, stage))


@pytest.mark.parametrize(
    ("side", "distance", "masses"),
    [
        (14, 7.2808, (0.0416, 0.1066, 0.1925)),
        (16, 8.3261, (0.0323, 0.0836, 0.1526)),
        (32, 16.6770, (0.0084, 0.0226, 0.0429)),
    ],
)
def test_uniform_attention_has_its_closed_forms(side, distance, masses):
    found = list(uniform_rows(side))
    mean = np.mean([row.heads.distance_picture_px[0] for row in found]) / 16
    assert mean == pytest.approx(distance, abs=5e-5)
    for name, mass in zip(("mass_3x3", "mass_5x5", "mass_7x7"), masses, strict=True):
        assert np.mean([getattr(row.heads, name)[0] for row in found]) == pytest.approx(
            mass, abs=5.1e-5
        )
    for row in found:
        assert row.heads.entropy[0] == pytest.approx(1)
        assert row.distance_over_uniform[0] == pytest.approx(1)


def test_uniform_distance_depends_on_where_the_query_is_and_on_the_stride():
    rows = [row.uniform.distance_picture_px[0] for row in uniform_rows(14)]
    assert rows[0] / 16 == pytest.approx(10.064, abs=5e-4)
    assert rows[7 * 14 + 7] / 16 == pytest.approx(5.376, abs=5e-4)
    coarse = next(uniform_rows(14, stage=4)).uniform.distance_picture_px[0]
    assert coarse == pytest.approx(2 * rows[0])


@pytest.mark.parametrize(
    ("step", "distance_picture_px", "masses"),
    [
        ((0, 0), 0, (1, 1, 1)),
        ((1, 0), 16, (1, 1, 1)),
        ((0, -2), 32, (0, 1, 1)),
        ((3, 3), 48 * 2**0.5, (0, 0, 1)),
        ((-3, 4), 80, (0, 0, 0)),
    ],
)
def test_attention_to_one_key_is_as_far_as_that_key(step, distance_picture_px, masses):
    weight = np.zeros((2, 9, 12))
    weight[:, 4 + step[0], 5 + step[1]] = 1
    found = row_statistics(row_of(weight, (4, 5), KeyWindow(0, 0, 9, 12, 0)))
    np.testing.assert_allclose(found.heads.distance_picture_px, distance_picture_px)
    np.testing.assert_allclose(found.heads.entropy, 0, atol=1e-15)
    for name, mass in zip(("mass_3x3", "mass_5x5", "mass_7x7"), masses, strict=True):
        np.testing.assert_array_equal(getattr(found.heads, name), mass)


def test_padding_is_left_out_and_reported():
    window = Grid((512, 512), (512, 512), 16).window((31, 31), 14)
    weight = np.zeros((1, 32, 32))
    weight[:, 28:, 28:] = 1 / 196
    found = row_statistics(row_of(weight, (31, 31), window))
    assert found.keys == 16
    assert found.padding_mass[0] == pytest.approx(180 / 196)
    assert found.heads.entropy[0] == pytest.approx(1)
    assert found.distance_over_uniform[0] == pytest.approx(1)
    assert found.heads.mass_3x3[0] == found.uniform.mass_3x3[0] == pytest.approx(4 / 16)


def test_rows_about_which_nothing_can_be_said_are_nan():
    alone = row_statistics(row_of(np.ones((1, 1, 1)), (0, 0), KeyWindow(0, 0, 1, 1, 0)))
    assert np.isnan(alone.heads.entropy[0])
    assert np.isnan(alone.distance_over_uniform[0])
    assert alone.heads.mass_3x3[0] == 1
    lost = row_statistics(row_of(np.zeros((1, 2, 2)), (0, 0), KeyWindow(0, 0, 2, 2, 5)))
    assert np.isnan(lost.heads.distance_picture_px[0])
    assert np.isnan(lost.heads.entropy[0])
    assert lost.padding_mass[0] == 1


def test_statistics_of_a_models_row_are_those_of_its_weights(tiny, picture):
    row = global_affinity(trace(tiny("window", 5), picture()), 3, 0, (2, 5))
    found = row_statistics(row)
    weight = row.weight[:, :, 5] / (1 - row.padding_mass)[:, None]
    distance = weight @ [32, 16, 0, 16]
    np.testing.assert_allclose(found.heads.distance_picture_px, distance, atol=1e-12)
    entropy = -(weight * np.log(weight)).sum(1) / np.log(4)
    np.testing.assert_allclose(found.heads.entropy, entropy, atol=1e-12)
    np.testing.assert_allclose(found.heads.mass_3x3, weight[:, 1:].sum(1), atol=1e-12)
    assert found.uniform.distance_picture_px[0] == pytest.approx(16)


def test_convolutions_stand_on_the_same_axis(tiny, picture):
    traced = trace(tiny(), picture())
    found = row_statistics(local_affinity(traced, 2, 0, (0, 4)))
    share = local_affinity(traced, 2, 0, (0, 4)).norm_share
    distance = 8 * np.hypot(*np.mgrid[-2:3, -2:3])
    assert found.keys == 15
    assert found.heads.distance_picture_px[0] == pytest.approx((share * distance).sum())
    assert found.uniform.distance_picture_px[0] == pytest.approx(distance[2:].mean())
    assert found.heads.mass_3x3[0] == pytest.approx(share[1:4, 1:4].sum())
    assert found.heads.mass_5x5[0] == pytest.approx(1)
    nine = row_statistics(position_affinity(traced, 3, 0, (1, 1)))
    assert nine.keys == 9
    assert nine.uniform.distance_picture_px[0] == pytest.approx(16 * (4 + 4 * 2**0.5) / 9)


def test_untrained_weights_are_named_by_their_record_or_by_their_attention(tiny, picture):
    def trained(model):
        model.weights = TRAINED

    def half_trained(model):
        trained(model)
        for block in model.backbone.blocks3:
            torch.nn.init.trunc_normal_(block.attn.qkv.weight, std=0.02)

    def default_start(model):
        half_trained(model)
        torch.nn.init.trunc_normal_(model.backbone.blocks4[0].attn.qkv.weight, std=0.02)

    assert "untrained" in untrained_note(trace(tiny(), picture()))
    assert untrained_note(trace(tiny(edit=trained), picture())) is None
    assert untrained_note(trace(tiny(edit=half_trained), picture())) is None
    for window_size in (3, 1):
        traced = trace(tiny("window", window_size, edit=default_start), picture())
        assert "nearly uniform" in untrained_note(traced)
