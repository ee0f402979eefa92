"""Do maps rank alike however pixels are replaced, and does salience order what each part is worth?

A ranking by deletion and insertion depends on what pixels are replaced by. Integrated gradients are
even taken from the replacement that they are scored with. So the maps are scored once more with the
other replacement: blurred picture and mean colour. Inpainting would have to be done again for every
share of the pixels, up to nearly all of them, which takes longer than all else.

The salience-guided faithfulness coefficient is that of Wu et al., "On the Faithfulness of Vision
Transformer Explanations", arXiv 2404.01415 (SaCo): it does not depend on an order of deletion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from analysis.core.progress import Progress, Work, counted
from analysis.core.targets import ScoreFunction
from analysis.faithfulness.deletion_insertion import (
    Replacement,
    deletion_order,
    evaluate,
    exchange_curve,
    replacement_of,
)
from analysis.faithfulness.ranking import DeletionSettings, Ranking
from analysis.faithfulness.region_grid import map_on_input

GROUPS = 10
"""Equal parts of the pixels, by falling salience."""


@dataclass(frozen=True)
class SecondOpinion:
    """Separation of insertion and deletion of each map with another ``replacement``."""

    replacement: Replacement
    separations: Mapping[str, float]

    @property
    def best(self) -> str:
        """The map that separates best."""
        return max(self.separations, key=self.separations.__getitem__)

    def agreement(self, ranking: Ranking) -> float:
        """Return Kendall's tau of both rankings, -1 to 1; NaN for fewer than two maps."""
        first = [row.separation for row in ranking.rows]
        second = [self.separations[row.method] for row in ranking.rows]
        pairs = list(combinations(range(len(first)), 2))
        if not pairs:
            return float("nan")
        return float(np.mean([np.sign((first[i] - first[j]) * (second[i] - second[j]))
                              for i, j in pairs]))  # fmt: skip


def second_opinion(
    score: ScoreFunction, x: Tensor, maps: Mapping[str, np.ndarray], deletion: DeletionSettings
) -> Work[SecondOpinion]:
    """Score ``maps`` as :func:`rank_maps` does, with the replacement that ``deletion`` has not.

    Yields progress in forward passes. Maps and score are as there.
    """
    (other,) = (kind for kind in get_args(Replacement) if kind != deletion.replacement)
    replaced, everywhere = replacement_of(x, other), np.ones(tuple(x.shape[-2:]), dtype=bool)
    passes = deletion.steps + 1
    done, total, separations = 0, 2 * len(maps) * passes, {}
    for name, values in maps.items():
        _, order = _ordered(values, everywhere, name, deletion)
        areas = []
        for start, end in ((x, replaced), (replaced, x)):
            work = exchange_curve(
                score, start, end, order, steps=deletion.steps, batch_size=deletion.batch_size
            )
            areas.append((yield from counted(work, done, total)).auc)
            done += passes
        separations[name] = areas[1] - areas[0]
    return SecondOpinion(other, separations)


def salience_coefficients(
    score: ScoreFunction, x: Tensor, maps: Mapping[str, np.ndarray], deletion: DeletionSettings
) -> Work[dict[str, float]]:
    """Return for each map how far its salience orders what parts of the picture are worth, -1 to 1.

    The pixels are cut into ``GROUPS`` equal parts by falling salience, each is replaced alone, and
    every pair of parts counts with the difference of their saliences: for the map where the more
    salient one lowers the score at least as much, else against it. 1 if all are ordered rightly; a
    map that has nothing to do with the score has about 0. Yields progress in forward passes.

    ``x`` is the network's input (1, 3, h, w), ``maps`` (rows, columns) are those of
    :func:`analysis.faithfulness.ranking.rank_maps`.
    """
    replaced = replacement_of(x, deletion.replacement)
    everywhere = np.ones(tuple(x.shape[-2:]), dtype=bool)
    clean: float = evaluate(score, x).item()
    found: dict[str, float] = {}
    total = len(maps) * GROUPS
    for number, (name, values) in enumerate(maps.items()):
        salience, falls = [], []
        importance, order = _ordered(values, everywhere, name, deletion)
        for part in np.array_split(order, GROUPS):
            mask = torch.zeros(everywhere.size, dtype=torch.bool)
            mask[torch.from_numpy(part)] = True
            changed = torch.where(mask.view(everywhere.shape).to(x.device), replaced, x)
            falls.append(clean - evaluate(score, changed).item())
            salience.append(float(importance.ravel()[part].sum()))
            yield Progress(number * GROUPS + len(falls), total)
        found[name] = coefficient(np.array(salience), np.array(falls))
    return found


def coefficient(salience: np.ndarray, falls: np.ndarray) -> float:
    """Return SaCo, -1 to 1, of parts whose removal lowers a score by ``falls``.

    ``salience`` and ``falls`` (parts,) may be of any sign and unit. NaN where all parts are equally
    salient. Two parts in the right order have 1, in the wrong one -1:

    >>> import numpy as np
    >>> from analysis.faithfulness.second_opinion import coefficient
    >>> coefficient(np.array([3.0, 1.0]), np.array([0.2, 0.1]))
    1.0
    >>> coefficient(np.array([3.0, 1.0]), np.array([0.1, 0.2]))
    -1.0
    """
    more, less = np.triu_indices(len(salience), 1)
    swap = salience[more] < salience[less]
    more, less = np.where(swap, less, more), np.where(swap, more, less)
    weight = salience[more] - salience[less]
    if not weight.any():
        return float("nan")
    signs = np.where(falls[more] >= falls[less], 1.0, -1.0)
    return float((signs * weight).sum() / weight.sum())


def _ordered(
    values: np.ndarray, within: np.ndarray, name: str, deletion: DeletionSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return a map on the network's input (h, w), and the order in which it takes pixels away."""
    importance = map_on_input(values, within.shape, f"map {name}")
    order = deletion_order(importance, within, cell_px=deletion.cell_px, seed=deletion.seed)
    return importance, order
