"""Two predictions for one picture: where labels differ, class by class, and by how many nats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from uniformer.classes import ClassSet
from uniformer.heads import resize_bilinear


@dataclass(frozen=True)
class LabelComparison:
    """Predictions A and B of one picture.

    ``labels_a``, ``labels_b`` and ``differs`` (H, W) are at the picture's size, and
    ``differing_share``, 0 to 1, is the part of its pixels with another label. By class (classes,):
    the areas as shares of the picture and ``iou``, 0 to 1, NaN where neither has the class.
    ``kl_map_nats`` (rows, columns) is KL(A || B) on the grid of A's logits, and ``kl_nats`` its
    mean; ``confidence_a`` and ``confidence_b`` are mean probabilities of the predicted class.
    """

    classes: ClassSet
    labels_a: np.ndarray
    labels_b: np.ndarray
    differs: np.ndarray
    differing_share: float
    area_a: np.ndarray
    area_b: np.ndarray
    iou: np.ndarray
    kl_map_nats: np.ndarray
    kl_nats: float
    confidence_a: float
    confidence_b: float

    @property
    def mean_iou(self) -> float:
        """Mean of ``iou`` over the classes that A or B has."""
        return float(np.nanmean(self.iou))

    def rows(self) -> list[dict[str, str | float]]:
        """Return a row per class that A or B has, the largest first."""
        present = np.flatnonzero(self.area_a + self.area_b)
        return [
            {
                "class": self.classes.names[index],
                "area_a_share": float(self.area_a[index]),
                "area_b_share": float(self.area_b[index]),
                "iou": float(self.iou[index]),
            }
            for index in sorted(present, key=lambda index: -self.area_a[index] - self.area_b[index])
        ]


def compare_labels(a: Trace, b: Trace) -> LabelComparison:
    """Return where the predictions of two traces of one picture differ, and by how much.

    Raises :class:`AnalysisError` for pictures of different size and models of different classes.
    """
    if a.picture_size_px != b.picture_size_px:
        raise AnalysisError("Compare predictions of one picture: these two differ in size.")
    classes = a.model.classes
    if len(classes) != len(b.model.classes):
        raise AnalysisError("Compare models of the same classes: these two have different ones.")
    labels_a, labels_b = a.labels, b.labels
    areas = [_counts(labels, len(classes)) for labels in (labels_a, labels_b)]
    both = _counts(labels_a[labels_a == labels_b], len(classes))
    union = areas[0] + areas[1] - both
    with torch.no_grad():
        # Networks that round sizes differently have logits on grids of different size.
        log_b = resize_bilinear(b.logits, a.logits.shape[-2:]).to(a.logits).log_softmax(dim=1)
        log_a = a.logits.log_softmax(dim=1)
        kl = (log_a.exp() * (log_a - log_b)).sum(dim=1)[0].double().cpu().numpy()
        confidence = [logs.exp().amax(dim=1).mean().item() for logs in (log_a, log_b)]
    differs = labels_a != labels_b
    return LabelComparison(
        classes=classes,
        labels_a=labels_a,
        labels_b=labels_b,
        differs=differs,
        differing_share=float(differs.mean()),
        area_a=areas[0] / labels_a.size,
        area_b=areas[1] / labels_b.size,
        iou=np.divide(both, union, out=np.full(len(classes), np.nan), where=union > 0),
        kl_map_nats=kl,
        kl_nats=float(kl.mean()),
        confidence_a=confidence[0],
        confidence_b=confidence[1],
    )


def _counts(labels: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(labels.ravel(), minlength=count)
