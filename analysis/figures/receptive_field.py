"""Figures of a comparison of receptive fields: maps, energy curves and the table."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox

from analysis.core.uncertainty import with_error
from analysis.figures.canvas import (
    INK,
    NOTHING,
    QUIET,
    Limits,
    color_bar,
    heat,
    new_figure,
    picture_height,
    plain_ticks,
    plot_axes,
)
from analysis.figures.palette import SERIES
from analysis.receptive_field.extent import Square, energy_within
from analysis.receptive_field.networks.comparison import LOGITS, FieldComparison, NetworkField

DECADES = 8
"""Powers of ten below a map's own maximum that are told apart."""

PANEL, ACROSS = 2.0, 3
"""Width of a map in inches; panels of curves side by side."""

HALF, MOST = 0.5, 0.99
STYLES = {True: ("-", "-."), False: ("--", ":")}
"""Lines of trained and random networks, the second once all colours have been used."""

THEORY, INNER, OUTER = "white", SERIES[4], SERIES[1]


def field_maps(comparison: FieldComparison) -> Figure:
    """Draw every energy map on a logarithmic scale: a row per network, a column per level.

    White: the theoretical field. Orange: the centred squares with 50 % and 99 % of the energy.
    Pixels without energy are grey: those outside the theoretical field, and where products of many
    small weights leave the range of float32.
    """
    rows = _by_network(comparison)
    columns = max(map(len, rows.values()))
    figure = new_figure(
        PANEL * columns + 1,
        (picture_height(comparison.size_px, PANEL) + 0.65) * len(rows) + 1.1,
        f"Receptive fields of the units at {_where(comparison)}",
        comparison.grade,
        f"Energy of the Jacobian per pixel, mean of {_counts(comparison)}. White: theoretical "
        f"field; light and dark orange: centred squares with {HALF:.0%} and {MOST:.0%} of the "
        f"energy; grey: none. Each map is scaled to its own maximum; {DECADES} decades are shown. "
        "Energy is not importance for a class.",
    )
    grid = figure.subplots(len(rows), columns, squeeze=False)
    panels: list[Axes] = grid.ravel().tolist()
    images: list[AxesImage] = []
    for row, fields in enumerate(rows.values()):
        for column in range(columns):
            axes = panels[row * columns + column]
            if column < len(fields):
                images.append(_map(axes, fields[column], comparison.size_px))
                axes.set_title(_heading(fields[column], full=column == 0), fontsize=8, color=INK)
            else:
                axes.axis("off")
    color_bar(figure, images[-1], panels, "log10 of energy / maximum of the map", beyond="min")
    return figure


def energy_curves(comparison: FieldComparison) -> Figure:
    """Draw the share of energy within a centred square against its side, a panel per level.

    Levels are paired by their order. Thin grey: energy spread evenly over the picture.
    """
    columns = _by_network(comparison)
    levels = max(map(len, columns.values()))
    across = min(levels, ACROSS)
    down = -(-levels // across)
    figure = new_figure(
        2.9 * across + 1.8,
        2.6 * down + 1.2,
        f"Energy within a square around {_where(comparison)}",
        comparison.grade,
        f"Mean of {_counts(comparison)}. Dashed: random weights. Thin grey: energy spread evenly "
        "over the picture. A curve further left sees less far.",
    )
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    panels: list[Axes] = grid.ravel().tolist()
    for level, axes in enumerate(panels[:levels]):
        shown = [
            (number, name, fields[level])
            for number, (name, fields) in enumerate(columns.items())
            if level < len(fields)
        ]
        for number, name, field in shown:
            _curve(axes, field, name, number, comparison.side_scale)
        _even_curve(axes, shown[0][-1], comparison.side_scale)
        axes.set_title(" / ".join(dict.fromkeys(field.level for *_, field in shown)),
                       fontsize=9, color=INK)  # fmt: skip
        first = level % across == 0
        side = f"side of the square, {_unit(comparison)}"
        plot_axes(axes, side, "share of energy" if first else "")
        axes.set_ylim(0, 1.02)
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
    for axes in panels[levels:]:
        axes.remove()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8, frameon=False)
    return figure


def field_table(comparison: FieldComparison) -> Figure:
    """Draw the comparison as a table; :meth:`FieldComparison.csv` has all columns."""
    shares = [square.energy_share for square in comparison.fields[0].summary.squares]
    header = ["network", "level", "stride", "weights", "theory"]
    header += [f"{share:.0%}" for share in shares] + ["radius", "sigma down", "sigma across"]
    cells = [_cells(field, comparison) for field in comparison.fields]
    figure = new_figure(
        14,
        1.4 + 0.26 * len(cells),
        f"Extent of receptive fields at {_where(comparison)}, in {_unit(comparison)}",
        comparison.grade,
        f"Mean of {_counts(comparison)}. Percentages: side of the centred square that holds that "
        "share of the energy. ±: standard error. Theory: the side without borders, else what the "
        "unit sees of this picture.",
    )
    axes = figure.subplots()
    axes.axis("off")
    table = axes.table(
        cells, colLabels=header, bbox=Bbox.unit(), cellLoc="right", edges="horizontal"
    )
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    table.auto_set_column_width(range(len(header)))
    for (row, column), cell in table.get_celld().items():
        cell.set_edgecolor("#e4e7e5")
        cell.set_text_props(
            color=QUIET if row == 0 else INK, ha="left" if column in (0, 1, 3) else "right"
        )
    return figure


