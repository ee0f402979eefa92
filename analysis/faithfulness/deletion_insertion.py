"""Deletion and insertion curves: does a score fall when what a map calls important is replaced?

After Petsiuk, Das and Saenko, "RISE", arXiv 1806.07421. Pixels are replaced by a blurred picture or
by its mean colour, since black squares are unlike anything a network was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, Work
from analysis.core.targets import ScoreFunction

Replacement = Literal["blur", "mean"]
BLUR_SHARE = 11 / 224
"""Standard deviation of the blur as a share of the input's short side: 11 px of 224 px."""


@dataclass(frozen=True)
class Curve:
    """Score (n + 1,) after a ``share`` (n + 1,), 0 to 1, of the pixels has been exchanged."""

    share: np.ndarray
    score: np.ndarray

    @property
    def auc(self) -> float:
        """Area under the curve by trapezoids: (sum - first / 2 - last / 2) / n."""
        ends = (self.score[0] + self.score[-1]) / 2
        return float((self.score.sum() - ends) / (len(self.score) - 1))


def evaluate(score: ScoreFunction, x: Tensor) -> np.ndarray:
    """Return ``score`` of inputs (B, 3, h, w) without gradients, float64 (B,), all finite.

    Raises :class:`AnalysisError` otherwise. Generators call it between two yields, so that the
    caller's own gradient mode is never touched.
    """
    with torch.no_grad():
        scores = score(x).double().cpu().numpy()
    if not np.isfinite(scores).all():
        raise AnalysisError("The score is not finite: the weights are damaged or do not fit.")
    return scores


def replacement_of(x: Tensor, kind: Replacement) -> Tensor:
    """Return what replaces the pixels of a network input (1, 3, h, w): no detail, same place.

    ``blur`` is Gaussian, ``BLUR_SHARE`` of the short side; it keeps the picture's rough colours, so
    a large evenly coloured region survives it. ``mean`` is the mean colour of the picture. Raises
    :class:`AnalysisError` for any other kind.
    """
    if kind not in get_args(Replacement):
        raise AnalysisError(f"The replacement must be blur or mean, not {kind!r}.")
    if kind == "mean":
        return x.mean(dim=(2, 3), keepdim=True).expand_as(x)
    sigma = BLUR_SHARE * min(x.shape[-2:])
    from scipy import ndimage  # the page starts without it

    blurred = ndimage.gaussian_filter(x.cpu().numpy(), (0, 0, sigma, sigma), mode="nearest")
    return torch.from_numpy(blurred).to(x)


def deletion_order(
    importance: np.ndarray,
    within: np.ndarray,
    *,
    cell_px: int,
    seed: int,
    start_px: tuple[int, int] = (0, 0),
) -> np.ndarray:
    """Return the pixels of ``within`` (h, w), flat indices, from the most important on.

    Pixels go in squares of ``cell_px``, by the mean of ``importance`` (h, w) over the square's part
    of ``within``: maps of different resolution then differ in what they choose and not in how
    finely they cut the picture. Ties are broken at random, so equal importance everywhere is the
    random order. ``start_px`` rows and columns are cut off the first squares.
    """
    rows, columns = (np.indices(within.shape) + np.reshape(start_px, (2, 1, 1))) // cell_px
    cells = (rows * (columns.max() + 1) + columns)[within]
    pixels = np.bincount(cells)
    mean = np.bincount(cells, importance[within]) / np.maximum(pixels, 1)
    tie = np.random.default_rng(seed).permutation(len(mean))
    return np.flatnonzero(within)[np.lexsort((tie[cells], -mean[cells]))]


def exchange_curve(
    score: ScoreFunction,
    start: Tensor,
    end: Tensor,
    order: np.ndarray,
    *,
    steps: int,
    batch_size: int,
) -> Work[Curve]:
    """Exchange pixels of ``start`` for those of ``end``, both (1, 3, h, w), along ``order``.

    From the picture to its replacement this is a deletion curve, the other way an insertion curve.
    Progress counts the forward passes, ``steps`` + 1 in all. The pixels that are not in ``order``
    stay those of ``start``.
    """
    counts = np.linspace(0, len(order), steps + 1).round().astype(int)
    scores = []
    for first in range(0, steps + 1, batch_size):
        batch = counts[first : first + batch_size]
        exchanged = np.zeros((len(batch), start[0, 0].numel()), dtype=bool)
        for row, count in zip(exchanged, batch, strict=True):
            row[order[:count]] = True
        mask = torch.from_numpy(exchanged).to(start.device).view(-1, 1, *start.shape[-2:])
        scores.append(evaluate(score, torch.where(mask, end, start)))
        yield Progress(first + len(batch), steps + 1)
    return Curve(np.linspace(0, 1, steps + 1), np.concatenate(scores))
