"""Effective receptive fields: how strongly each input pixel moves a unit, here and now.

After Luo et al., "Understanding the Effective Receptive Field", arXiv 1701.04128. The energy of a
pixel is the squared Frobenius norm of the Jacobian of the unit's channel vector y by the pixel's
colours, estimated without bias as the mean of |d(v.y)/d(pixel)|^2 over Rademacher probes v.
Summing the channels instead gives zero wherever a LayerNorm comes last, since its channels sum to
a constant. Energies are never put through a logarithm or a clamp, so that all shares are invariant
to their scale.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from analysis.core.errors import AnalysisError
from analysis.core.progress import finish

Key = TypeVar("Key", bound=Hashable)
Readout = Callable[[Tensor], Mapping[Key, Tensor]]
"""Maps pictures (B, 3, H, W) to named units, each a channel vector (B, C) per picture.

Any network fits behind one, provided that its pictures do not mix (BatchNorm in eval mode).
:mod:`analysis.receptive_field.units` has those of a UniFormer.
"""

Center = tuple[float, float]
"""Where a unit is, row and column, from the middle of the first pixel."""

SHARES = (0.2, 0.3, 0.5, 0.95, 0.99)

TOLERANCE = 0.1
"""Standard error of a side, as a share of it, up to which it is known well enough..."""

FINE_PX = 2.0
"""...or in pixels of the network's input: squares grow by two."""

FEWEST_PROBES = 4
"""From which on the error of a side can be told."""

MOST_PROBES = 32


@dataclass(frozen=True)
class EffectiveField:
    """Mean energy per input pixel, float64 (H, W), over ``pictures`` with ``probes`` each.

    Energy is squared output per squared unit of the normalised input, summed over the colours.
    ``samples`` (n, squares) is the energy within every square about the unit's centre in each of n
    equal parts of the measurement, the pictures or the probes of a single one; None where the
    centre was not given.
    """

    energy: np.ndarray
    pictures: int
    probes: int
    seed: int
    samples: np.ndarray | None = None


@dataclass(frozen=True)
class Square:
    """The smallest centred square that holds ``energy_share`` of the energy.

    ``side_px`` is its side, borders of the picture ignored, ``side_error_px`` the standard error
    of that: 0 where nothing was drawn, NaN where too little was. ``area_share`` is the share of the
    picture's pixels inside it, 0 to 1.
    """

    energy_share: float
    side_px: float
    area_share: float
    side_error_px: float = float("nan")

    @property
    def well_known(self) -> bool:
        """Whether the error is within ``TOLERANCE`` of the side or ``FINE_PX``."""
        return self.side_error_px <= max(TOLERANCE * self.side_px, FINE_PX)


@dataclass(frozen=True)
class FieldSummary:
    """Extent of an energy map; positions and spreads are (row, column).

    ``mass_center_px`` counts from the middle of the first pixel. ``sigma_px`` is the standard
    deviation about it, that of the Gaussian with the same second moments, and ``radius_px`` the
    geometric mean of the two.
    """

    total_energy: float
    squares: tuple[Square, ...]
    mass_center_px: tuple[float, float]
    sigma_px: tuple[float, float]
    radius_px: float


def effective_fields(
    readout: Readout[Key],
    pictures: Iterable[Tensor],
    *,
    probes: int = 2,
    batch_size: int = 1,
    seed: int = 0,
) -> dict[Key, EffectiveField]:
    """Return the energy map of every unit of ``readout``, averaged over ``pictures``.

    ``pictures`` are network inputs (1, 3, H, W) of one size, read one batch at a time. ``probes``
    are drawn per picture and unit; their error falls as 1 / sqrt(pictures * probes), and a unit
    with one channel needs none: it is exact after one backward pass. ``batch_size`` changes speed
    and memory only; 1 or 2 is the fastest on a CPU. The model, its gradients and the global random
    state are left as they are.

    Raises :class:`AnalysisError` without pictures, for pictures of different sizes, counts below 1,
    and gradients that are not finite.
    """
    work = effective_field_steps(readout, pictures, probes=probes, batch_size=batch_size, seed=seed)
    return finish(work)


