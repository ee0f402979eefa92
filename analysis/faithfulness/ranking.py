"""Which of several maps says best what a region's class rests on: a ranking by intervention.

Three curves per map of the region's probability: deletion of what the map calls important,
insertion of it into the replaced picture, and deletion outside the region only. The region and
class are fixed before, as in :class:`analysis.core.targets.RegionScore`.

It can mislead: replacing the region itself lowers its probability whatever the model does, so a
map that only outlines the region does well in the first two. The distance order shows how well,
and the context curve leaves the region alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from torch import Tensor

from analysis.core.errors import AnalysisError
from analysis.core.progress import Work, counted
from analysis.core.targets import RegionScore
from analysis.core.uncertainty import Spread, spread
from analysis.faithfulness.deletion_insertion import (
    Curve,
    Replacement,
    deletion_order,
    exchange_curve,
    replacement_of,
)
from analysis.faithfulness.region_grid import map_on_input, region_on_grid, signed_distance

AreaStanding = Literal["better", "worse", "cannot be told apart"]


@dataclass(frozen=True)
class DeletionSettings:
    """How pixels are exchanged; ``deletion_order`` of :mod:`.deletion_insertion` has the order.

    ``cell_px`` counts pixels of the network's input; 16 is a token of stage 3, 1 is RISE's choice,
    with which single replaced pixels make a texture of their own. Each curve takes ``steps`` + 1
    forward passes. ``repeats`` random orders, drawn from ``seed``, are the first baseline: from
    their spread follows what can be told apart from chance.
    """

    replacement: Replacement = "blur"
    cell_px: int = 16
    steps: int = 20
    repeats: int = 6
    seed: int = 0
    batch_size: int = 4

    def __post_init__(self) -> None:
        if min(self.cell_px, self.steps, self.repeats, self.batch_size) < 1:
            raise AnalysisError(
                "The size of a square and the numbers of steps, random orders and pictures per "
                "batch must be at least 1."
            )


@dataclass(frozen=True)
class Curves:
    """Probability, 0 to 1, as pixels are exchanged in one order.

    ``context`` is deletion of pixels outside the region; None if nothing is outside.
    """

    deletion: Curve
    insertion: Curve
    context: Curve | None


@dataclass(frozen=True)
class RankedMap:
    """One row of the table; areas lie in 0 to 1, ``context_auc`` is NaN if nothing is outside.

    ``against_random`` and ``against_distance`` say by how much the map's deletion area is smaller
    than that of the baseline, ``context_against_random`` and ``context_against_distance`` the same
    of the context: above 0 is better than the baseline. ``standing`` and ``context_standing`` say
    whether the areas are outside of what 95 % of random orders have; None where too few were drawn.
    ``infidelity`` is None where not given.
    """

    method: str
    deletion_auc: float
    insertion_auc: float
    context_auc: float
    against_random: float
    against_distance: float
    context_against_random: float
    context_against_distance: float
    standing: AreaStanding | None
    context_standing: AreaStanding | None
    infidelity: float | None

    @property
    def separation(self) -> float:
        """Insertion less deletion area, -1 to 1; 0 is a random order. The table's order."""
        return self.insertion_auc - self.deletion_auc


@dataclass(frozen=True)
class Ranking:
    """The maps of one picture and region, best first, with their curves and baselines.

    ``curves`` holds every map by name. ``distance`` goes outwards from the region; ``random`` has
    one entry per random order. ``region_share`` of the picture, 0 to 1, is the region.
    """

    rows: tuple[RankedMap, ...]
    curves: Mapping[str, Curves]
    random: tuple[Curves, ...]
    distance: Curves
    region_share: float
    deletion: DeletionSettings

    @property
    def random_deletion(self) -> Spread:
        """The areas under the deletion curves of random orders."""
        return spread([one.deletion.auc for one in self.random])

    @property
    def lead(self) -> float:
        """By how much the separation of the best map exceeds the second's; NaN for a single one."""
        if len(self.rows) < 2:
            return float("nan")
        return self.rows[0].separation - self.rows[1].separation


