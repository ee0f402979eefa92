"""Unbiased linear CKA: do two sets of features tell the same samples apart in the same way?

Centered kernel alignment: Kornblith et al., "Similarity of Neural Network Representations
Revisited", arXiv 1905.00414. Its usual estimate is near 1 for unrelated features when these are
more than the samples. HSIC is therefore estimated without bias (Song et al., "Feature Selection via
Dependence Maximization", JMLR 2012), as Nguyen et al., arXiv 2010.15327, and Murphy et al., arXiv
2405.01012, advise: unrelated features then come to about 0, and may fall a little below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.core.errors import AnalysisError

MIN_SAMPLES = 4
"""Fewer have no unbiased estimate."""


@dataclass(frozen=True)
class CkaSums:
    """Sums of HSIC over mini-batches of samples, float64; add two to join their batches.

    ``cross`` (a, b) is that of each feature set of one side with each of the other, ``first`` (a,)
    and ``second`` (b,) of each with itself; ``samples`` and ``batches`` count what was summed.
    """

    cross: np.ndarray
    first: np.ndarray
    second: np.ndarray
    samples: int
    batches: int

    def __add__(self, other: CkaSums) -> CkaSums:
        return CkaSums(
            self.cross + other.cross,
            self.first + other.first,
            self.second + other.second,
            self.samples + other.samples,
            self.batches + other.batches,
        )

    @property
    def cka(self) -> np.ndarray:
        """CKA (a, b): 1 is the same up to rotation and scale, about 0 unrelated.

        NaN where features do not vary from sample to sample, or no more than chance allows.
        """
        energy = np.outer(self.first.clip(0), self.second.clip(0))
        known = energy > 0
        return np.divide(
            self.cross, np.sqrt(energy), out=np.full(energy.shape, np.nan), where=known
        )


def cka_sums(first: Sequence[Tensor], second: Sequence[Tensor] | None = None) -> CkaSums:
    """Return the sums of one batch of samples.

    ``first`` and ``second`` (None: the same) are sets of features, each (samples, features) of the
    same samples in the same order. Memory grows with the square of the samples: keep batches to
    some hundreds. Raises :class:`AnalysisError` for fewer than 4 samples or unequal numbers.
    """
    counts = {len(features) for features in (*first, *(second or ()))}
    if len(counts) != 1:
        raise AnalysisError("Features to compare must be of the same samples.")
    (samples,) = counts
    if samples < MIN_SAMPLES:
        raise AnalysisError(
            f"Similarity needs {MIN_SAMPLES} samples or more, not {samples}: take a larger short "
            "side or more pictures."
        )
    left = torch.stack([_centered_gram(features).flatten() for features in first])
    right = left
    if second is not None:
        right = torch.stack([_centered_gram(features).flatten() for features in second])
    scale = samples * (samples - 3)
    return CkaSums(
        cross=(left @ right.T / scale).cpu().numpy(),
        first=(left.square().sum(1) / scale).cpu().numpy(),
        second=(right.square().sum(1) / scale).cpu().numpy(),
        samples=samples,
        batches=1,
    )


def _centered_gram(features: Tensor) -> Tensor:
    """Return the Gram matrix without diagonal, centred so that products of two have no bias.

    (U-centring: Szekely and Rizzo, "Partial Distance Correlation with Methods for Dissimilarities",
    Annals of Statistics 2014.) Its product with another equals Song's estimate, eq. 5.
    """
    features = features.double()
    # HSIC ignores shifts. The first one makes constant features exactly zero.
    features = features - features[:1]
    features = features - features.mean(0)
    gram = (features @ features.T).fill_diagonal_(0)
    count, sums = len(gram), gram.sum(0)
    shift = sums.sum() / ((count - 1) * (count - 2))
    return (gram - (sums[:, None] + sums) / (count - 2) + shift).fill_diagonal_(0)
