"""By how much one map leads another, however the picture is cut into squares.

Deletion and insertion take pixels away in squares. Where the first square begins is arbitrary, and
so is in which order squares go that a map holds equal: with both drawn anew, the lead of one map
over another varies, and from that follows how far it is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from analysis.core.progress import Work, counted
from analysis.core.targets import ScoreFunction
from analysis.core.uncertainty import student
from analysis.faithfulness.deletion_insertion import (
    deletion_order,
    exchange_curve,
    replacement_of,
)
from analysis.faithfulness.ranking import DeletionSettings
from analysis.faithfulness.region_grid import map_on_input

CUTS = 4
"""Ways to cut the picture into squares, that of the ranking among them."""


@dataclass(frozen=True)
class Lead:
    """By how much the separation of one map exceeds another's, (cuts,), -2 to 2; own cut first."""

    leads: np.ndarray

    @property
    def mean(self) -> float:
        """The mean over all cuts."""
        return float(self.leads.mean())

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return float(self.leads.std(ddof=1) / np.sqrt(len(self.leads)))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean, by Student's t."""
        reach = student(len(self.leads)) * self.error
        return self.mean - reach, self.mean + reach

    @property
    def known(self) -> bool:
        """Whether the interval lies above 0."""
        return self.interval[0] > 0


def lead_over(
    score: ScoreFunction,
    x: Tensor,
    best: np.ndarray,
    second: np.ndarray,
    deletion: DeletionSettings,
    own: float,
) -> Work[Lead]:
    """Score two maps (rows, columns) as :func:`rank_maps` does, in ``CUTS`` cuts of the picture.

    ``own`` is the lead of ``best`` in the ranking's own cut, which is not made again. Yields
    progress in forward passes, and returns the lead in all cuts.
    """
    size = tuple(x.shape[-2:])
    importance = [map_on_input(values, size, "map") for values in (best, second)]
    replaced, everywhere = replacement_of(x, deletion.replacement), np.ones(size, dtype=bool)
    side = deletion.cell_px
    others = np.random.default_rng(deletion.seed).permutation(np.arange(1, side * side))
    starts: list[int] = np.resize(others, CUTS - 1).tolist()
    done, total, leads = 0, (CUTS - 1) * 4 * (deletion.steps + 1), [own]
    for number, start in enumerate(starts, start=1):
        separations = []
        for values in importance:
            order = deletion_order(
                values, everywhere, cell_px=side, seed=deletion.seed + number,
                start_px=divmod(start, side),
            )  # fmt: skip
            areas = []
            for ends in ((x, replaced), (replaced, x)):
                work = exchange_curve(
                    score, *ends, order, steps=deletion.steps, batch_size=deletion.batch_size
                )
                areas.append((yield from counted(work, done, total)).auc)
                done += deletion.steps + 1
            separations.append(areas[1] - areas[0])
        leads.append(separations[0] - separations[1])
    return Lead(np.array(leads))