def rank_maps(
    score: RegionScore,
    x: Tensor,
    maps: Mapping[str, np.ndarray],
    *,
    deletion: DeletionSettings | None = None,
    infidelities: Mapping[str, float] | None = None,
) -> Work[Ranking]:
    """Compare named ``maps`` (rows, columns) of importance, higher = more in favour of the class.

    ``score`` is a region's probability, ``x`` the network's input (1, 3, h, w). Yields progress in
    forward passes, and returns the ranking; ``infidelities``, those of
    :mod:`analysis.faithfulness.infidelity`, only fill their column. Source: RISE, arXiv
    1806.07421; baselines are ours.

    Raises :class:`AnalysisError` without maps, for a score that is no probability, and for a map
    that is not finite or the same everywhere, which puts no pixel before another.
    """
    deletion, given = deletion or DeletionSettings(), infidelities or {}
    _check(score, maps)
    size = tuple(x.shape[-2:])
    inside = region_on_grid(score.region, size)
    importance = {name: _importance(values, size, name) for name, values in maps.items()}
    orders = [*importance.values(), -np.maximum(signed_distance(inside), 0)]
    # The random orders are the same whichever maps they are set beside.
    seeds = [deletion.seed] * len(orders) + list(
        range(deletion.seed, deletion.seed + deletion.repeats)
    )
    orders += [None] * deletion.repeats
    curves_each = 2 if inside.all() else 3
    passes = deletion.steps + 1
    total = (len(orders) * curves_each - deletion.repeats) * passes
    done, results = 0, []
    for seed, order in zip(seeds, orders, strict=True):
        work = _curves(score, x, inside, order, deletion, seed)
        results.append((yield from counted(work, done, total)))
        done += (curves_each if order is not None else curves_each - 1) * passes
    curves = dict(zip(maps, results, strict=False))
    distance, random = results[len(maps)], tuple(results[len(maps) + 1 :])
    rows = [_row(name, curves[name], random, distance, given.get(name)) for name in maps]
    rows.sort(key=lambda row: row.separation, reverse=True)
    return Ranking(tuple(rows), curves, random, distance, float(inside.mean()), deletion)


def _check(score: RegionScore, maps: Mapping[str, np.ndarray]) -> None:
    if score.score != "probability":
        raise AnalysisError("Deletion and insertion need a score from 0 to 1: use probability.")
    if not maps:
        raise AnalysisError("There is nothing to rank: give at least one map.")


def _curves(
    score: RegionScore,
    x: Tensor,
    inside: np.ndarray,
    importance: np.ndarray | None,
    deletion: DeletionSettings,
    seed: int,
) -> Work[Curves]:
    """Return the curves of one order; None is a random one. Progress counts forward passes."""
    values = np.zeros(inside.shape) if importance is None else importance
    ordered = partial(deletion_order, cell_px=deletion.cell_px, seed=seed)
    everywhere = ordered(values, np.ones_like(inside))
    replaced = replacement_of(x, deletion.replacement)
    runs = {"deletion": (x, replaced, everywhere)}
    if importance is not None:
        runs["insertion"] = replaced, x, everywhere
    if not inside.all():
        runs["context"] = x, replaced, ordered(values, ~inside)
    found: dict[str, Curve] = {}
    passes = deletion.steps + 1
    for number, (name, run) in enumerate(runs.items()):
        work = exchange_curve(score, *run, steps=deletion.steps, batch_size=deletion.batch_size)
        found[name] = yield from counted(work, number * passes, len(runs) * passes)
    if importance is None:
        # A random order reversed is as random, and inserting in it is this deletion backwards.
        deleted = found["deletion"]
        found["insertion"] = Curve(deleted.share, deleted.score[::-1])
    return Curves(found["deletion"], found["insertion"], found.get("context"))


def _row(
    name: str,
    curves: Curves,
    random: tuple[Curves, ...],
    distance: Curves,
    infidelity: float | None,
) -> RankedMap:
    deletion, context = curves.deletion.auc, _context_auc(curves)
    return RankedMap(
        method=name,
        deletion_auc=deletion,
        insertion_auc=curves.insertion.auc,
        context_auc=context,
        against_random=float(np.mean([one.deletion.auc for one in random])) - deletion,
        against_distance=distance.deletion.auc - deletion,
        context_against_random=float(np.mean([_context_auc(one) for one in random])) - context,
        context_against_distance=_context_auc(distance) - context,
        standing=_standing(deletion, [one.deletion.auc for one in random]),
        context_standing=_standing(context, [_context_auc(one) for one in random]),
        infidelity=infidelity,
    )


def _standing(area: float, random: list[float]) -> AreaStanding | None:
    """Return whether an area, of which less is better, stands outside of the random ones."""
    words: dict[str, AreaStanding] = {"less": "better", "more": "worse"}
    found = spread(random).standing(area) if np.isfinite(area) else None
    return None if found is None else words.get(found, "cannot be told apart")


def _context_auc(curves: Curves) -> float:
    return float("nan") if curves.context is None else curves.context.auc


def _importance(values: np.ndarray, size: tuple[int, int], name: str) -> np.ndarray:
    importance = map_on_input(values, size, f"map {name}")
    if np.ptp(importance) == 0:
        raise AnalysisError(
            f"The map {name} is the same everywhere, so it puts no pixel before another: leave it "
            "out."
        )
    return importance
