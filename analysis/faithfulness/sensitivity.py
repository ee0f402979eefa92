"""Max-sensitivity: how far a map moves when its picture changes by less than anybody can see.

After Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (In)fidelity and Sensitivity of
Explanations", arXiv 1901.09392. The same number as captum's ``sensitivity_max``, one explanation at
a time, so that it can be stopped, and with a random state of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, Work
from uniformer.segmenter import Segmenter

Explain = Callable[[Segmenter, Tensor], np.ndarray]
"""Maps a model and a network input (1, 3, h, w) to a map (rows, columns)."""


@dataclass(frozen=True)
class Sensitivity:
    """How far a map moves when its input does, relative to the map's own norm.

    ``relative_changes`` (samples,) are ||map(x + noise) - map(x)|| / ||map(x)|| with noise uniform
    in -``radius`` to ``radius``, in units of the normalised input.
    """

    relative_changes: np.ndarray
    radius: float
    seed: int

    @property
    def maximum(self) -> float:
        """The largest change seen: a lower bound of max-sensitivity, which more samples raise."""
        return float(self.relative_changes.max())


def max_sensitivity(
    model: Segmenter,
    x: Tensor,
    explain: Explain,
    *,
    radius: float = 0.02,
    samples: int = 10,
    seed: int = 0,
) -> Work[Sensitivity]:
    """Explain ``samples`` inputs around ``x`` (1, 3, h, w); 0.02 is one of 255 grey levels.

    Yields progress in explanations, ``samples`` + 1 in all. A map that ignores its input is
    perfectly stable, so a low value alone says nothing. Raises :class:`AnalysisError` for
    fewer than one sample, a radius not above 0, and a map that is zero everywhere or not finite.
    """
    if samples < 1 or not radius > 0:
        raise AnalysisError("Sensitivity needs at least one sample and a radius above 0.")
    rng = np.random.default_rng(seed)
    clean = explain(model, x)
    norm = np.linalg.norm(clean)
    if not (np.isfinite(norm) and norm > 0):
        raise AnalysisError("The map is zero or not finite: its sensitivity is undefined.")
    yield Progress(1, samples + 1)
    changes = []
    for sample in range(samples):
        noise = torch.from_numpy(rng.uniform(-radius, radius, tuple(x.shape))).to(x)
        changes.append(np.linalg.norm(explain(model, x + noise) - clean) / norm)
        yield Progress(sample + 2, samples + 1)
    return Sensitivity(np.array(changes), radius, seed)
