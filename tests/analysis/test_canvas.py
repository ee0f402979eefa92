"""What all figures share: the picture under a map, marks at borders, heights, shaded stages."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.core.grid import Box
from analysis.figures.canvas import (
    ACCENT,
    Limits,
    color_bar,
    hatch,
    heat,
    mark_pixel,
    outline,
    outline_box,
    pale,
    picture_height,
    pixel_words,
    plain_ticks,
    shade_stages,
)


@pytest.fixture
def axes():
    return Figure().subplots()


def test_the_picture_under_a_map_is_light_and_grey_and_its_order_is_kept(axes, picture):
    photo = picture(8, 12)
    heat(axes, np.zeros((2, 3)), Limits(0, 1), (8, 12), picture=photo)
    under, over = axes.images
    shown = np.asarray(under.get_array()).astype(int)
    assert (shown == shown[..., :1]).all()
    assert shown.min() >= 255 // 3
    np.testing.assert_array_equal(pale(np.full((1, 1, 3), 255, np.uint8)), 255)
    order = np.argsort(photo.mean(2), axis=None, kind="stable")
    assert (np.diff(shown[..., 0].ravel()[order]) >= 0).all()
    assert over.get_alpha() < 1


def test_a_map_without_a_picture_covers_fully_and_only_what_it_is_said_to(axes):
    image = heat(axes, np.eye(2), Limits(0, 1), (10, 20), covered_px=(8, 16))
    assert image.get_alpha() == 1
    assert image.get_extent() == [0, 16, 8, 0]
    assert axes.get_xlim() == (0, 20)
    assert axes.get_ylim() == (10, 0)
    assert image.get_interpolation() == "nearest"


def test_marks_at_the_border_are_not_cut_off(axes):
    mark_pixel(axes, 0, 0)
    outline_box(axes, Box(0, 0, 4, 4))
    assert not any(artist.get_clip_on() for artist in (*axes.lines, *axes.patches))
    assert axes.lines[-1].get_markeredgecolor() == ACCENT
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[0.5, 0.5]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("filling", [True, False])
def test_a_region_without_a_border_is_not_outlined(axes, filling):
    outline(axes, np.full((4, 6), filling))
    assert not axes.collections
    hatch(axes, np.eye(4, 6, dtype=bool))
    assert axes.collections


def test_heights_follow_the_picture_within_limits():
    assert picture_height((300, 400), 4) == 3
    assert picture_height((10, 1000), 3) == 1
    assert picture_height((1000, 10), 3) == 6


def test_every_second_stage_is_shaded_and_all_are_named(axes):
    shade_stages(axes, [1, 1, 2, 2, 2, 3], named=True)
    (shaded,) = axes.patches
    assert shaded.get_extents().transformed(axes.transData.inverted()).x0 == pytest.approx(1.5)
    assert shaded.get_extents().transformed(axes.transData.inverted()).x1 == pytest.approx(4.5)
    assert [(text.get_text(), text.get_position()[0]) for text in axes.texts] == [
        ("stage 1", 0.5), ("stage 2", 3), ("stage 3", 5),
    ]  # fmt: skip


def test_logarithmic_axes_have_plain_numbers(axes):
    axes.plot([4, 300], [4, 300])
    axes.set_yscale("log")
    plain_ticks(axes.yaxis)
    axes.figure.draw_without_rendering()
    said = {text.get_text() for text in axes.get_yticklabels()}
    assert {"5", "10", "20", "50", "100", "200"} <= said


def test_a_color_bar_tells_its_unit_and_what_lies_beyond(axes):
    image = heat(axes, np.eye(2), Limits(0, 1), (2, 2))
    color_bar(axes.figure, image, axes, "nats", beyond="max")
    bar = image.colorbar
    assert bar.ax.get_ylabel() == "nats"
    assert bar.extend == "max"


def test_a_pixel_is_called_by_its_place_if_it_is_known():
    assert pixel_words((3, 4)) == "pixel (3, 4)"
    assert pixel_words(None) == "one pixel"
