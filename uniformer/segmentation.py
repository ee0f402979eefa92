"""What a segmenter says about a picture, and the files it can be saved as."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import PIL
import torch
from PIL import Image

from uniformer.authorship import save_png
from uniformer.classes import ClassSet
from uniformer.files import replace_file
from uniformer.pictures import Picture
from uniformer.segmenter import WeightsRecord

FILES = ("labels.png", "colors.png", "overlay.png", "npz", "json")
"""What a segmentation can be saved as."""

COMPRESSION = 1
"""Level of zlib for what is large: the usual 6 takes several times as long for a few percent."""


@dataclass(frozen=True)
class ClassRow:
    """One class found in a picture: its area and how sure the model is there.

    ``share`` is the part of all pixels, 0 to 1; ``mean_confidence`` the mean probability of the
    label over the ``pixels`` of the class, 0 to 1.
    """

    index: int
    name: str
    color: str
    pixels: int
    share: float
    mean_confidence: float


@dataclass(frozen=True)
class Segmentation:
    """Labels of a picture at its own size, and how sure the model is of them.

    ``picture`` is uint8 RGB (H, W, 3); ``labels`` uint8 (H, W), indices into ``classes``. The
    float32 maps (H, W) run from 0 to 1: ``confidence`` is the probability of the label,
    ``entropy`` that of the class probabilities as a share of its maximum, log(classes), and
    ``margin`` the probability of the label minus that of the runner-up. ``model`` is the name,
    ``weights`` where its weights came from, ``settings`` all else that the labels depend on.
    ``notes`` are what had to be assumed to read the picture, a sentence each.
    """

    picture: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    entropy: np.ndarray
    margin: np.ndarray
    classes: ClassSet
    model: str
    weights: WeightsRecord
    settings: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def as_read(self) -> Picture:
        """The picture with the notes on it, to be asked about again."""
        return Picture(self.picture, self.notes)

    def table(self) -> list[ClassRow]:
        """Return the classes that occur, largest area first."""
        count = len(self.classes)
        pixels = np.bincount(self.labels.ravel(), minlength=count)
        confidence = np.bincount(self.labels.ravel(), self.confidence.ravel(), minlength=count)
        return [
            ClassRow(
                index=int(index),
                name=self.classes.names[index],
                color=self.classes.colors[index],
                pixels=int(pixels[index]),
                share=float(pixels[index] / self.labels.size),
                mean_confidence=float(confidence[index] / pixels[index]),
            )
            for index in np.argsort(-pixels, kind="stable")
            if pixels[index]
        ]

    def label_image(self) -> Image.Image:
        """Return the class indices as an 8-bit greyscale image (mode L)."""
        return Image.fromarray(self.labels)

    def color_image(self) -> Image.Image:
        """Return the labels in class colours (RGB)."""
        return Image.fromarray(self.classes.palette[self.labels])

    def overlay(self, opacity: float = 0.6) -> Image.Image:
        """Return the class colours laid over the picture; ``opacity`` 0 shows the picture only."""
        if not 0 <= opacity <= 1:
            raise ValueError(f"The opacity must be from 0 to 1, not {opacity}.")
        return Image.blend(Image.fromarray(self.picture), self.color_image(), opacity)

    def describe(self) -> dict[str, Any]:
        """Return what the labels depend on and the class table, ready for JSON.

        ``sha256`` is that of the picture's RGB bytes, row by row.
        """
        return {
            "picture": describe_picture(self.picture, self.notes),
            "model": self.model,
            "weights": asdict(self.weights),
            "settings": self.settings,
            "classes": {"name": self.classes.name, "count": len(self.classes)},
            "table": [asdict(row) for row in self.table()],
            "versions": versions(),
        }

    def save(
        self, folder: str | Path, stem: str, files: Sequence[str] = FILES, opacity: float = 0.6
    ) -> list[Path]:
        """Write ``{stem}.{file}`` for each of ``files`` into ``folder``; return their paths.

        ``labels.png`` holds class indices, ``colors.png`` class colours, ``overlay.png`` the
        overlay at ``opacity``, ``npz`` labels (uint8), the maps (float16) and class names,
        ``json`` :meth:`describe`. Existing files are replaced, each only once it is complete.
        Raises ``ValueError`` if ``stem`` is not a plain file name, and ``OSError`` if the folder
        cannot be written to.
        """
        if not stem or Path(stem).name != stem:
            raise ValueError(f"{stem!r} cannot be used as the name of a file.")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        writers = {
            "labels.png": _drawing(self.label_image),
            "colors.png": _drawing(self.color_image, COMPRESSION),
            "overlay.png": _drawing(lambda: self.overlay(opacity), COMPRESSION),
            "npz": self._write_maps,
            "json": self._write_description,
        }
        return [replace_file(folder / f"{stem}.{name}", writers[name]) for name in files]

    def _write_maps(self, file: BinaryIO) -> None:
        arrays = {
            "labels": self.labels,
            "confidence": self.confidence.astype(np.float16),
            "entropy": self.entropy.astype(np.float16),
            "margin": self.margin.astype(np.float16),
            "class_names": np.array(self.classes.names),
            "class_colors": self.classes.palette,
        }
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as box:
            for name, array in arrays.items():  # as numpy does it, but for the level
                with box.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as part:
                    np.lib.format.write_array(part, array, allow_pickle=False)

    def _write_description(self, file: BinaryIO) -> None:
        file.write(json.dumps(self.describe(), indent=2, ensure_ascii=False).encode())


def _drawing(draw: Callable[[], Image.Image], level: int = 6) -> Callable[[BinaryIO], None]:
    """Return what writes an image as PNG; ``level`` is that of zlib."""
    return lambda file: save_png(draw(), file, level)


def describe_picture(picture: np.ndarray, notes: Sequence[str] = ()) -> dict[str, Any]:
    """Return size and sha256 (of the RGB bytes, row by row) of a picture, and notes if any."""
    height, width = picture.shape[:2]
    digest = hashlib.sha256(picture.tobytes()).hexdigest()
    described = {"height": height, "width": width, "sha256": digest}
    return described | ({"notes": list(notes)} if notes else {})


def versions() -> dict[str, str]:
    """Return the versions of the libraries that labels depend on."""
    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "pillow": PIL.__version__,
    }
