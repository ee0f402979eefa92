"""Pictures and label maps of one split, decoded once and kept in memory.

``DATA/images/<split>/*`` goes with ``DATA/masks/<split>/<same name>.png``, which hold class ids and
255 where nothing is annotated; ``DATA/classes.json`` names the classes. 5 000 pictures of 320 x 240
take 1.5 GB, which forked workers share.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from uniformer.classes import ClassSet, class_set
from uniformer.dataset import DatasetError, pair_annotations, read_annotation
from uniformer.pictures import PictureError, open_picture


@dataclass(frozen=True)
class Example:
    """One picture, uint8 RGB (H, W, 3), and its class ids, uint8 (H, W) with 255 for unknown."""

    name: str
    picture: np.ndarray
    labels: np.ndarray

    @property
    def source(self) -> str:
        """The part of the file's name before its first underscore."""
        return self.name.partition("_")[0]


def read_classes(data: Path, known: str) -> ClassSet:
    """Return the classes of ``DATA/classes.json``: the set ``known`` where the names are the same.

    Raises :class:`~uniformer.dataset.DatasetError` when the file is missing or has another form.
    """
    file = data / "classes.json"
    try:
        rows = sorted(
            json.loads(file.read_text(encoding="utf-8"))["classes"], key=lambda row: row["id"]
        )
        names = tuple(str(row["name"]) for row in rows)
        colors = tuple("#" + bytes(row["color"]).hex() for row in rows)
        numbered = [row["id"] for row in rows] == list(range(len(rows)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{file} cannot be used: it must hold a list 'classes' with id, name and color "
            f"[red, green, blue] ({error})."
        ) from error
    if not numbered:
        raise DatasetError(f"The ids in {file} must be 0, 1, 2 and so on without gaps.")
    if names == class_set(known).names:
        return class_set(known)
    return ClassSet(name=data.name, title=data.name, names=names, colors=colors)


def load_split(data: Path, split: str, classes: int, longest_side: int) -> list[Example]:
    """Return the examples of ``split``, sorted by name, reduced to ``longest_side`` pixels.

    Raises :class:`~uniformer.dataset.DatasetError`, which names the file, for an empty folder, a
    picture that cannot be read, a label map of another size or with an id out of range.
    """
    pairs = pair_annotations(data / "images" / split, data / "masks" / split)
    return [_load(picture, labels, classes, longest_side) for picture, labels in pairs]


def _load(picture_file: Path, label_file: Path, classes: int, longest_side: int) -> Example:
    try:
        picture = open_picture(picture_file)
    except PictureError as error:
        raise DatasetError(f"{picture_file.parent}: {error}") from error
    labels = read_annotation(label_file, picture.shape[:2], classes)
    factor = longest_side / max(labels.shape)
    if factor < 1:
        size = tuple(max(1, round(side * factor)) for side in labels.shape[::-1])
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        labels = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return Example(picture_file.stem, picture, labels)
