"""Pseudo-labels by small published segmenters: two for ADE20K's frequent classes, one for VOC.

The teachers are int8 networks in TensorFlow Lite files (``ai-edge-litert``, development only).
Those of ADE20K name every pixel, even one that shows none of their 31 classes; the one of PASCAL
VOC knows a background, so its things are taken before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.vocabulary import ADE, EVERYDAY, VOC
from uniformer.dataset import DatasetError

ADE_FILES = ("mosaic_r4_ade32_logits.tflite", "deeplabv3_mnv2_ade32_logits.tflite")
VOC_FILE = "deeplabv3_mnv2_pascal_logits.tflite"

THING = 0.5
"""A pixel is a thing of VOC when the teacher gives one of its classes more than this."""

NEAR = 0.02
"""Part of the diagonal around a thing within which ADE's teachers must be sure of what they say:
they name the rim of an animal after whatever it resembles."""

SURE_NEAR_THINGS = 0.8


def _merging(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of our classes in ``names``, and 0 or 1 (names, ids): which is which."""
    own = np.array(sorted({EVERYDAY.index(name) for name in names}))
    merging = [[EVERYDAY[index] == name for index in own] for name in names]
    return own, np.array(merging, dtype=np.float32)


ADE_IDS, ADE_MERGING = _merging(ADE)
VOC_IDS, VOC_MERGING = _merging(VOC)


@dataclass(frozen=True)
class Opinion:
    """What the teachers say of a picture.

    ``labels`` uint8 (H, W) and ``confidence`` float32 (H, W), the probability of that label, 0
    where nothing should be learned. ``ade`` float32 (H, W, ADE_IDS) and ``voc`` (H, W, VOC_IDS)
    are their probabilities, ``things`` bool (H, W) tells where VOC's are the ones that count.
    """

    labels: np.ndarray
    confidence: np.ndarray
    ade: np.ndarray
    voc: np.ndarray
    things: np.ndarray

    def probability(self, index: int) -> np.ndarray:
        """Return that of our class ``index``, float32 (H, W); 0 for one that no teacher knows."""
        found = np.zeros(self.things.shape, np.float32)
        if index in ADE_IDS:
            found = self.ade[..., np.searchsorted(ADE_IDS, index)]
        if index in VOC_IDS:
            return np.where(self.things, self.voc[..., np.searchsorted(VOC_IDS, index)], found)
        return np.where(self.things, 0, found)


class Teachers:
    """The three networks in ``folder``; :class:`DatasetError` names a file that is missing."""

    def __init__(self, folder: Path) -> None:
        self.ade = [_Network(folder / name) for name in ADE_FILES]
        self.voc = _Network(folder / VOC_FILE)

    def __call__(self, picture: np.ndarray) -> Opinion:
        """Return the opinion on uint8 RGB (H, W, 3), averaged with that on its mirror image."""
        size = picture.shape[1::-1]
        views = [_mirrored(network, picture) for network in self.ade]
        ade = np.mean(views, axis=0)[..., 1:]  # 0 is unused
        ade = _resized((ade / ade.sum(-1, keepdims=True)) @ ADE_MERGING, size)
        voc = _resized(_mirrored(self.voc, picture)[..., 1:] @ VOC_MERGING, size)
        sure = voc.max(-1)
        things = sure > THING
        labels = np.where(things, VOC_IDS[voc.argmax(-1)], ADE_IDS[ade.argmax(-1)])
        confidence = np.where(things, sure, ade.max(-1))
        reach = 2 * max(1, round(NEAR * float(np.hypot(*size)))) + 1
        near = cv2.dilate(things.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
        confidence[near & ~things & (confidence < SURE_NEAR_THINGS)] = 0
        return Opinion(labels.astype(np.uint8), confidence, ade, voc, things)


class _Network:
    """One file: uint8 RGB in, probabilities at the stride of the network out."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise DatasetError(f"The teacher {file} is missing.")
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise DatasetError(
                "The teachers need the package ai-edge-litert: pip install ai-edge-litert."
            ) from error
        try:
            self.interpreter = Interpreter(str(file), num_threads=1)
            self.interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise DatasetError(f"The teacher {file} cannot be read: {error}.") from error
        self.input = self.interpreter.get_input_details()[0]
        self.output = self.interpreter.get_output_details()[0]

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        side = int(self.input["shape"][1])
        shrinks = max(picture.shape[:2]) > side
        kind = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        x = cv2.resize(picture, (side, side), interpolation=kind)
        self.interpreter.set_tensor(self.input["index"], x[None])
        self.interpreter.invoke()
        scale, zero = self.output["quantization"]
        raw = self.interpreter.get_tensor(self.output["index"])[0].astype(np.float32)
        logits = (raw - zero) * scale
        exponential = np.exp(logits - logits.max(-1, keepdims=True))
        return exponential / exponential.sum(-1, keepdims=True)


def _mirrored(network: _Network, picture: np.ndarray) -> np.ndarray:
    mirror = network(np.ascontiguousarray(picture[:, ::-1]))[:, ::-1]
    return (network(picture) + mirror) / 2


def _resized(probabilities: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the map at ``size`` = (width, height)."""
    return cv2.resize(
        np.ascontiguousarray(probabilities, dtype=np.float32), size, interpolation=cv2.INTER_LINEAR
    )
