"""The number an explanation explains: how strongly a region is a class.

The region and the class are fixed when the score is made, and the mean over the region is taken,
so scores of regions of different size compare. Sources of the choice: docs/methods.md and
Vinogradova et al., "Towards Interpretable Semantic Segmentation", arXiv 2002.11434.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.core.checks import check_evaluating, check_label, check_region
from analysis.core.errors import AnalysisError
from analysis.core.forward import stage_maps
from uniformer.segmenter import Segmenter

Score = Literal["margin", "logit", "probability"]

ScoreFunction = Callable[[Tensor], Tensor]
"""Maps network inputs (B, 3, h, w) to one number each (B,)."""

SCORE_UNITS: dict[Score, str] = {"margin": "nats", "logit": "logits", "probability": "probability"}

MAX_POINTS = 16_384
"""Pixels of a region that are looked at; larger regions are thinned evenly."""


class RegionScore(nn.Module):
    """Scores how strongly ``region`` (H, W) is class ``label``, as a function of the input.

    - ``margin``: mean over the region of z_c - logsumexp of the other logits, in nats: what decides
      the prediction. With a class ``against`` it is mean(z_c - z_against): "A rather than B".
    - ``logit``: mean of z_c; it also moves when all logits move together, which changes nothing.
    - ``probability``: mean softmax probability of the class, 0 to 1.

    Calling it with the network's input (B, 3, h, w) gives (B,), so captum needs no target index.
    The model is used as it is and not registered as a submodule's parameters to train.

    Raises :class:`AnalysisError` for an empty region, an unknown class or score, an optimized model
    or one in training mode.
    """

    def __init__(
        self,
        model: Segmenter,
        region: np.ndarray,
        label: int,
        *,
        score: Score = "margin",
        against: int | None = None,
    ) -> None:
        super().__init__()
        check_evaluating(model)
        if score not in get_args(Score):
            raise AnalysisError(f"The score must be margin, logit or probability, not {score!r}.")
        if against is not None and score != "margin":
            raise AnalysisError("A class to compare with needs the score margin.")
        if against == label:
            raise AnalysisError("Compare a class with another one, not with itself.")
        self.model = model
        self.region = check_region(region, np.shape(region))
        self.label = check_label(label, model.classes)
        self.against = None if against is None else check_label(against, model.classes)
        self.score = score
        self.register_buffer("points", _points(self.region), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the score (B,) of network inputs (B, 3, h, w)."""
        return self.of_logits(self.model.decode(stage_maps(self.model, x)))

    def of_logits(self, logits: Tensor) -> Tensor:
        """Return the score (B,) of logits (B, classes, rows, columns) at any stride.

        Logits are read bilinearly at the centres of the region's pixels, as resizing straight to
        the picture would.
        """
        points = self.points.to(logits).expand(len(logits), -1, -1, -1)
        z = F.grid_sample(logits, points, padding_mode="border", align_corners=False)[:, :, 0]
        if self.score == "logit":
            values = z[:, self.label]
        elif self.score == "probability":
            values = z.softmax(dim=1)[:, self.label]
        elif self.against is not None:
            values = z[:, self.label] - z[:, self.against]
        else:
            others = torch.cat([z[:, : self.label], z[:, self.label + 1 :]], dim=1)
            values = z[:, self.label] - others.logsumexp(dim=1)
        return values.mean(dim=1)


def _points(region: np.ndarray) -> Tensor:
    """Return the centres of the region's pixels as (1, 1, N, 2) x, y in -1..1, float64."""
    rows, columns = np.nonzero(region)
    if len(rows) > MAX_POINTS:
        kept = np.linspace(0, len(rows) - 1, MAX_POINTS).round().astype(int)
        rows, columns = rows[kept], columns[kept]
    height, width = region.shape
    xy = np.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], axis=-1)
    return torch.from_numpy(xy)[None, None]
