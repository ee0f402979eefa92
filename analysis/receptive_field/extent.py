"""How far an energy map reaches: squares that hold a share of it, its centre and its spread.

All follow from sums over pixels, the same of every part of a measurement, so that each has the
standard error that the parts' scatter gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.core.errors import AnalysisError
from analysis.core.uncertainty import NORMAL, jackknife, student

Center = tuple[float, float]
"""Where a unit is, row and column, from the middle of the first pixel."""

SHARES = (0.2, 0.3, 0.5, 0.95, 0.99)

TOLERANCE = 0.1
"""Standard error of a side, as a share of it, up to which it is known well enough..."""

FINE_PX = 2.0
"""...or in pixels of the network's input: squares grow by two."""

ROUNDING_PX = FINE_PX / 12**0.5
"""Standard error of a side that comes in such steps, however well all else is known."""

FEWEST_PROBES = 8
"""From which on an error can be told: fewer are often alike by chance, and would end too soon."""

UNKNOWN = float("nan")


@dataclass(frozen=True)
class Square:
    """The smallest centred square that holds ``energy_share`` of the energy.

    ``side_px`` is its side, borders of the picture ignored, ``area_share`` the share of the
    picture's pixels inside it, 0 to 1. Their standard errors are 0 where nothing was drawn, NaN
    where too little was; that of a side holds the rounding to whole pixels, too.
    """

    energy_share: float
    side_px: float
    area_share: float
    side_error_px: float = UNKNOWN
    area_share_error: float = UNKNOWN

    @property
    def well_known(self) -> bool:
        """Whether the error is within ``TOLERANCE`` of the side or ``FINE_PX``."""
        return self.side_error_px <= max(TOLERANCE * self.side_px, FINE_PX)


@dataclass(frozen=True)
class FieldSummary:
    """Extent of an energy map; positions and spreads are (row, column).

    ``mass_center_px`` counts from the middle of the first pixel. ``sigma_px`` is the standard
    deviation about it, that of the Gaussian with the same second moments, and ``radius_px`` the
    geometric mean of the two. Standard errors are as those of a :class:`Square`.
    """

    total_energy: float
    squares: tuple[Square, ...]
    mass_center_px: tuple[float, float]
    sigma_px: tuple[float, float]
    radius_px: float
    mass_center_error_px: tuple[float, float] = (UNKNOWN, UNKNOWN)
    sigma_error_px: tuple[float, float] = (UNKNOWN, UNKNOWN)
    radius_error_px: float = UNKNOWN

    def exact(self) -> FieldSummary:
        """Return the same of a map that was computed, not estimated: without any error."""
        squares = (replace(one, side_error_px=0.0, area_share_error=0.0) for one in self.squares)
        return replace(
            self, squares=tuple(squares), mass_center_error_px=(0.0, 0.0),
            sigma_error_px=(0.0, 0.0), radius_error_px=0.0,
        )  # fmt: skip


class Rings:
    """All squares about a centre on a map of ``size``: their ``sides`` and ``pixels`` (squares,).

    A square of side s holds the pixels whose Chebyshev distance is up to (s - 1) / 2.
    """

    def __init__(self, size: tuple[int, int], center_px: Center) -> None:
        rows, columns = np.ogrid[: size[0], : size[1]]
        self._across = rows - center_px[0], columns - center_px[1]
        distance = np.maximum(*map(abs, self._across))
        distances, ring = np.unique(distance, return_inverse=True)
        self._ring = ring.ravel()
        self.sides = 2 * distances + 1
        self.pixels = np.bincount(self._ring).cumsum()

    def energy_within(self, energy: np.ndarray) -> np.ndarray:
        """Return the energy of a map (H, W) within each square, (squares,)."""
        return np.bincount(self._ring, energy.ravel()).cumsum()

    def sums(self, energy: np.ndarray) -> np.ndarray:
        """Return all that the extent of a map (H, W) follows from, (squares + 4,).

        The energy within each square, then the sums over all pixels of energy times their distance
        from the centre, down and across, and times its square.
        """
        moments = [
            (energy.sum(axis=1 - axis) * offsets.ravel() ** power).sum()
            for power in (1, 2)
            for axis, offsets in enumerate(self._across)
        ]
        return np.concatenate([self.energy_within(energy), moments])

    def sides_of(self, sums: np.ndarray, shares: Sequence[float]) -> np.ndarray:
        """Return the sides that hold ``shares``, interpolated: changes below a pixel are seen."""
        within = sums[: len(self.sides)]
        return np.interp(shares, within / within[-1], self.sides)

    def spread_of(self, sums: np.ndarray) -> np.ndarray:
        """Return the mean offset from the centre, down and across, both sigmas, and the radius."""
        means, squares = sums[-4:].reshape(2, 2) / sums[len(self.sides) - 1]
        sigmas = np.sqrt(np.maximum(squares - means**2, 0))
        return np.array([*means, *sigmas, np.sqrt(sigmas[0] * sigmas[1])])


