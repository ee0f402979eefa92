"""Figures of receptive fields say what they show: scale, theory, squares, weights."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba

from analysis.core.progress import finish
from analysis.figures.receptive_field import (
    DECADES,
    INNER,
    OUTER,
    THEORY,
    energy_curves,
    field_maps,
    field_table,
)
from analysis.receptive_field.extent import energy_within
from analysis.receptive_field.networks import uniformer_network
from analysis.receptive_field.networks.comparison import compare_fields

SIZE = (64, 96)


@pytest.fixture
def comparison(tiny):
    model = tiny(window_size=2)
    networks = [uniformer_network(model, SIZE, reach) for reach in ("global", "local")]
    picture = torch.randn(1, 3, *SIZE, dtype=torch.float64)
    result = finish(compare_fields(networks, [picture]))
    return result


def all_text(figure):
    figure.canvas.draw()
    texts = [figure.get_suptitle(), figure.get_supxlabel()]
    for axes in figure.axes:
        texts += [axes.get_title(), axes.get_ylabel(), axes.get_xlabel()]
    return "\n".join(texts)


def test_maps_have_a_row_per_network_and_a_color_bar_with_a_unit(comparison):
    figure = field_maps(comparison)
    text = all_text(figure)
    assert len(figure.axes) == 4 * 2 + 1
    assert "log10 of energy / maximum" in text
    assert "H · heuristic" in text  # two probes leave the sides without an error
    assert "1 picture and 2 probes each" in text
    assert text.count("random weights") == 2
    assert "tiny (local)\nrandom weights\nstage 1" in text


@pytest.mark.parametrize("draw", [field_maps, energy_curves, field_table])
@pytest.mark.parametrize(("error", "grade"), [(0.01, "S · statistic"), (100.0, "H · heuristic")])
def test_figures_are_graded_by_how_well_the_sides_are_known(comparison, draw, error, grade):
    fields = [
        replace(field, summary=replace(field.summary, squares=tuple(
            replace(square, side_error_px=error) for square in field.summary.squares
        )))
        for field in comparison.fields
    ]  # fmt: skip
    assert grade in all_text(draw(replace(comparison, fields=tuple(fields))))


def test_maps_are_scaled_to_their_own_maximum_and_leave_pixels_without_energy_clear(comparison):
    for axes, number in zip(field_maps(comparison).axes, range(4), strict=False):
        (image,) = axes.images
        field, shown = comparison.fields[number], image.get_array()
        assert image.get_clim() == (-DECADES, 0)
        assert shown.max() == 0
        np.testing.assert_array_equal(np.ma.getmaskarray(shown), field.energy == 0)
        np.testing.assert_allclose(
            10 ** shown.compressed(), (field.energy / field.energy.max())[field.energy > 0]
        )


def test_rectangles_are_the_theoretical_field_and_the_centered_squares(comparison):
    field = comparison.fields[0]
    boxes = {patch.get_edgecolor(): patch for patch in field_maps(comparison).axes[0].patches}
    theory = boxes[to_rgba(THEORY)]
    assert theory.get_bbox().bounds == (
        field.theoretical.left_px,
        field.theoretical.top_px,
        field.theoretical.width_px,
        field.theoretical.height_px,
    )
    for color, share in ((INNER, 0.5), (OUTER, 0.99)):
        (square,) = (s for s in field.summary.squares if s.energy_share == share)
        box = boxes[to_rgba(color)]
        assert box.get_width() == box.get_height() == square.side_px
        # A pixel spans i to i + 1, so its middle is drawn half a pixel further.
        assert box.get_x() + box.get_width() / 2 == field.center_px[1] + 0.5
        assert box.get_y() + box.get_height() / 2 == field.center_px[0] + 0.5


def test_curves_rise_to_one_beside_that_of_an_even_field(comparison):
    figure = energy_curves(comparison)
    assert "side of the square, pixels" in all_text(figure)
    assert len(figure.axes) == 4
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == [
            "tiny (global)",
            "tiny (local)",
            "even",
        ]
        for line in axes.lines:
            assert (np.diff(line.get_ydata()) >= 0).all()
            assert line.get_ydata()[-1] == pytest.approx(1)
        assert [line.get_linestyle() for line in axes.lines] == ["--", "--", "-"]


def test_the_even_curve_is_that_around_the_same_unit(tiny):
    picture = torch.randn(1, 3, *SIZE, dtype=torch.float64)
    corner = finish(compare_fields([uniformer_network(tiny(), SIZE)], [picture], (60, 90)))
    for axes, field in zip(energy_curves(corner).axes, corner.fields, strict=True):
        sides, shares = energy_within(np.ones(SIZE), field.center_px)
        np.testing.assert_array_equal(axes.lines[-1].get_xydata(), np.stack([sides, shares], 1))
    assert "row 60, column 90 of 64 x 96" in energy_curves(corner).get_suptitle()


def test_the_table_shows_every_field(comparison):
    figure = field_table(comparison)
    (table,) = figure.axes[0].tables
    cells = {place: cell.get_text().get_text() for place, cell in table.get_celld().items()}
    assert cells[0, 0] == "network"
    assert max(row for row, _ in cells) == len(comparison.fields)
    for row, field in enumerate(comparison.fields, start=1):
        assert cells[row, 0] == field.network
        assert cells[row, 3] == "random"
        half = field.summary.squares[2]
        assert cells[row, 7] == f"{half.side_px:.0f} ± ?"
    assert cells[1, 4] == str(comparison.fields[0].theoretical_px)
    assert cells[4, 4] == "64 x 96"


@pytest.mark.parametrize("draw", [field_maps, energy_curves, field_table])
def test_figures_can_be_saved(comparison, draw):
    file = io.BytesIO()
    draw(comparison).savefig(file, format="png", dpi=50)
    assert file.getvalue().startswith(b"\x89PNG")
