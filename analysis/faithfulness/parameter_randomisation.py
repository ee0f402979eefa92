"""Does a map depend on what the model learned? Weights are scrambled from the output downwards.

After Adebayo et al., "Sanity Checks for Saliency Maps", arXiv 1810.03292. A map that survives shows
the picture's edges or the region's place, not the model. Surviving is a reason for doubt; changing
is no proof of faithfulness (Binder et al., arXiv 2211.12486), for which see
:mod:`analysis.faithfulness.ranking`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from analysis.core.any_segmenter import AnySegmenter
from analysis.core.checks import check_evaluating, check_region
from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, Work
from analysis.core.uncertainty import FEWEST, Spread, spread
from analysis.faithfulness.rank_correlation import NO_CORRELATION, RankCorrelation, rank_correlation
from analysis.faithfulness.region_grid import region_on_grid, signed_distance
from analysis.faithfulness.sensitivity import Explain
from uniformer.segmenter import Segmenter

SCRAMBLES = FEWEST
"""Times that all weights are scrambled anew: as few as have a spread."""

MOVES, CHANCE_QUANTILE = 200, 0.95
"""Ways to move a map that chance is told by, and how many of them stay below it."""

Kept = Literal["lost", "kept", "cannot be told"]


@dataclass(frozen=True)
class ScrambledLevel:
    """Likeness of the map to the original once ``name`` and all above it are scrambled.

    Of each draw, over the whole picture and inside the region only. NaN: no map could be made.
    """

    name: str
    pictures: tuple[RankCorrelation, ...]
    regions: tuple[RankCorrelation, ...]


@dataclass(frozen=True)
class ParameterRandomisation:
    """The levels from the decoder down to stage 1, each with everything above it scrambled.

    ``distance_spearman`` is the likeness of the original map to one that knows nothing but the
    distance from the region: the null that an uncorrected correlation must be seen against.
    ``chance``, 0 to 1, is what 95 % of the corrected correlations stay below in size when the
    original map is moved, around the edges: the null of a corrected one. ``region_cells`` cells of
    the map touch the region; below about 30 its numbers are rough.
    """

    levels: tuple[ScrambledLevel, ...]
    distance_spearman: float
    chance: float
    region_cells: int
    seed: int

    @property
    def kept(self) -> Spread:
        """How alike the map and itself are once all weights are scrambled, envelope left out."""
        found = spread([one.corrected for one in self.levels[-1].pictures])
        return Spread(found.mean, *(float(np.clip(end, -1, 1)) for end in (found.low, found.high)))

    @property
    def standing(self) -> Kept | None:
        """Whether likeness beyond chance is kept, as 95 % of draws have it; None without a map."""
        drawn = self.kept
        if not np.isfinite([drawn.low, drawn.high, self.chance]).all():
            return None
        if drawn.low > self.chance:
            return "kept"
        return "lost" if drawn.high <= self.chance else "cannot be told"


def parameter_randomisation(
    model: Segmenter, x: Tensor, region: np.ndarray, explain: Explain, *, seed: int = 0
) -> Work[ParameterRandomisation]:
    """Compare the map of ``model`` with those of copies with scrambled weights, level by level.

    ``x`` is the network's input (1, 3, h, w), ``region`` (H, W) that of the picture, kept fixed, as
    ``explain`` must keep the class. Scrambling shuffles the values within each weight tensor: what
    was learned goes while their distribution stays, so that no map changes for scale alone. It is
    done ``SCRAMBLES`` times, by other draws.
    ``model`` itself is not touched. Yields progress in explanations, and returns the result.

    Raises :class:`AnalysisError` for a bad region, a model in training mode, and an original map
    that is blank or not finite. A copy that leaves no map has NaN.
    """
    check_evaluating(model)
    check_region(region, np.shape(region))
    original = np.asarray(explain(model, x), dtype=np.float64)
    if original.ndim != 2 or not np.isfinite(original).all() or np.ptp(original) == 0:
        raise AnalysisError(
            "The map to check must have rows and columns of finite numbers, not all the same."
        )
    inside = region_on_grid(region, original.shape)
    distance = signed_distance(inside)
    generator = torch.Generator().manual_seed(seed)
    total = 1 + SCRAMBLES * len(_parts(model))
    yield Progress(1, total)
    pictures: dict[str, list[RankCorrelation]] = {}
    regions: dict[str, list[RankCorrelation]] = {}
    done = 1
    for _ in range(SCRAMBLES):
        scrambled = copy.deepcopy(model)
        for name, modules in _parts(scrambled).items():
            for module in modules:
                _scramble(module, generator)
            found = _explanation(explain, scrambled, x, original.shape)
            within = rank_correlation(original[inside], found[inside], distance[inside])
            pictures.setdefault(name, []).append(rank_correlation(original, found, distance))
            regions.setdefault(name, []).append(within)
            done += 1
            yield Progress(done, total)
    null = rank_correlation(original, -distance, distance) if not inside.all() else NO_CORRELATION
    return ParameterRandomisation(
        levels=tuple(
            ScrambledLevel(name, tuple(found), tuple(regions[name]))
            for name, found in pictures.items()
        ),
        distance_spearman=null.spearman,
        chance=_chance(original, distance, seed),
        region_cells=int(inside.sum()),
        seed=seed,
    )


def _chance(original: np.ndarray, distance: np.ndarray, seed: int) -> float:
    """Return what 95 % of corrected correlations of the map with itself moved stay below in size.

    Such maps are as smooth and as uneven as the original, in the wrong place.
    """
    steps = np.random.default_rng(seed).permutation(np.arange(1, original.size))[:MOVES]
    moved = [np.roll(original, divmod(int(step), original.shape[1]), axis=(0, 1)) for step in steps]
    found = [abs(rank_correlation(original, each, distance).corrected) for each in moved]
    return float(np.quantile(found, CHANCE_QUANTILE))


def _parts(model: Segmenter) -> dict[str, tuple[nn.Module, ...]]:
    """Return the modules of each level, the output first."""
    if isinstance(model, AnySegmenter):
        children = reversed([child for top in model.children() for child in top.named_children()])
        if parts := {name: (child,) for name, child in children}:
            return parts
        raise AnalysisError(f"{model.config.name} has no parts whose weights could be scrambled.")
    decoder = tuple(child for name, child in model.named_children() if name != "backbone")
    stages = {f"stage {number}": model.backbone.stage(number) for number in (4, 3, 2, 1)}
    return {"decoder": decoder, **stages}


def _scramble(module: nn.Module, generator: torch.Generator) -> None:
    """Shuffle the values of every parameter in place."""
    with torch.no_grad():
        for parameter in module.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))


def _explanation(
    explain: Explain, model: Segmenter, x: Tensor, shape: tuple[int, int]
) -> np.ndarray:
    """Return the map of a scrambled model; NaN where it has none, as a blank class map."""
    try:
        return np.asarray(explain(model, x), dtype=np.float64)
    except AnalysisError:
        return np.full(shape, np.nan)