def summarize(
    energy: np.ndarray,
    center_px: Center,
    shares: Sequence[float] = SHARES,
    samples: np.ndarray | None = None,
) -> FieldSummary:
    """Return the extent of an energy map (H, W) around the unit's own centre (row, column).

    ``center_px`` is :meth:`analysis.core.grid.Grid.center_px` for a token, or the pixel itself.
    ``shares`` lie above 0 and up to 1, ``samples`` are those of an
    :class:`analysis.receptive_field.effective.EffectiveField`: all errors follow from them. Raises
    :class:`AnalysisError` for other shares and for a map that is negative, not finite or zero
    everywhere.
    """
    energy = np.asarray(energy, dtype=np.float64)
    if not (np.isfinite(energy).all() and (energy >= 0).all() and energy.any()):
        raise AnalysisError("A receptive field needs finite energies, none negative, not all zero.")
    if not all(0 < share <= 1 for share in shares):
        raise AnalysisError(f"Shares of the energy lie above 0 and up to 1, not {tuple(shares)}.")
    rings = Rings(energy.shape, center_px)
    sums = rings.sums(energy)
    within = sums[: len(rings.sides)]
    reached = [int(np.searchsorted(within, share * within[-1])) for share in shares]
    down, across, *sigmas, radius = map(float, rings.spread_of(sums))
    errors = np.full(2 * len(shares) + 5, np.nan)
    if samples is not None:
        errors = errors_of(samples, lambda left: _all_of(rings, left, shares, energy.size))
    sides, areas, spread = np.split(errors, [len(shares), 2 * len(shares)])
    sides = np.hypot(sides, ROUNDING_PX)
    return FieldSummary(
        total_energy=float(within[-1]),
        squares=tuple(
            Square(
                share, float(rings.sides[at]), float(rings.pixels[at] / energy.size),
                float(side), float(area),
            )
            for share, at, side, area in zip(shares, reached, sides, areas, strict=True)
        ),
        mass_center_px=(center_px[0] + down, center_px[1] + across),
        sigma_px=(sigmas[0], sigmas[1]),
        radius_px=radius,
        mass_center_error_px=(float(spread[0]), float(spread[1])),
        sigma_error_px=(float(spread[2]), float(spread[3])),
        radius_error_px=float(spread[4]),
    )  # fmt: skip


def energy_within(energy: np.ndarray, center_px: Center) -> tuple[np.ndarray, np.ndarray]:
    """Return the sides in pixels of all centred squares, and the share of the energy in each.

    Both are float64 and grow; arguments are those of :func:`summarize`.
    """
    rings = Rings(energy.shape, center_px)
    energies = rings.energy_within(energy)
    return rings.sides, energies / energies[-1]


def errors_of(samples: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the standard errors of ``statistic`` of the sum of ``samples`` (n, sums).

    They are equal parts of a measurement, each left out in turn. Of few parts the scatter is known
    less well, so errors are wider by Student's t: 1.96 of them hold 95 % of measurements. NaN where
    there are fewer parts than ``FEWEST_PROBES``, or where a part left out leaves nothing.
    """
    if len(samples) < FEWEST_PROBES:
        return np.full_like(statistic(samples.sum(axis=0)), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = [statistic(left) for left in samples.sum(axis=0) - samples]
    return jackknife(found) * student(len(samples)) / NORMAL


def well_known(rings: Rings, samples: np.ndarray) -> bool:
    """Return whether the sides that hold all ``SHARES`` are known as well as they have to be.

    ``samples`` (parts, sums) are the :meth:`Rings.sums` of equal parts of a measurement.
    """
    total = samples.sum(axis=0)
    if not total[len(rings.sides) - 1] > 0:
        return False
    allowed = np.maximum(TOLERANCE * rings.sides_of(total, SHARES), FINE_PX)
    return bool((errors_of(samples, lambda left: rings.sides_of(left, SHARES)) <= allowed).all())


def _all_of(rings: Rings, sums: np.ndarray, shares: Sequence[float], pixels: int) -> np.ndarray:
    """Return sides, shares of the area and spread, as :func:`summarize` has errors of."""
    sides = rings.sides_of(sums, shares)
    areas = np.interp(sides, rings.sides, rings.pixels / pixels)
    return np.concatenate([sides, areas, rings.spread_of(sums)])
