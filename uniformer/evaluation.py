"""What an evaluation found, as numbers, as JSON and as a table."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from uniformer.calibration import Reliability, reliability
from uniformer.metrics import Counts, score
from uniformer.plural import how_many
from uniformer.segmenter import WeightsRecord


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class in 0..1; None where there is nothing to score.

    ``pixels`` counts its annotated pixels. ``accuracy`` is the share of them that was found.
    """

    index: int
    name: str
    pixels: int
    iou: float | None
    accuracy: float | None
    boundary_iou: float | None


@dataclass(frozen=True)
class Evaluation:
    """Scores in 0..1 over all ``pictures``, from one confusion matrix of their annotated pixels.

    ``miou`` and ``boundary_iou`` are means over the classes that are annotated or predicted
    somewhere, ``macc`` over those that are annotated; ``aacc`` is the share of annotated pixels
    labelled right; ``calibration_error`` is the expected gap between the probability of a label and
    how often such labels are right, and ``reliability`` that gap bin by bin. All are None when no
    pixel is annotated. ``classes`` has a row per class of the
    model. ``confusion`` (classes, classes) counts pixels, a row per annotated class. ``images`` and
    ``annotations`` are the folders as they were named. ``left_out`` says for each picture that is
    not scored why. ``notes`` are sentences on what was no picture or had to be assumed.
    """

    model: str
    weights: WeightsRecord
    settings: dict[str, Any]
    images: str
    annotations: str
    pictures: int
    miou: float | None
    macc: float | None
    aacc: float | None
    boundary_iou: float | None
    calibration_error: float | None
    classes: tuple[ClassScore, ...]
    reliability: Reliability = field(repr=False, compare=False)
    confusion: np.ndarray = field(repr=False, compare=False)
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, counts: Counts, names: Sequence[str], **about: Any) -> Evaluation:
        """Return the evaluation that ``counts`` of classes called ``names`` give.

        ``about`` are the fields that say what was evaluated, ``model`` to ``pictures``.
        """
        scores, bins = score(counts), reliability(counts.bins)
        rows = zip(
            names,
            counts.confusion.sum(axis=1).tolist(),
            scores.iou.tolist(),
            scores.accuracy.tolist(),
            scores.boundary_iou.tolist(),
            strict=True,
        )
        return cls(
            **about,
            miou=_known(scores.miou),
            macc=_known(scores.macc),
            aacc=_known(scores.aacc),
            boundary_iou=_known(scores.mean_boundary_iou),
            calibration_error=_known(bins.error),
            reliability=bins,
            classes=tuple(
                ClassScore(index, name, pixels, *map(_known, values))
                for index, (name, pixels, *values) in enumerate(rows)
            ),
            confusion=counts.confusion,
        )

    @property
    def pixels(self) -> int:
        """How many pixels are annotated."""
        return int(self.confusion.sum())

    def to_json(self) -> str:
        """Return everything as one JSON object; its names are those of the fields."""
        bins = (
            {"pixels": pixels, "confidence": _known(confidence), "accuracy": _known(accuracy)}
            for pixels, confidence, accuracy in zip(
                self.reliability.pixels.tolist(),
                self.reliability.confidence.tolist(),
                self.reliability.accuracy.tolist(),
                strict=True,
            )
        )
        return json.dumps(
            asdict(self)
            | {
                "pixels": self.pixels,
                "confusion": self.confusion.tolist(),
                "reliability": list(bins),
            }
        )

    def table(self) -> str:
        """Return the means and a line per class that was met, in percent, as plain text."""
        met = [row for row in self.classes if row.iou is not None]
        width = max((len(row.name) for row in met), default=0)
        width = max(width, len("class"))
        lines = [
            f"{self.model}: {how_many(self.pictures, 'picture')}, "
            f"{how_many(self.pixels, 'annotated pixel')}",
            f"mIoU {_percent(self.miou)} %   mAcc {_percent(self.macc)} %   "
            f"aAcc {_percent(self.aacc)} %   boundary IoU {_percent(self.boundary_iou)} %   "
            f"calibration error {_percent(self.calibration_error)} %",
            "",
            f"{'class':<{width}}  {'IoU %':>7}  {'acc %':>7}  {'boundary %':>10}  {'pixels':>13}",
        ]
        lines += [
            f"{row.name:<{width}}  {_percent(row.iou):>7}  {_percent(row.accuracy):>7}  "
            f"{_percent(row.boundary_iou):>10}  {row.pixels:>13,}"
            for row in met
        ]
        if absent := len(self.classes) - len(met):
            lines.append(f"{absent} of {len(self.classes)} classes neither annotated nor predicted")
        if not self.weights.trained:
            lines.append(self.weights.note)
        if self.left_out:
            all_of_them = how_many(self.pictures + len(self.left_out), "picture")
            lines.append(f"Not in these scores: {len(self.left_out)} of {all_of_them}")
        lines += self.notes
        return "\n".join(lines)


def _known(value: float) -> float | None:
    """Return ``value``, or None for NaN, which JSON has no word for."""
    return None if math.isnan(value) else value


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"
