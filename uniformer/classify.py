"""From a picture to ranked classes, by the official test: shrink, cut out the middle, classify."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from uniformer.classes import ClassSet
from uniformer.classifier import Classifier
from uniformer.engines.model import Predictor
from uniformer.pictures import PictureSource, read_picture
from uniformer.preprocess import MEAN, STD
from uniformer.segmentation import describe_picture, versions
from uniformer.segmenter import WeightsRecord

MARGIN = 256 / 224
"""Short side of the shrunk picture over that of the square that is cut from its middle."""


@dataclass(frozen=True)
class RankedClass:
    """A class and its softmax probability, 0 to 1; ``rank`` counts from 1."""

    rank: int
    index: int
    name: str
    probability: float


@dataclass(frozen=True)
class Classification:
    """What a classifier says about a picture, uint8 RGB (H, W, 3).

    ``probabilities`` float32 (classes,) sum to 1; ``model`` is the name, ``weights`` where its
    weights came from, ``settings`` all else that the answer depends on. ``notes``
    are what had to be assumed to read the picture.
    """

    picture: np.ndarray
    probabilities: np.ndarray
    classes: ClassSet
    model: str
    weights: WeightsRecord
    settings: dict[str, Any]
    notes: tuple[str, ...] = ()

    def top(self, count: int = 5) -> list[RankedClass]:
        """Return the ``count`` most probable classes, best first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [
            RankedClass(rank, int(at), self.classes.names[at], float(self.probabilities[at]))
            for rank, at in enumerate(order, start=1)
        ]

    def describe(self, count: int = 5) -> dict[str, Any]:
        """Return the best ``count`` classes and what they depend on, ready for JSON."""
        return {
            "picture": describe_picture(self.picture, self.notes),
            "model": self.model,
            "weights": asdict(self.weights),
            "settings": self.settings,
            "classes": {"name": self.classes.name, "count": len(self.classes)},
            "top": [asdict(row) for row in self.top(count)],
            "versions": versions(),
        }


def classify(image: PictureSource, model: Predictor) -> Classification:
    """Say what ``image``, anything :func:`uniformer.open_picture` takes, is a picture of.

    As in the official test, the picture is shrunk to a short side of 256 pixels (bicubic, with
    antialiasing) and the square of 224 in its middle is classified: what lies outside is not seen.

    Raises :class:`uniformer.pictures.PictureError` for a picture that cannot be used and
    ``ValueError`` for a model that is no classifier, is in training mode or whose output is not
    finite.
    """
    if not isinstance(model, Classifier):
        raise ValueError(f"{model.config.name} labels pixels: use a classifier like small-cls.")
    if model.training:
        raise ValueError("The model is in training mode: call model.eval() before predicting.")
    read = read_picture(image)
    picture = read.pixels
    side = model.config.short_side
    x = center_crop(picture, side).to(model.device, model.dtype)
    with torch.inference_mode():
        logits = model(x)[0].float()
    if not logits.isfinite().all():
        raise ValueError("The model's output is not finite: its weights are damaged or do not fit.")
    return Classification(
        picture=picture,
        probabilities=logits.softmax(dim=0).cpu().numpy(),
        classes=model.classes,
        model=model.config.name,
        weights=model.weights,
        settings={"crop_px": side, "reach": model.reach, "optimized": model.optimized},
        notes=read.notes,
    )


def center_crop(picture: np.ndarray, side: int) -> Tensor:
    """Return the middle of a uint8 RGB picture (H, W, 3), float32 (1, 3, side, side), normalised.

    The picture is shrunk to a short side of 256/224 of ``side`` first.
    """
    height, width = picture.shape[:2]
    short = int(MARGIN * side)
    small = (short * width // min(height, width), short * height // min(height, width))
    shrunk = np.asarray(Image.fromarray(picture).resize(small, Image.Resampling.BICUBIC))
    top, left = (round((length - side) / 2) for length in shrunk.shape[:2])
    middle = shrunk[top : top + side, left : left + side].astype(np.float32)
    normalised = (middle - np.float32(MEAN)) / np.float32(STD)
    return torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1)))[None]
