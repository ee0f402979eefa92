"""Maps, regions and distances on one grid."""

import numpy as np
import pytest

from analysis.faithfulness.region_grid import (
    distance_from,
    map_on_input,
    region_on_grid,
    signed_distance,
)


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_map_of_tokens_lies_where_the_tokens_do(stride):
    height, width = 70, 107
    tokens = np.arange((height // stride) * (width // stride)).reshape(height // stride, -1)
    spread = map_on_input(tokens, (height, width))
    for y, x in [(0, 0), (33, 40), (63, 95), (69, 106)]:
        row, column = min(y // stride, len(tokens) - 1), min(x // stride, tokens.shape[1] - 1)
        assert spread[y, x] == tokens[row, column]


def test_map_of_any_other_size_is_stretched_over_the_input():
    values = np.array([[0.0, 1.0], [2.0, 3.0]])
    spread = map_on_input(values, (64, 96))
    np.testing.assert_array_equal(spread, values.repeat(32, axis=0).repeat(48, axis=1))
    np.testing.assert_array_equal(map_on_input(spread, (64, 96)), spread)
    np.testing.assert_array_equal(map_on_input(spread, (32, 48)), spread[1::2, 1::2])


@pytest.mark.parametrize("size", [(2, 3), (64, 96), (130, 200)])
def test_region_of_one_pixel_has_a_cell_on_every_grid(size):
    region = np.zeros((64, 96), dtype=bool)
    region[41, 70] = True
    covered = region_on_grid(region, size)
    assert covered.any()
    assert covered[int(41.5 / 64 * size[0]), int(70.5 / 96 * size[1])]
    assert covered.sum() <= max(1, np.ceil(size[0] / 64) * np.ceil(size[1] / 96))


def test_region_on_its_own_grid_is_itself():
    region = np.random.default_rng(0).random((9, 13)) < 0.4
    np.testing.assert_array_equal(region_on_grid(region, region.shape), region)


def test_signed_distance_counts_cells_from_the_border():
    inside = np.zeros((1, 8), dtype=bool)
    inside[0, 2:5] = True
    np.testing.assert_array_equal(signed_distance(inside), [[2, 1, -1, -2, -1, 1, 2, 3]])
    np.testing.assert_array_equal(signed_distance(np.ones((3, 4), dtype=bool)), np.zeros((3, 4)))


def test_distance_from_a_region_is_in_pixels_of_the_picture_whatever_the_grid():
    region = np.zeros((40, 90), dtype=bool)
    region[12, 31] = True  # in the cell of row 1 and column 3 of a grid of cells of 10 x 10 pixels
    rows, columns = np.mgrid[:4, :9]
    wanted = 10 * np.hypot(rows - 1, columns - 3)
    np.testing.assert_allclose(distance_from(region, (4, 9)), wanted)
    wide = distance_from(region, (4, 3))  # cells of 10 x 30
    np.testing.assert_allclose(wide[1], [30, 0, 30])
    np.testing.assert_allclose(wide[:, 1], [10, 0, 10, 20])
    assert not distance_from(np.ones((40, 90), dtype=bool), (4, 9)).any()
