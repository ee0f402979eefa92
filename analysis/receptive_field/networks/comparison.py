"""Receptive fields of several networks side by side: same pictures, same place, same estimator.

The energy maps are those of :mod:`analysis.receptive_field.effective`. They reflect the weights as
much as the architecture: with random weights a field follows from the initialisation, so every row
says which weights it is about, and trained networks are best compared with trained ones.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from analysis.core.checks import check_pixel
from analysis.core.errors import AnalysisError
from analysis.core.evidence import Grade
from analysis.core.grid import Token
from analysis.core.progress import Progress, Work, relay
from analysis.receptive_field.effective import EffectiveField, Measured, effective_field_steps
from analysis.receptive_field.extent import FieldSummary, summarize
from analysis.receptive_field.networks.network import Network, check_size
from analysis.receptive_field.networks.picture_folder import PictureFolder
from analysis.receptive_field.theoretical import ReceptiveField

LOGITS = "logits"
"""The level above the decoder: the margin of one class at the very pixel, which needs no probes."""


@dataclass(frozen=True)
class NetworkField:
    """The field of one unit: what it can see, ``theoretical``, and how much it does, ``energy``.

    ``energy`` is float64 (H, W); ``theoretical`` lies within the picture, None where the network's
    layers are not known, and ``theoretical_px`` is its side without borders (see
    :class:`analysis.receptive_field.networks.network.Level`).
    ``center_px`` (row, column) counts from the middle of the first pixel; ``summary`` is taken
    about it.
    """

    network: str
    level: str
    stride_px: int
    trained: bool
    weights: str
    unit: Token
    center_px: tuple[float, float]
    theoretical_px: int | None
    theoretical: ReceptiveField | None
    energy: np.ndarray
    probes: int
    summary: FieldSummary


class InPicture(NamedTuple):
    """The picture as it was given, (height, width), and the pixel asked about, (row, column)."""

    size_px: tuple[int, int]
    pixel: tuple[int, int]


@dataclass(frozen=True)
class FieldComparison:
    """Fields of all levels of all networks near ``pixel`` (row, column) of the network's input.

    Averages over ``pictures`` pictures, with as many probes each as the field says. ``in_picture``
    says of what the input was made, where that is one picture.
    """

    fields: tuple[NetworkField, ...]
    size_px: tuple[int, int]
    pixel: tuple[int, int]
    pictures: int
    seed: int
    in_picture: InPicture | None = None

    @property
    def picture_scale(self) -> tuple[float, float]:
        """Pixels of the picture per pixel of the input, down and across; 1 where there is none."""
        if self.in_picture is None:
            return 1.0, 1.0
        (height, width), (tall, wide) = self.in_picture.size_px, self.size_px
        return height / tall, width / wide

    @property
    def side_scale(self) -> float:
        """The same for sides of squares: that of the square of equal area in the picture."""
        return math.sqrt(math.prod(self.picture_scale))

    @property
    def well_known(self) -> bool:
        """Whether all sides of all fields have a small error."""
        return all(square.well_known for field in self.fields for square in field.summary.squares)

    @property
    def grade(self) -> Grade:
        """A statistic as long as all sides are known well, else a heuristic."""
        return "statistic" if self.well_known else "heuristic"

    def rows(self) -> list[dict[str, object]]:
        """Return a row per network and level; units are in the names of the columns.

        ``theoretical_input_px`` is None where a unit sees the whole picture or where there is no
        single number; ``theoretical_height_input_px`` and ``theoretical_width_input_px`` are those
        in this picture, None where the layers are not known. Columns in ``picture_px`` are there
        where ``in_picture`` is known.
        """
        return [_table_row(field, self) for field in self.fields]

    def csv(self) -> str:
        """Return the :meth:`rows` as CSV, None left empty."""
        rows, text = self.rows(), io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


def compare_fields(
    networks: Sequence[Network],
    pictures: Sequence[Tensor] | PictureFolder,
    pixel: tuple[int, int] | None = None,
    *,
    probes: int = 2,
    batch_size: int = 2,
    seed: int = 0,
    until_known: bool = False,
) -> Work[FieldComparison]:
    """Yield the progress over pictures and networks, and return the comparison.

    ``pictures`` are network inputs (1, 3, H, W) of the size the networks were made for, gone
    through once per network, ``batch_size`` at a time: a :class:`PictureFolder` never holds more.
    ``pixel`` (row, column) is the middle if None; every level is measured at the unit nearest to
    it, about that unit's own centre. With ``until_known`` and a single picture, ``probes`` are the
    most: they end once the sides of the squares are known to within 10 % or 2 pixels of
    the input.

    Raises :class:`AnalysisError` without networks, for different sizes, a pixel outside, and what
    :func:`analysis.receptive_field.effective.effective_fields` refuses.
    """
    size_px = _common_size(networks, pictures)
    pixel = pixel or (size_px[0] // 2, size_px[1] // 2)
    check_pixel(size_px, pixel[1], pixel[0])
    fields: list[NetworkField] = []
    steps_per_network = math.ceil(len(pictures) / batch_size) if batch_size > 0 else 0
    for number, network in enumerate(networks):
        units = {level.name: level.unit_at(pixel, size_px) for level in network.levels}
        centers = {level.name: level.center_px(units[level.name]) for level in network.levels}
        work = effective_field_steps(
            network.readout(units), pictures, probes=probes, batch_size=batch_size, seed=seed,
            centers=centers, until_known=until_known,
        )  # fmt: skip

        def step(done: Measured, before: int = number * steps_per_network) -> Progress:
            batches = before + math.ceil(done.pictures / batch_size)
            return Progress(max(batches, 1), len(networks) * steps_per_network, done.energy)

        fields += _described(network, units, (yield from relay(work, step)))
    return FieldComparison(tuple(fields), size_px, pixel, len(pictures), seed)


def _common_size(
    networks: Sequence[Network], pictures: Sequence[Tensor] | PictureFolder
) -> tuple[int, int]:
    if not networks:
        raise AnalysisError("Name at least one network to measure.")
    sizes = {network.size_px for network in networks}
    if len(sizes) != 1:
        raise AnalysisError(f"Networks to compare must be made for one size, not {sorted(sizes)}.")
    (size_px,) = sizes
    check_size(size_px)
    first = next(iter(pictures), None)
    if first is not None and tuple(first.shape[-2:]) != size_px:
        raise AnalysisError(
            f"The networks were made for {size_px[0]} x {size_px[1]} pixels and the pictures have "
            f"{first.shape[-2]} x {first.shape[-1]}."
        )
    return size_px


def _described(
    network: Network, units: dict[str, Token], measured: dict[str, EffectiveField]
) -> Iterator[NetworkField]:
    for level in network.levels:
        unit, found = units[level.name], measured[level.name]
        center = level.center_px(unit)
        yield NetworkField(
            network=network.name,
            level=level.name,
            stride_px=level.stride_px,
            trained=network.trained,
            weights=network.weights,
            unit=unit,
            center_px=center,
            theoretical_px=level.theoretical_px,
            theoretical=level.field(network.size_px, unit),
            energy=found.energy,
            probes=found.probes,
            summary=summarize(found.energy, center, samples=found.samples),
        )


def _table_row(field: NetworkField, comparison: FieldComparison) -> dict[str, object]:
    summary = field.summary
    row = {
        "network": field.network,
        "level": field.level,
        "stride_input_px": field.stride_px,
        "trained": "yes" if field.trained else "no",
        "weights": field.weights,
        "pictures": comparison.pictures,
        "probes": field.probes,
        "center_row_input_px": field.center_px[0],
        "center_column_input_px": field.center_px[1],
        "theoretical_input_px": field.theoretical_px,
        **_theoretical(field.theoretical),
    }
    for square in summary.squares:
        percent = f"{100 * square.energy_share:g}"
        row[f"side_{percent}_input_px"] = square.side_px
        row[f"side_{percent}_error_input_px"] = square.side_error_px
        row[f"area_share_{percent}"] = square.area_share
        row[f"area_share_{percent}_error"] = square.area_share_error
    for at, axis in enumerate(("row", "column")):
        row[f"mass_center_{axis}_input_px"] = summary.mass_center_px[at]
        row[f"mass_center_{axis}_error_input_px"] = summary.mass_center_error_px[at]
        row[f"sigma_{axis}_input_px"] = summary.sigma_px[at]
        row[f"sigma_{axis}_error_input_px"] = summary.sigma_error_px[at]
    row["radius_input_px"] = summary.radius_px
    row["radius_error_input_px"] = summary.radius_error_px
    if comparison.in_picture is not None:
        row |= _in_picture(field, comparison)
    return row


def _theoretical(box: ReceptiveField | None) -> dict[str, object]:
    """Return where a theoretical field is and how large, None where it is not known."""
    return {
        f"theoretical_{name}_input_px": None if box is None else getattr(box, f"{name}_px")
        for name in ("top", "left", "height", "width")
    }


def _in_picture(field: NetworkField, comparison: FieldComparison) -> dict[str, object]:
    """Return the sides of a row in pixels of the picture."""
    (down, across), side = comparison.picture_scale, comparison.side_scale
    box, squares = field.theoretical, {}
    for square in field.summary.squares:
        percent = f"{100 * square.energy_share:g}"
        squares[f"side_{percent}_picture_px"] = side * square.side_px
        squares[f"side_{percent}_error_picture_px"] = side * square.side_error_px
    return {
        "theoretical_height_picture_px": None if box is None else down * box.height_px,
        "theoretical_width_picture_px": None if box is None else across * box.width_px,
        **squares,
        "radius_picture_px": side * field.summary.radius_px,
        "radius_error_picture_px": side * field.summary.radius_error_px,
    }
