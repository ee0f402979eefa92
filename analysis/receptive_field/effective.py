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
from analysis.receptive_field.extent import FEWEST_PROBES, Center, Rings, well_known

Key = TypeVar("Key", bound=Hashable)
Readout = Callable[[Tensor], Mapping[Key, Tensor]]
"""Maps pictures (B, 3, H, W) to named units, each a channel vector (B, C) per picture.

Any network fits behind one, provided that its pictures do not mix (BatchNorm in eval mode).
:mod:`analysis.receptive_field.units` has those of a UniFormer.
"""

MOST_PROBES = 32


@dataclass(frozen=True)
class EffectiveField:
    """Mean energy per input pixel, float64 (H, W), over ``pictures`` with ``probes`` each.

    Energy is squared output per squared unit of the normalised input, summed over the colours.
    ``samples`` (n, sums) are the :meth:`Rings.sums` about the unit's centre of n equal parts of the
    measurement, the pictures or the probes of a single one; None where no centre was given.
    """

    energy: np.ndarray
    pictures: int
    probes: int
    seed: int
    samples: np.ndarray | None = None


@dataclass(frozen=True)
class Measured:
    """How far a measurement is: ``pictures`` that are done, and the ``energy`` (H, W) so far of the
    unit that is measured now, None between two.
    """

    pictures: int
    energy: np.ndarray | None = None


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
) -> Generator[Measured, None, dict[Key, EffectiveField]]:
    """Yield how far it is after every probe and batch, and return the fields of all units.

    With the ``centers`` of the units the fields have samples, from which errors follow. With
    ``until_known`` too, the probes of a single picture end, unit by unit, once the sides of its
    squares are known well enough; ``probes`` is then the most that are drawn. All else, errors
    raised included, is that of :func:`effective_fields`.
    """
    if probes < 1 or batch_size < 1:
        raise AnalysisError("The numbers of probes and of pictures per batch must be at least 1.")
    generator = torch.Generator().manual_seed(seed)
    totals: dict[Key, Tensor] = {}
    used: dict[Key, int] = {}
    sampled: dict[Key, list[np.ndarray]] = {}
    rings: dict[Key, Rings] = {}
    count = 0
    for batch in _batches(pictures, batch_size):
        if not count:  # All pictures have one size.
            rings = {key: Rings(batch.shape[-2:], at) for key, at in (centers or {}).items()}
        for step in _energies(readout, batch, probes, generator, rings, until_known):
            if isinstance(step, np.ndarray):
                yield Measured(count, step)
                continue
            key, energy, sums, used[key] = step
            totals[key] = totals.get(key, 0) + energy
            sampled.setdefault(key, []).append(sums)
        count += len(batch)
        yield Measured(count)
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


def _samples(sums: Sequence[np.ndarray], pictures: int) -> np.ndarray | None:
    """Return the parts of a measurement from sums (probes, batch, sums) of all its batches."""
    if not sums[0].size:
        return None
    if pictures == 1:
        return sums[0][:, 0]
    return np.concatenate([batch.mean(axis=0) for batch in sums])


def _energies(
    readout: Readout[Key],
    batch: Tensor,
    probes: int,
    generator: torch.Generator,
    rings: Mapping[Key, Rings],
    until_known: bool,
) -> Iterator[tuple[Key, Tensor, np.ndarray, int] | np.ndarray]:
    """Yield the energy so far after a probe, and for every unit its name and what all probes give.

    That is the energy (H, W), mean over probes and sum over the batch, the sums of each probe and
    picture (probes, batch, sums), empty without ``rings``, and the number of probes.
    """
    # Modes are not held across a yield: they belong to the caller then.
    with torch.inference_mode(False), torch.enable_grad():
        x = batch.clone().requires_grad_()
        units = readout(x)
        drawn = _signs(units, probes, generator)
        zeros = x.new_zeros(x.shape[-2:], dtype=torch.float64)
    for key, signs in drawn.items():
        total, sums = zeros, []
        for used, sign in enumerate(signs, start=1):
            with torch.inference_mode(False), torch.enable_grad():
                (gradient,) = torch.autograd.grad((sign * units[key]).sum(), x, retain_graph=True)
                energy = gradient.double().square().sum(dim=1)
                total = total + energy.sum(dim=0)
            if key in rings:
                sums.append([rings[key].sums(one) for one in energy.cpu().numpy()])
            enough = until_known and len(batch) == 1 and used >= FEWEST_PROBES
            if enough and np.isfinite(sums).all() and well_known(rings[key], np.array(sums)[:, 0]):
                break
            yield (total / used).cpu().numpy()
        yield key, total / used, np.array(sums), used


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
