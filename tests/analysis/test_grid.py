from __future__ import annotations

import numpy as np
import pytest

from analysis import AnalysisError, Grid, trace
from uniformer.config import STRIDES
from uniformer.preprocess import network_size

PICTURES = [(480, 640), (333, 500), (1024, 768), (105, 140), (39, 53), (2000, 100)]


@pytest.mark.parametrize("divisor", [1, 32])
@pytest.mark.parametrize("picture", PICTURES)
def test_center_of_a_token_leads_back_to_it(picture, divisor):
    network = network_size(*picture, 128, divisor)
    for stride in STRIDES:
        grid = Grid(picture, network, stride)
        for token in np.ndindex(grid.shape):
            box = grid.box(token)
            x, y = (box.left_px + box.right_px) / 2, (box.top_px + box.bottom_px) / 2
            assert grid.token_at(int(x), int(y)) == token


def test_pixels_lie_around_the_center_of_their_token():
    for x, y in ((0, 0), (122, 37), (64, 63)):
        for stride in STRIDES:
            grid = Grid((128, 160), (128, 160), stride)
            row, column = grid.center_px(grid.token_at(x, y))
            assert max(abs(y - row), abs(x - column)) <= (stride - 1) / 2
    assert Grid((64, 64), (64, 64), 4).center_px((0, 1)) == (1.5, 5.5)
    assert Grid((128, 128), (64, 64), 4).center_px((0, 0)) == (3.5, 3.5)


@pytest.mark.parametrize("size", [(64, 96), (70, 66)])
def test_a_pixel_changes_the_token_it_belongs_to_and_no_other(tiny, picture, size):
    model, image = tiny(), picture(*size)
    before = trace(model, image, short_side=min(size))
    assert before.network_size_px == size
    grid = before.grid(1)
    for x, y in ((0, 0), (3, 4), (50, 37), (63, 67), (size[1] - 1, size[0] - 1)):
        if y >= size[0]:
            continue
        changed = image.copy()
        changed[y, x] ^= 128
        after = trace(model, changed, short_side=min(size))
        moved = (after.block_inputs[0][0] - before.block_inputs[0][0])[0].abs().sum(0).numpy() > 0
        rows, columns = grid.shape
        seen = y < 4 * rows and x < 4 * columns
        assert [tuple(token) for token in np.argwhere(moved)] == [grid.token_at(x, y)] * seen


def test_every_pixel_of_a_region_counts_in_its_token():
    region = np.random.default_rng(0).random((53, 39)) < 0.4
    for network in ((53, 39), (106, 78), (64, 47)):
        grid = Grid((53, 39), network, 16)
        wanted = np.zeros(grid.shape, dtype=int)
        for y, x in np.argwhere(region):
            wanted[grid.token_at(x, y)] += 1
        np.testing.assert_array_equal(grid.pixels_of(region), wanted)
    whole = Grid((64, 96), (64, 96), 16).pixels_of(np.ones((64, 96), dtype=bool))
    np.testing.assert_array_equal(whole, np.full((4, 6), 256))


def test_boxes_tile_what_the_network_sees():
    grid = Grid((260, 130), (130, 65), 32)
    assert grid.shape == (4, 2)
    assert grid.box((0, 0)) == (0, 0, 64, 64)
    assert grid.box((3, 1)) == (64, 192, 128, 256)
    assert grid.box((0, 0), *grid.shape) == (0, 0, 128, 256)
    assert grid.token_at(129, 259) == (3, 1)


def test_windows_start_at_multiples_and_count_their_padding():
    grid = Grid((512, 512), (512, 512), 16)
    corner = grid.window((31, 31), 14)
    assert (corner.top, corner.left, corner.rows, corner.columns) == (28, 28, 4, 4)
    assert (corner.real_tokens, corner.padding_tokens, corner.tokens) == (16, 180, 196)
    inner = grid.window((13, 14), 14)
    assert (inner.top, inner.left, inner.rows, inner.columns) == (0, 14, 14, 14)
    assert inner.padding_tokens == 0
    whole = grid.window((5, 6), None)
    assert (whole.top, whole.left, whole.tokens, whole.padding_tokens) == (0, 0, 1024, 0)


def test_places_outside_are_refused_in_one_sentence():
    grid = Grid((48, 64), (96, 128), 16)
    for x, y in ((64, 0), (0, 48), (-1, 5), (5, -1), (float("nan"), 1)):
        with pytest.raises(AnalysisError, match="x runs from 0 to 63, y from 0 to 47"):
            grid.token_at(x, y)
    for token in ((6, 0), (0, 8), (-1, 0)):
        with pytest.raises(AnalysisError, match="6 x 8 tokens"):
            grid.window(token, None)
        with pytest.raises(AnalysisError, match="6 x 8 tokens"):
            grid.box(token)