def _map(axes: Axes, field: NetworkField, size_px: tuple[int, int]) -> AxesImage:
    with np.errstate(divide="ignore"):
        decades = np.log10(field.energy / field.energy.max())
    axes.set_facecolor(NOTHING)
    shown = np.where(np.isfinite(decades), decades, np.nan)
    image = heat(axes, shown, Limits(-DECADES, 0.0), size_px)
    if (box := field.theoretical) is not None:
        corner = box.left_px, box.top_px
        axes.add_patch(
            Rectangle(corner, box.width_px, box.height_px, fill=False, ec=THEORY, lw=1.4)
        )
    for square in field.summary.squares:
        if square.energy_share in (HALF, MOST):
            _square(axes, field, square, INNER if square.energy_share == HALF else OUTER)
    return image


def _heading(field: NetworkField, full: bool) -> str:
    if not full:
        return field.level
    return f"{field.network}\n{_weights(field)} weights\n{field.level}"


def _weights(field: NetworkField) -> str:
    return "trained" if field.trained else "random"


def _square(axes: Axes, field: NetworkField, square: Square, color: str) -> None:
    row, column = (center + 0.5 - square.side_px / 2 for center in field.center_px)
    axes.add_patch(
        Rectangle((column, row), square.side_px, square.side_px, fill=False, ec=color, lw=1.4)
    )


def _curve(axes: Axes, field: NetworkField, label: str, number: int, scale: float) -> None:
    sides, shares = energy_within(field.energy, field.center_px)
    again, color = divmod(number, len(SERIES))
    style, width = STYLES[field.trained][again % 2], max(1.0, 3.0 - 0.7 * number)
    axes.plot(scale * sides, shares, style, color=SERIES[color], lw=width, label=label)


def _even_curve(axes: Axes, field: NetworkField, scale: float) -> None:
    """Draw what squares around the same unit hold of energy that is spread evenly."""
    sides, shares = energy_within(np.ones_like(field.energy), field.center_px)
    axes.plot(scale * sides, shares, color=QUIET, lw=1, label="even")


def _cells(field: NetworkField, comparison: FieldComparison) -> list[str]:
    box, (down, across), scale = field.theoretical, comparison.picture_scale, comparison.side_scale
    theory = "?" if box is None else f"{down * box.height_px:.0f} x {across * box.width_px:.0f}"
    if field.theoretical_px:
        theory = f"{scale * field.theoretical_px:.0f}"
    sides = [_side(square, scale) for square in field.summary.squares]
    summary = field.summary
    spread = [
        with_error(factor * value, factor * error)
        for factor, value, error in (
            (scale, summary.radius_px, summary.radius_error_px),
            (down, summary.sigma_px[0], summary.sigma_error_px[0]),
            (across, summary.sigma_px[1], summary.sigma_error_px[1]),
        )
    ]
    name = [field.network, field.level, f"{scale * field.stride_px:.3g}", _weights(field), theory]
    return [*name, *sides, *spread]


def _by_network(comparison: FieldComparison) -> dict[str, list[NetworkField]]:
    """Return the fields of each network, told apart by weights where names are equal."""
    columns: dict[tuple[str, str], list[NetworkField]] = {}
    for field in comparison.fields:
        columns.setdefault((field.network, field.weights), []).append(field)
    names = [network for network, _ in columns]
    return {
        network if names.count(network) == 1 else f"{network}, {weights.partition(':')[0]}": fields
        for (network, weights), fields in columns.items()
    }


def _where(comparison: FieldComparison) -> str:
    """Return where the units are: in the picture, or in the network's input for many pictures."""
    (row, column), (height, width) = comparison.pixel, comparison.size_px
    if comparison.in_picture is not None:
        (height, width), (row, column) = comparison.in_picture
    return f"row {row}, column {column} of {height} x {width} {_unit(comparison)}"


def _unit(comparison: FieldComparison) -> str:
    if comparison.in_picture is not None:
        return "pixels of the picture"
    return "pixels of the network's input"


def _counts(comparison: FieldComparison) -> str:
    pictures = f"{comparison.pictures} picture{'s' if comparison.pictures > 1 else ''}"
    drawn = [field.probes for field in comparison.fields if field.level != LOGITS] or [1]
    fewest, most = min(drawn), max(drawn)
    probes = f"{most} probe{'s' if most > 1 else ''}"
    return f"{pictures} and {probes if fewest == most else f'{fewest} to {probes}'} each"


def _side(square: Square, scale: float) -> str:
    """Return a side with its standard error; ``scale`` makes it one of those shown."""
    return with_error(scale * square.side_px, scale * square.side_error_px)
