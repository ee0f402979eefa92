"""Effective receptive fields: how strongly each input pixel moves a unit, here and now.

After Luo et al., "Understanding the Effective Receptive Field", arXiv 1701.04128. The energy of a
pixel is the squared Frobenius norm of the Jacobian of the unit's channel vector y by the pixel's
colours, estimated without bias as the mean of |d(v.y)/d(pixel)|^2 over Rademacher probes v.
Summing the channels instead gives zero wherever a LayerNorm comes last, since its channels sum to
a constant. Energies are never put through a logarithm or a clamp, so that all shares are invariant
to their scale.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from analysis.core.errors import AnalysisError

Key = TypeVar("Key", bound=Hashable)
Readout = Callable[[Tensor], Mapping[Key, Tensor]]
"""Maps pictures (B, 3, H, W) to named units, each a channel vector (B, C) per picture.

Any network fits behind one, provided that its pictures do not mix (BatchNorm in eval mode).
:mod:`analysis.receptive_field.units` has those of a UniFormer.
"""

SHARES = (0.2, 0.3, 0.5, 0.95, 0.99)


@dataclass(frozen=True)
class EffectiveField:
    """Mean energy per input pixel, float64 (H, W), over ``pictures`` with ``probes`` each.

    Energy is squared output per squared unit of the normalised input, summed over the colours.
    """

    energy: np.ndarray
    pictures: int
    probes: int
    seed: int


@dataclass(frozen=True)
class Square:
    """The smallest centred square that holds ``energy_share`` of the energy.

    ``side_px`` is its side, borders of the picture ignored; ``area_share`` the share of the
    picture's pixels inside it, 0 to 1.
    """

    energy_share: float
    side_px: float
    area_share: float


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
    *_, fields = effective_field_steps(
        readout, pictures, probes=probes, batch_size=batch_size, seed=seed
    )
    assert isinstance(fields, dict)  # the last step
    return fields


def effective_field_steps(
    readout: Readout[Key],
    pictures: Iterable[Tensor],
    *,
    probes: int = 2,
    batch_size: int = 1,
    seed: int = 0,
) -> Iterator[int | dict[Key, EffectiveField]]:
    """Yield how many pictures are done after every batch, and last what they all give.

    Arguments, result and errors are those of :func:`effective_fields`.
    """
    if probes < 1 or batch_size < 1:
        raise AnalysisError("The numbers of probes and of pictures per batch must be at least 1.")
    generator = torch.Generator().manual_seed(seed)
    totals: dict[Key, Tensor] = {}
    used: dict[Key, int] = {}
    count = 0
    for batch in _batches(pictures, batch_size):
        for key, (energy, used[key]) in _energies(readout, batch, probes, generator).items():
            totals[key] = totals.get(key, 0) + energy
        count += len(batch)
        yield count
    if not count:
        raise AnalysisError("There are no pictures to measure a receptive field on.")
    if not all(total.isfinite().all() for total in totals.values()):
        raise AnalysisError("The gradients are not finite: check the weights and pictures for NaN.")
    yield {
        key: EffectiveField((total / count).cpu().numpy(), count, used[key], seed)
        for key, total in totals.items()
    }


def summarize(
    energy: np.ndarray, center_px: tuple[float, float], shares: Sequence[float] = SHARES
) -> FieldSummary:
    """Return the extent of an energy map (H, W) around the unit's own centre (row, column).

    ``center_px`` is :meth:`analysis.core.grid.Grid.center_px` for a token, or the pixel itself.
    ``shares`` lie above 0 and up to 1. Raises :class:`AnalysisError` for other shares and for a map
    that is negative, not finite or zero everywhere.
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
        squares=_squares(energy, center_px, shares),
        mass_center_px=(centers[0], centers[1]),
        sigma_px=(sigmas[0], sigmas[1]),
        radius_px=float(np.sqrt(sigmas[0] * sigmas[1])),
    )


def energy_within(
    energy: np.ndarray, center_px: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sides in pixels of all centred squares, and the share of the energy in each.

    Both are float64 and grow; arguments are those of :func:`summarize`.
    """
    sides, energies, _ = _rings(energy, center_px)
    return sides, energies / energies[-1]


def _rings(
    energy: np.ndarray, center_px: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return side, energy and number of pixels of every square about the centre.

    A square of side s holds the pixels whose Chebyshev distance is up to (s - 1) / 2.
    """
    rows, columns = np.ogrid[: energy.shape[0], : energy.shape[1]]
    distance = np.maximum(abs(rows - center_px[0]), abs(columns - center_px[1]))
    distances, ring = np.unique(distance, return_inverse=True)
    energies = np.bincount(ring.ravel(), energy.ravel()).cumsum()
    return 2 * distances + 1, energies, np.bincount(ring.ravel()).cumsum()


def _squares(
    energy: np.ndarray, center_px: tuple[float, float], shares: Sequence[float]
) -> tuple[Square, ...]:
    sides, energies, pixels = _rings(energy, center_px)
    reached = [int(np.searchsorted(energies, share * energies[-1])) for share in shares]
    return tuple(
        Square(share, float(sides[i]), float(pixels[i] / energy.size))
        for share, i in zip(shares, reached, strict=True)
    )


def _energies(
    readout: Readout[Key], batch: Tensor, probes: int, generator: torch.Generator
) -> dict[Key, tuple[Tensor, int]]:
    """Return energies (H, W), mean over probes, sum over a batch, and the probes each took."""
    with torch.inference_mode(False), torch.enable_grad():
        x = batch.clone().requires_grad_()
        units = readout(x)
        energies = {}
        for key, signs in _signs(units, probes, generator).items():
            total = x.new_zeros(x.shape[-2:], dtype=torch.float64)
            for sign in signs:
                (gradient,) = torch.autograd.grad((sign * units[key]).sum(), x, retain_graph=True)
                total += gradient.double().square().sum(dim=(0, 1))
            energies[key] = total / len(signs), len(signs)
    return energies


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
