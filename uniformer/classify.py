"""From a picture to ranked classes: the middle as in the official test, or all of the picture."""

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
from uniformer.predict import check_short_side
from uniformer.preprocess import MEAN, STD, preprocess
from uniformer.segmentation import Segmentation, describe_picture, versions
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

    def as_labels(self) -> Segmentation:
        """Return it as labels: every pixel has the likeliest class, with its probability."""
        best, second = np.sort(self.probabilities)[:-3:-1]
        spread = float(torch.special.entr(torch.from_numpy(self.probabilities)).sum())
        kind = np.min_scalar_type(len(self.classes) - 1)
        size = self.picture.shape[:2]

        def everywhere(value: float) -> np.ndarray:
            return np.full(size, value, dtype=np.float32)

        return Segmentation(
            picture=self.picture,
            labels=np.full(size, self.probabilities.argmax(), kind),
            confidence=everywhere(best),
            entropy=everywhere(spread / np.log(len(self.classes))),
            margin=everywhere(best - second),
            classes=self.classes,
            model=self.model,
            weights=self.weights,
            settings=self.settings,
            notes=self.notes,
        )

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


def classify(
    image: PictureSource, model: Predictor, *, whole: bool = False, short_side: int | None = None
) -> Classification:
    """Say what ``image``, anything :func:`uniformer.open_picture` takes, is a picture of.

    As in the official test, the picture is shrunk to a short side of 256 pixels (bicubic, with
    antialiasing) and the square of 224 in its middle is classified: what lies outside is not seen.
    ``whole`` shows all of it instead, as :mod:`analysis` does, resized to ``short_side`` pixels
    (64 to 2048; None: the model's own) as for a segmenter.

    Raises :class:`uniformer.pictures.PictureError` for a picture that cannot be used and
    ``ValueError`` for a model that is no classifier, is in training mode or whose output is not
    finite, and for a short side that cannot be, or that only a ``whole`` picture could have.
    """
    if not isinstance(model, Classifier):
        raise ValueError(f"{model.config.name} labels pixels: use a classifier like small-cls.")
    if model.training:
        raise ValueError("The model is in training mode: call model.eval() before predicting.")
    if short_side is not None and not whole:
        raise ValueError("A short side can be chosen for whole pictures only.")
    side = check_short_side(model.config.short_side if short_side is None else short_side)
    read = read_picture(image)
    picture = read.pixels
    x = (
        preprocess(picture, side, model.config.size_divisor)
        if whole
        else center_crop(picture, side)
    )
    with torch.inference_mode():
        logits = model(x.to(model.device, model.dtype))[0].float()
    if not logits.isfinite().all():
        raise ValueError("The model's output is not finite: its weights are damaged or do not fit.")
    return Classification(
        picture=picture,
        probabilities=logits.softmax(dim=0).cpu().numpy(),
        classes=model.classes,
        model=model.config.name,
        weights=model.weights,
        settings={
            "crop_px": None if whole else side,
            "short_side": side if whole else int(MARGIN * side),
            "network_sizes": [list(x.shape[-2:])],
            "reach": model.reach,
            "window_size": model.window_size,
            "optimized": model.optimized,
        },
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
