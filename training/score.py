"""Score weights in coarse classes, on ordinary photos and on pictures of the kind trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from torch import nn

from training.coarse import comparable
from training.data import Sample
from training.validate import validate
from training.vocabulary import COARSE
from uniformer.calibration import reliability
from uniformer.metrics import Counts, score


@dataclass(frozen=True)
class DomainScores:
    """Shares in 0..1 over ``pictures``; ``iou`` holds those of the classes that have one.

    ``surer`` is the mean confidence minus the accuracy. ``mistakes`` are the largest: the class
    that was annotated, the one that was named, and their share of all annotated pixels. ``bins``
    are those of confidence that hold pixels: (pixels, mean confidence, share labelled right).
    """

    pictures: int
    accuracy: float
    miou: float
    boundary_iou: float
    calibration_error: float
    surer: float
    iou: dict[str, float]
    mistakes: list[tuple[str, str, float]]
    bins: list[tuple[int, float, float]]

    def to_json(self) -> dict:
        """Return the scores as what JSON can hold."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.pictures} pictures: accuracy {self.accuracy:.1%}, mIoU {self.miou:.1%}, "
            f"boundary IoU {self.boundary_iou:.1%}, calibration error "
            f"{self.calibration_error:.1%} (confidence minus accuracy {self.surer:+.1%})"
        )


def score_domain(model: nn.Module, examples: Sequence[Sample]) -> DomainScores:
    """Return the scores of ``model`` on ``examples`` with coarse labels.

    Raises :class:`~uniformer.dataset.DatasetError` for a model of other classes.
    """
    return summarise(
        validate(model, comparable(examples, model.classes), exact=True), len(examples)
    )


def summarise(counts: Counts, pictures: int, mistakes: int = 12) -> DomainScores:
    """Return the scores that ``counts`` of coarse classes give."""
    scores, bins = score(counts), reliability(counts.bins)
    total = counts.confusion.sum()
    wrong = counts.confusion - np.diag(counts.confusion.diagonal())
    largest = np.argsort(-wrong, axis=None)[:mistakes]
    mean_confidence = float(np.nansum(bins.confidence * bins.pixels) / bins.pixels.sum())
    return DomainScores(
        pictures,
        scores.aacc,
        scores.miou,
        scores.mean_boundary_iou,
        bins.error,
        mean_confidence - scores.aacc,
        {
            name: float(iou)
            for name, iou in zip(COARSE, scores.iou, strict=True)
            if not np.isnan(iou)
        },
        [
            (COARSE[row], COARSE[column], float(wrong[row, column] / total))
            for row, column in (divmod(int(place), len(COARSE)) for place in largest)
        ],
        [
            (int(pixels), float(confidence), float(accuracy))
            for pixels, confidence, accuracy in zip(
                bins.pixels, bins.confidence, bins.accuracy, strict=True
            )
            if pixels
        ],
    )
