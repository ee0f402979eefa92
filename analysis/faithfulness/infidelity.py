"""Infidelity: how badly a map forecasts what happens to a score when the picture changes.

After Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (In)fidelity and Sensitivity of
Explanations", arXiv 1901.09392. Captum computes it for one map at a time; here all maps share the
forward passes, which can be stopped between batches and draw from a random state of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, Work
from analysis.core.targets import ScoreFunction
from analysis.faithfulness.deletion_insertion import Replacement, evaluate, replacement_of
from analysis.faithfulness.region_grid import map_on_input

REDRAWN = 200
"""Times that samples are drawn again for the error of a mean."""


@dataclass(frozen=True)
class Squares:
    """Changes for maps of contributions ("global": integrated gradients, occlusion, CAMs).

    Every square of ``cell_px`` input pixels is replaced with probability ``share``; the forecast is
    the sum of the map over what was replaced.
    """

    replacement: Replacement = "blur"
    cell_px: int = 16
    share: float = 0.1

    def __post_init__(self) -> None:
        if self.cell_px < 1 or not 0 < self.share < 1:
            raise AnalysisError(
                "Squares need a side of at least 1 pixel and a share between 0 and 1."
            )

    def change(self, x: Tensor, count: int, rng: np.random.Generator) -> tuple[np.ndarray, Tensor]:
        """Return what the map is multiplied with (count, h, w) and the changed inputs."""
        rows, columns = np.indices(tuple(x.shape[-2:])) // self.cell_px
        drawn = rng.random((count, rows.max() + 1, columns.max() + 1)) < self.share
        replaced = drawn[:, rows, columns]
        mask = torch.from_numpy(replaced).to(x.device)[:, None]
        changed = torch.where(mask, replacement_of(x, self.replacement), x)
        return replaced.astype(np.float64), changed


@dataclass(frozen=True)
class GreyNoise:
    """Changes for gradients, summed over the colours with their sign ("local").

    Grey Gaussian noise of ``sigma``, in units of the normalised input, is taken off; the forecast
    is the sum of noise times map. 0.02 is one of 255 grey levels, the least a photo can change by;
    only far below it does a gradient need to be right.
    """

    sigma: float = 0.02

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise AnalysisError("Noise needs a sigma above 0.")

    def change(self, x: Tensor, count: int, rng: np.random.Generator) -> tuple[np.ndarray, Tensor]:
        """Return what the map is multiplied with (count, h, w) and the changed inputs."""
        noise = rng.normal(0, self.sigma, (count, *x.shape[-2:]))
        return noise, x - torch.from_numpy(noise).to(x)[:, None]


@dataclass(frozen=True)
class Infidelity:
    """Mean squared error of a map's forecast of the score's change, at the map's best scale.

    ``squared_error`` is in squared units of the score. ``unexplained_share``, 0 to 1, is the part
    of the mean squared change that the map leaves unexplained; NaN if the score never changes.
    ``unexplained_error`` is its standard error over the samples.
    """

    squared_error: float
    unexplained_share: float
    unexplained_error: float
    changes: Squares | GreyNoise
    samples: int
    seed: int


def infidelities(
    score: ScoreFunction,
    x: Tensor,
    maps: Mapping[str, np.ndarray],
    changes: Squares | GreyNoise,
    *,
    samples: int = 64,
    batch_size: int = 4,
    seed: int = 0,
) -> Work[dict[str, Infidelity]]:
    """Test how well each map (rows, columns) forecasts the change of ``score`` on input ``x``.

    ``changes`` must be the kind made for the maps, else the numbers mean nothing. A forecast may be
    scaled by any number above 0, so a map's unit does not matter but its sign does: with captum's
    normalisation a map of reversed sign would be as good. The margin is the best score here, as a
    probability saturates.

    Yields progress in forward passes, and returns a result per map. Raises
    :class:`AnalysisError` for a map or a score that is not finite and for counts below 1.
    """
    if min(samples, batch_size) < 1:
        raise AnalysisError("Infidelity needs at least one sample and one picture per batch.")
    size = tuple(x.shape[-2:])
    named = {name: map_on_input(values, size, f"map {name}") for name, values in maps.items()}
    rng = np.random.default_rng(seed)
    clean = evaluate(score, x)
    forecasts: dict[str, list[np.ndarray]] = {name: [] for name in named}
    differences = []
    for first in range(0, samples, batch_size):
        amounts, changed = changes.change(x, min(batch_size, samples - first), rng)
        differences.append(clean - evaluate(score, changed))
        for name, values in named.items():
            forecasts[name].append((amounts * values).sum(axis=(1, 2)))
        yield Progress(first + len(amounts), samples)
    difference = np.concatenate(differences)
    return {
        name: _infidelity(np.concatenate(parts), difference, changes, seed)
        for name, parts in forecasts.items()
    }


def _infidelity(
    forecast: np.ndarray, difference: np.ndarray, changes: Squares | GreyNoise, seed: int
) -> Infidelity:
    """Return the infidelity and its error, by drawing the samples again."""
    rng, count = np.random.default_rng(seed), len(forecast)
    drawn = rng.integers(count, size=(REDRAWN, count))
    shares = [_error(forecast[samples], difference[samples])[1] for samples in drawn]
    known = np.isfinite(shares).all() and count > 1
    error = float(np.std(shares)) if known else float("nan")
    return Infidelity(*_error(forecast, difference), error, changes, count, seed)


def _error(forecast: np.ndarray, difference: np.ndarray) -> tuple[float, float]:
    """Return the squared error at the best scale above 0 and its share of the squared change."""
    power = forecast @ forecast
    scale = max(forecast @ difference / power, 0.0) if power > 0 else 0.0
    error = float(np.mean((scale * forecast - difference) ** 2))
    total = float(np.mean(difference**2))
    return error, error / total if total > 0 else float("nan")