def effective_field_steps(
    readout: Readout[Key],
    pictures: Iterable[Tensor],
    *,
    probes: int = 2,
    batch_size: int = 1,
    seed: int = 0,
    centers: Mapping[Key, Center] | None = None,
    until_known: bool = False,
) -> Generator[int, None, dict[Key, EffectiveField]]:
    """Yield how many pictures are done after every probe and batch, and return what they all give.

    With the ``centers`` of the units the fields have samples, from which errors follow. With
    ``until_known`` too, the probes of a single picture end, unit by unit, once the sides of its
    squares are known well enough; ``probes`` is then the most that are drawn. All else is that of
    :func:`effective_fields`.
    """
    if probes < 1 or batch_size < 1:
        raise AnalysisError("The numbers of probes and of pictures per batch must be at least 1.")
    generator = torch.Generator().manual_seed(seed)
    totals: dict[Key, Tensor] = {}
    used: dict[Key, int] = {}
    sampled: dict[Key, list[np.ndarray]] = {}
    count = 0
    for batch in _batches(pictures, batch_size):
        rings = {key: Rings(batch.shape[-2:], at) for key, at in (centers or {}).items()}
        for step in _energies(readout, batch, probes, generator, rings, until_known):
            if step is None:
                yield count
                continue
            key, energy, curves, used[key] = step
            totals[key] = totals.get(key, 0) + energy
            sampled.setdefault(key, []).append(curves)
        count += len(batch)
        yield count
    if not count:
        raise AnalysisError("There are no pictures to measure a receptive field on.")
    if not all(total.isfinite().all() for total in totals.values()):
        raise AnalysisError("The gradients are not finite: check the weights and pictures for NaN.")
    return {
        key: EffectiveField(
            (total / count).cpu().numpy(), count, used[key], seed, _samples(sampled[key], count)
        )
        for key, total in totals.items()
    }


def _samples(curves: Sequence[np.ndarray], pictures: int) -> np.ndarray | None:
    """Return the parts of a measurement from curves (probes, batch, squares) of all its batches."""
    if not curves[0].size:
        return None
    if pictures == 1:
        return curves[0][:, 0]
    return np.concatenate([batch.mean(axis=0) for batch in curves])


def summarize(
    energy: np.ndarray,
    center_px: Center,
    shares: Sequence[float] = SHARES,
    samples: np.ndarray | None = None,
) -> FieldSummary:
    """Return the extent of an energy map (H, W) around the unit's own centre (row, column).

    ``center_px`` is :meth:`analysis.core.grid.Grid.center_px` for a token, or the pixel itself.
    ``shares`` lie above 0 and up to 1, ``samples`` are those of the :class:`EffectiveField`: the
    errors of the sides follow from them. Raises :class:`AnalysisError` for other shares and for a
    map that is negative, not finite or zero everywhere.
    """
    energy = np.asarray(energy, dtype=np.float64)
    if not (np.isfinite(energy).all() and (energy >= 0).all() and energy.any()):
        raise AnalysisError("A receptive field needs finite energies, none negative, not all zero.")
    if not all(0 < share <= 1 for share in shares):
        raise AnalysisError(f"Shares of the energy lie above 0 and up to 1, not {tuple(shares)}.")
    total = float(energy.sum())
    rows, columns = np.ogrid[: energy.shape[0], : energy.shape[1]]
    centers, sigmas = [], []
    for position in (rows, columns):
        mean = float((energy * position).sum() / total)
        centers.append(mean)
        sigmas.append(float(np.sqrt((energy * (position - mean) ** 2).sum() / total)))
    return FieldSummary(
        total_energy=total,
        squares=_squares(energy, center_px, shares, samples),
        mass_center_px=(centers[0], centers[1]),
        sigma_px=(sigmas[0], sigmas[1]),
        radius_px=float(np.sqrt(sigmas[0] * sigmas[1])),
    )


def energy_within(energy: np.ndarray, center_px: Center) -> tuple[np.ndarray, np.ndarray]:
    """Return the sides in pixels of all centred squares, and the share of the energy in each.

    Both are float64 and grow; arguments are those of :func:`summarize`.
    """
    rings = Rings(energy.shape, center_px)
    energies = rings.energy_within(energy)
    return rings.sides, energies / energies[-1]


class Rings:
    """All squares about a centre on a map of ``size``: their ``sides`` and ``pixels`` (squares,).

    A square of side s holds the pixels whose Chebyshev distance is up to (s - 1) / 2.
    """

    def __init__(self, size: tuple[int, int], center_px: Center) -> None:
        rows, columns = np.ogrid[: size[0], : size[1]]
        distance = np.maximum(abs(rows - center_px[0]), abs(columns - center_px[1]))
        distances, ring = np.unique(distance, return_inverse=True)
        self._ring = ring.ravel()
        self.sides = 2 * distances + 1
        self.pixels = np.bincount(self._ring).cumsum()

    def energy_within(self, energy: np.ndarray) -> np.ndarray:
        """Return the energy of a map (H, W) within each square, (squares,)."""
        return np.bincount(self._ring, energy.ravel()).cumsum()


