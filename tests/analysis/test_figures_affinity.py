from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from analysis import AnalysisError, global_affinity, in_degree, local_affinity, trace
from analysis.figures.affinity import heads_figure, stages_figure
from analysis.figures.canvas import GRADES
from analysis.figures.local_terms import local_figure


def texts(figure: Figure) -> str:
    """Everything a figure says, line breaks as spaces."""
    figure.draw_without_rendering()
    found = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
    return " ".join(" ".join(found).split())


def token_maps(figure: Figure) -> list[AxesImage]:
    """The maps drawn over pictures; pictures have colours and color bars no maps."""
    return [
        image
        for axes in figure.axes
        for image in axes.images
        if isinstance(image.get_array(), np.ma.MaskedArray) and image.get_array().ndim == 2
    ]


def boxes(axes) -> set[tuple[float, float, float, float]]:
    """Left, top, width and height of every rectangle on axes."""
    return {
        (*patch.get_xy(), patch.get_width(), patch.get_height())
        for patch in axes.patches
        if isinstance(patch, Rectangle)
    }


@pytest.fixture
def windowed(tiny, picture):
    """A picture of 64 x 96, its trace in windows of 5 tokens and a row of every stage."""
    image = picture()
    traced = trace(tiny("window", 5), image)
    rows = [
        local_affinity(traced, 1, 0, (0, 20)),
        local_affinity(traced, 2, 0, (4, 6)),
        global_affinity(traced, 3, 1, (2, 5)),
        global_affinity(traced, 4, 0, (1, 0)),
    ]
    return image, traced, rows


def test_stages_stand_side_by_side_in_times_uniform(windowed):
    image, traced, rows = windowed
    figure = stages_figure(traced, image, rows)
    maps = [shown.get_array().filled(np.nan) for shown in token_maps(figure)]
    assert [shown.shape for shown in maps] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    # In the first row of the map 15 neighbours are inside it.
    share = rows[0].norm_share[2:]
    np.testing.assert_allclose(2 ** maps[0][:3, 18:23], 15 * share)
    assert np.isfinite(maps[0]).sum() == 15
    np.testing.assert_allclose(2 ** maps[2][:, 5], 25 * rows[2].weight.mean(0)[:, 5])
    assert np.isnan(maps[2][:, :5]).all()
    np.testing.assert_allclose(2 ** maps[3], 6 * rows[3].weight.mean(0))
    assert len({shown.get_clim() for shown in token_maps(figure)}) == 1
    low, high = token_maps(figure)[0].get_clim()
    assert low == -high
    assert high >= max(np.nanmax(values) for values in maps)


def test_query_and_window_are_outlined_where_they_lie(windowed):
    image, traced, rows = windowed
    axes = stages_figure(traced, image, rows).axes
    assert boxes(axes[0]) == {(80, 0, 4, 4), (72, 0, 20, 12)}
    assert boxes(axes[1]) == {(48, 32, 8, 8), (32, 16, 40, 40)}
    assert boxes(axes[2]) == {(80, 32, 16, 16), (80, 0, 16, 64)}
    assert boxes(axes[3]) == {(0, 32, 32, 32)}


def test_padding_distance_and_grade_are_said_in_words(windowed):
    image, traced, rows = windowed
    said = texts(stages_figure(traced, image, rows))
    assert GRADES["exact"] in said
    assert "mean of heads" in said
    assert f"{rows[2].padding_mass.mean():.0%} of the weight is on padding" in said
    assert said.count("on padding") == 1
    share = rows[2].weight[:, :, 5] / (1 - rows[2].padding_mass)[:, None]
    distance = (share @ [32, 16, 0, 16]).mean()
    assert f"{distance:.0f} px on average (uniform 16)" in said
    one = texts(stages_figure(traced, image, rows, head=2))
    assert "head 2" in one
    assert f"{rows[2].padding_mass[2]:.0%} of the weight is on padding" in one


def test_strips_that_no_token_sees_are_not_covered(tiny, picture):
    image = picture(77, 100)
    traced = trace(tiny(), image, short_side=77)
    row = global_affinity(traced, 4, 0, (1, 2))
    figure = stages_figure(traced, image, [row])
    left, right, bottom, top = token_maps(figure)[0].get_extent()
    assert (left, top) == (0, 0)
    assert (right, bottom) == pytest.approx((96, 64))
    assert figure.axes[0].get_xlim() == (0, 100)
    assert figure.axes[0].get_ylim() == (77, 0)


def test_faintest_weights_are_drawn_and_not_left_clear(tiny, picture):
    def sharp(model):
        model.backbone.blocks4[0].attn.qkv.weight.mul_(1e3)

    image = picture()
    traced = trace(tiny(edit=sharp), image)
    row = global_affinity(traced, 4, 0, (0, 0))
    assert (row.weight == 0).any()
    figure = heads_figure(traced, image, row)
    assert not any(shown.get_array().mask.any() for shown in token_maps(figure))


def test_heads_share_one_scale_with_their_mean(windowed):
    image, traced, rows = windowed
    figure = heads_figure(traced, image, rows[3])
    maps = token_maps(figure)
    assert len(maps) == 5
    assert len({shown.get_clim() for shown in maps}) == 1
    weight = np.stack([2 ** shown.get_array() for shown in maps]) / 6
    np.testing.assert_allclose(weight[:4], rows[3].weight)
    np.testing.assert_allclose(weight[4], rows[3].weight.mean(0))
    assert "head 3" in texts(figure)
    assert "head 4" not in texts(figure)
    assert "mean" in texts(figure)


def test_terms_of_a_convolution_are_numbered(windowed):
    image, traced, rows = windowed
    figure = local_figure(traced, image, rows[0])
    crop, share, signed, kernel, *_ = figure.axes
    assert len(boxes(crop)) == 15
    numbers = [float(text.get_text()) for text in signed.texts]
    np.testing.assert_allclose(numbers, 100 * rows[0].signed_share[2:].ravel(), atol=0.051)
    low, high = signed.images[0].get_clim()
    assert low == -high
    numbers = [float(text.get_text()) for text in share.texts]
    np.testing.assert_allclose(numbers, 100 * rows[0].norm_share[2:].ravel(), atol=0.051)
    assert sum(numbers) == pytest.approx(100, abs=1)
    numbers = [float(text.get_text()) for text in kernel.texts]
    np.testing.assert_allclose(numbers, np.abs(rows[0].kernel).mean(0).ravel(), atol=0.00051)
    assert "the same for every picture" in texts(figure)


def test_what_all_queries_give_is_drawn_in_times_even(windowed):
    image, traced, rows = windowed
    found = in_degree(traced, 3, 1)
    figure = heads_figure(traced, image, rows[2], found, (90, 40))
    values = 2 ** token_maps(figure)[-1].get_array()
    # Windows of 5 on 4 x 6 tokens: one of 4 x 5 real tokens, one of 4 x 1, each of 25 in all.
    even = np.repeat([[20 / 25] * 5 + [4 / 25]], 4, axis=0)
    np.testing.assert_allclose(values * even, found.degree.mean(0))
    assert "pixel (90, 40)" in figure.get_suptitle()
    assert "from all queries" in texts(figure)


def test_a_head_that_does_not_exist_is_refused(windowed):
    image, traced, rows = windowed
    with pytest.raises(AnalysisError, match="no head 4: its block has heads 0 to 3"):
        stages_figure(traced, image, rows, head=4)
