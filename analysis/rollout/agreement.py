"""How far to trust a map: whether it ranks the parts of a picture as the score itself does.

Rollout and relevance are heuristics. Two things are not: the gradient of the score by the input,
and how far the score moves when a part of the picture is hidden. Maps are compared with both by
rank, since their units differ, beside two nulls: nearness to the region, and the same map moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.attribution.occlusion import occlusion
from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.forward import stage_maps
from analysis.core.progress import Work
from analysis.core.targets import RegionScore
from analysis.faithfulness.deletion_insertion import replacement_of
from analysis.faithfulness.rank_correlation import RankCorrelation, rank_correlation
from analysis.faithfulness.region_grid import map_on_input, region_on_grid, signed_distance
from uniformer.pictures import PictureSource, open_picture
from uniformer.preprocess import preprocess

NEARNESS = "nearness to the region"
"""The map that knows nothing but where the region is: what any other must beat."""

CHANCE_QUANTILE = 0.95


@dataclass(frozen=True)
class Comparison:
    """How alike a map and a reference rank the cells.

    ``correlation`` holds Spearman's correlation and what is left of it beyond their common distance
    from the region. ``chance``, 0 to 1, is what 95 % of the correlations stay below in size when
    the map is moved by any number of cells, around the edges: maps as smooth as this one, but in
    the wrong place. NaN where a map is the same everywhere.
    """

    map: str
    reference: str
    correlation: RankCorrelation
    chance: float


@dataclass(frozen=True)
class Agreement:
    """Maps beside two references on squares of ``cell_px`` input pixels, (rows, columns) each.

    ``gradient_energy`` is the mean squared gradient of the score by the pixels' colours, ``fall``
    how far the score falls when a cell shows the picture's mean colour; negative where the cell
    spoke against it. ``score`` is that of the whole picture. ``comparisons`` has the maps, the null
    ``NEARNESS`` last, each with every reference; ``change`` is the size of ``fall``.
    """

    score: float
    cell_px: int
    gradient_energy: np.ndarray
    fall: np.ndarray
    comparisons: tuple[Comparison, ...]


def agreement(
    trace: Trace,
    picture: PictureSource,
    target: RegionScore,
    maps: Mapping[str, np.ndarray],
    *,
    cells: int = 8,
) -> Work[Agreement]:
    """Compare ``maps``, by name, with what moves ``target``.

    Maps (rows, columns) are those of a stage's tokens or of the network's input. ``picture`` is the
    one traced. It is cut into squares, ``cells`` of them along its short side; each is hidden in a
    forward pass of its own, so this takes seconds to minutes and yields in between.

    It can mislead: hiding a cell makes an edge that was not there, a gradient says what an
    infinitely small change does, and few cells make rank correlations noisy: see ``chance``.
    Raises :class:`AnalysisError` for another picture, a score of another model or picture, maps
    without finite numbers, and cells that are fewer than 2 or smaller than a patch of 4 pixels.
    """
    _check(trace, target, cells)
    x = _network_input(trace, picture)
    cell_px = min(trace.network_size_px) // cells
    pooled = {
        name: _pooled(map_on_input(values, trace.network_size_px, name), cell_px)
        for name, values in maps.items()
    }
    score = _score(trace, target)
    value, energy = _gradient_energy(score, x)
    hidden = yield from occlusion(score, x, replacement_of(x, "mean"), cell_px, cell_px)
    fall, energy = _pooled(hidden.map, cell_px), _pooled(energy, cell_px)
    distance = signed_distance(region_on_grid(target.region, fall.shape))
    references = {"gradient": energy, "change": np.abs(fall), "fall": fall}
    comparisons = tuple(
        Comparison(name, other, rank_correlation(one, two, distance), _chance(one, two))
        for name, one in {**pooled, NEARNESS: -distance}.items()
        for other, two in references.items()
    )
    return Agreement(value, cell_px, energy, fall, comparisons)


def _check(trace: Trace, target: RegionScore, cells: int) -> None:
    if target.model is not trace.model or target.region.shape != trace.picture_size_px:
        raise AnalysisError("The score belongs to another model or picture than the trace.")
    most = min(trace.network_size_px) // 4
    if not 2 <= cells <= most:
        raise AnalysisError(f"The short side can be cut into 2 to {most} cells, not {cells}.")


def _network_input(trace: Trace, picture: PictureSource) -> Tensor:
    model = trace.model
    x = preprocess(open_picture(picture), trace.short_side, model.config.size_divisor)
    x = x.to(model.device, model.dtype)
    with torch.no_grad():
        same = torch.equal(model.backbone.patch_embed1(x), trace.block_inputs[0][0])
    if not same:
        raise AnalysisError("This is not the picture that was traced: trace it first.")
    return x


def _score(trace: Trace, target: RegionScore) -> Callable[[Tensor], Tensor]:
    """Return ``target`` as a function of the input, in the reach of the trace."""
    model = trace.model

    def score(x: Tensor) -> Tensor:
        return target.of_logits(model.decode(stage_maps(model, x, trace.windows)))

    return score


def _gradient_energy(score: Callable[[Tensor], Tensor], x: Tensor) -> tuple[float, np.ndarray]:
    """Return the score and the squared length of its gradient by each pixel's colours (h, w)."""
    with torch.inference_mode(False), torch.enable_grad():
        x = x.clone().requires_grad_()
        value = score(x)
        (gradient,) = torch.autograd.grad(value.sum(), x)
    return value.item(), gradient[0].double().square().sum(dim=0).cpu().numpy()


def _pooled(values: np.ndarray, cell_px: int) -> np.ndarray:
    """Return the mean of ``values`` (h, w) over squares of ``cell_px``, smaller at far edges."""
    for axis in (0, 1):
        starts = np.arange(0, values.shape[axis], cell_px)
        sizes = np.diff(starts, append=values.shape[axis])
        values = np.add.reduceat(values, starts, axis=axis)
        values = values / (sizes[:, None] if axis == 0 else sizes)
    return values


def _chance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the 95 % quantile of the rank correlation's size over all ways to move ``first``."""
    from scipy.stats import rankdata  # takes a second to import

    ranks = [rankdata(values).reshape(first.shape) for values in (first, second)]
    one, two = ((rank - rank.mean()) for rank in ranks)
    scale = one.std() * two.std() * one.size
    if scale == 0:
        return float("nan")
    moved = np.fft.ifft2(np.fft.fft2(one) * np.fft.fft2(two).conj()).real / scale
    return float(np.quantile(np.abs(moved.ravel()[1:]), CHANCE_QUANTILE))