def side_errors(sides: np.ndarray, samples: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Return the standard error of the side that holds each share, by the jackknife.

    ``samples`` (n, squares) is the energy within the squares of ``sides`` in equal parts of a
    measurement. Sides are interpolated, so that errors finer than a pixel are seen. NaN for fewer
    than ``FEWEST_PROBES`` parts.
    """
    count = len(samples)
    if count < FEWEST_PROBES:
        return np.full(len(shares), np.nan)
    left_out = samples.sum(axis=0) - samples
    found = np.stack([np.interp(shares, curve / curve[-1], sides) for curve in left_out])
    return np.sqrt((count - 1) * found.var(axis=0))


def _squares(
    energy: np.ndarray, center_px: Center, shares: Sequence[float], samples: np.ndarray | None
) -> tuple[Square, ...]:
    rings = Rings(energy.shape, center_px)
    energies = rings.energy_within(energy)
    reached = [int(np.searchsorted(energies, share * energies[-1])) for share in shares]
    errors = np.full(len(shares), np.nan)
    if samples is not None:
        errors = side_errors(rings.sides, samples, shares)
    known = [float(error) if np.isfinite(error) else np.nan for error in errors]
    return tuple(
        Square(share, float(rings.sides[i]), float(rings.pixels[i] / energy.size), error)
        for share, i, error in zip(shares, reached, known, strict=True)
    )


def _known(rings: Rings, samples: np.ndarray) -> bool:
    """Return whether the sides that hold all ``SHARES`` are known well enough."""
    within = samples.mean(axis=0)
    if not within[-1] > 0:
        return False
    sides = np.interp(SHARES, within / within[-1], rings.sides)
    return bool((side_errors(rings.sides, samples, SHARES) <= _allowed(sides)).all())


def _allowed(sides: np.ndarray) -> np.ndarray:
    return np.maximum(TOLERANCE * sides, FINE_PX)


def _energies(
    readout: Readout[Key],
    batch: Tensor,
    probes: int,
    generator: torch.Generator,
    rings: Mapping[Key, Rings],
    until_known: bool,
) -> Iterator[tuple[Key, Tensor, np.ndarray, int] | None]:
    """Yield None after a probe, and for every unit its name and what all its probes give.

    That is the energy (H, W), mean over probes and sum over the batch, the energy within every
    square (probes, batch, squares), empty without ``rings``, and the number of probes.
    """
    # Modes are not held across a yield: they belong to the caller then.
    with torch.inference_mode(False), torch.enable_grad():
        x = batch.clone().requires_grad_()
        units = readout(x)
        drawn = _signs(units, probes, generator)
        zeros = x.new_zeros(x.shape[-2:], dtype=torch.float64)
    for key, signs in drawn.items():
        total, curves = zeros, []
        for used, sign in enumerate(signs, start=1):
            with torch.inference_mode(False), torch.enable_grad():
                (gradient,) = torch.autograd.grad((sign * units[key]).sum(), x, retain_graph=True)
                energy = gradient.double().square().sum(dim=1)
                total = total + energy.sum(dim=0)
            if key in rings:
                curves.append([rings[key].energy_within(one) for one in energy.cpu().numpy()])
            enough = until_known and len(batch) == 1 and used >= FEWEST_PROBES
            if enough and np.isfinite(curves).all() and _known(rings[key], np.array(curves)[:, 0]):
                break
            yield None
        yield key, total / used, np.array(curves), used


def _signs(
    units: Mapping[Key, Tensor], probes: int, generator: torch.Generator
) -> dict[Key, Tensor]:
    """Return Rademacher vectors (probes, B, C), drawn picture by picture: batches do not matter."""
    drawn: dict[Key, list[Tensor]] = {key: [] for key in units}
    for _ in range(len(next(iter(units.values())))):
        for key, unit in units.items():
            channels = unit.shape[1]
            shape = (probes if channels > 1 else 1, channels)
            drawn[key].append(2 * torch.randint(2, shape, generator=generator) - 1)
    return {key: torch.stack(draws, dim=1).to(units[key]) for key, draws in drawn.items()}


def _batches(pictures: Iterable[Tensor], batch_size: int) -> Iterator[Tensor]:
    rest = iter(pictures)
    shape = None
    while batch := list(islice(rest, batch_size)):
        for picture in batch:
            shape = shape or picture.shape
            if picture.ndim != 4 or len(picture) != 1 or picture.shape != shape:
                raise AnalysisError(
                    "Pictures must be (1, 3, H, W) and of one size to be averaged: "
                    f"found {tuple(picture.shape)} beside {tuple(shape)}."
                )
        yield torch.cat(batch)
