"""Random crops: one affine map for size, shape, rotation, flip and place, then the colours."""

from __future__ import annotations

import math

import cv2
import numpy as np

from training.config import RunConfig
from training.data import Sample
from uniformer.classes import IGNORE_INDEX
from uniformer.preprocess import MEAN

LABEL_STRIDE = 2
"""Labels are drawn at half the resolution of the picture: logits are four times coarser anyway."""

GREY = np.float32([0.299, 0.587, 0.114])


def random_crop(
    example: Sample,
    side: int,
    focus: int | None,
    config: RunConfig,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a crop, uint8 RGB (side, side, 3), its labels and confidence (side / 2, side / 2).

    With a ``focus`` the crop lies around a random pixel of that class, which must be there. What
    lies outside of the picture has the mean colour, the label 255 and the confidence 0.
    """
    linear = _random_linear(config, rng)
    center = _random_center(example.labels, side, focus, linear, rng)
    picture = cv2.warpAffine(
        example.picture,
        _affine(linear, center, side, 1),
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=MEAN,
    )
    labels, confidence = (
        cv2.warpAffine(
            map_,
            _affine(linear, center, side, LABEL_STRIDE),
            (side // LABEL_STRIDE, side // LABEL_STRIDE),
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=outside,
        )
        for map_, outside in ((example.labels, IGNORE_INDEX), (example.confidence, 0))
    )
    return cv2.transform(picture, _random_colors(config.color, rng)), labels, confidence


def _random_linear(config: RunConfig, rng: np.random.Generator) -> np.ndarray:
    """Return the 2 x 2 matrix from the picture's pixels to the crop's: size, flip, rotation."""
    scale = math.exp(rng.uniform(*np.log(config.scale)))
    aspect = math.exp(rng.uniform(-0.5, 0.5) * math.log(config.aspect))
    angle = math.radians(rng.uniform(-config.rotation, config.rotation))
    flip = rng.choice((-1.0, 1.0))
    rotation = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return np.array(rotation) @ np.diag([flip * scale * aspect, scale / aspect])


def _random_center(
    labels: np.ndarray, side: int, focus: int | None, linear: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return (x, y) in the picture, such that as much of the crop as possible shows the picture."""
    size = np.array(labels.shape[::-1], dtype=float)
    half = side / 2 / math.sqrt(abs(np.linalg.det(linear)))
    low, high = np.minimum(half, size - half), np.maximum(half, size - half)
    if focus is None:
        return np.asarray(rng.uniform(low, high))
    places = np.flatnonzero(labels == focus)
    row, column = divmod(int(rng.choice(places)), labels.shape[1])
    return np.clip(np.array([column, row]) + rng.uniform(-0.7, 0.7, 2) * half, low, high)


def _affine(linear: np.ndarray, center: np.ndarray, side: int, stride: int) -> np.ndarray:
    """Return OpenCV's 2 x 3 matrix that puts ``center`` in the middle of a crop of side / stride.

    OpenCV counts from the centre of the first pixel, which lies half a pixel inside.
    """
    linear = linear / stride
    offset = side / stride / 2 - 0.5 - linear @ (center - 0.5)
    return np.hstack([linear, offset[:, None]])


def _random_colors(strength: float, rng: np.random.Generator) -> np.ndarray:
    """Return a 3 x 4 matrix on RGB: saturation, a gain per channel, contrast, brightness."""
    saturation, contrast = 1 + strength * rng.uniform(-1, 1, 2)
    gains = 1 + strength / 3 * rng.uniform(-1, 1, 3)
    brightness = 255 * strength / 2 * rng.uniform(-1, 1)
    mix = saturation * np.eye(3) + (1 - saturation) * np.tile(GREY, (3, 1))
    matrix = contrast * gains[:, None] * mix
    shift = brightness + np.array(MEAN) * (1 - contrast)
    return np.hstack([matrix, shift[:, None]])
