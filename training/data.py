"""Pictures and label maps of one split, decoded once and kept in memory.

``DATA/images/<split>/*`` goes with ``DATA/masks/<split>/<same name>.png``, which hold class ids and
255 where nothing is annotated; ``DATA/classes.json`` names the classes. It may name groups of them
too, under ids from 128 on, for pixels that show one of several classes. Where there is a folder
``DATA/confidence/<split>``, its files say from 0 to 255 how sure each label is. 5 000 pictures of
320 x 240 take 1.5 GB, which forked workers share.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from uniformer.classes import IGNORE_INDEX, ClassSet, class_set
from uniformer.dataset import DatasetError, pair_annotations, read_annotation
from uniformer.pictures import PictureError, open_picture


@dataclass(frozen=True)
class Sample:
    """One picture, uint8 RGB (H, W, 3), and what it shows.

    ``labels`` uint8 (H, W) are ids of classes or groups, 255 for unknown; ``confidence`` uint8
    (H, W) is 255 where a label is certain. ``coarse`` uint8 (classes,) is there for labels of a
    coarser set: it translates what a model says before the two are compared.
    """

    name: str
    picture: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    coarse: np.ndarray | None = None

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


def read_groups(data: Path, classes: int) -> np.ndarray:
    """Return which classes every id of a label map may be, bool (256, ``classes``).

    Ids of classes stand for themselves; the others have the members that ``DATA/classes.json``
    lists under "groups", none where it lists none.
    """
    members: np.ndarray = np.zeros((256, classes), dtype=bool)
    members[np.arange(classes), np.arange(classes)] = True
    file = data / "classes.json"
    try:
        for group in json.loads(file.read_text(encoding="utf-8")).get("groups", []):
            if not classes <= group["id"] < IGNORE_INDEX or not group["members"]:
                raise ValueError(f"group {group['id']} has no members or the id of a class")
            members[group["id"], group["members"]] = True
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise DatasetError(f"The groups in {file} cannot be used: {error}.") from error
    return members


def load_split(data: Path, split: str, classes: int, longest_side: int) -> list[Sample]:
    """Return the examples of ``split``, sorted by name, reduced to ``longest_side`` pixels.

    Raises :class:`~uniformer.dataset.DatasetError`, which names the file, for an empty folder, a
    picture that cannot be read, a label map of another size or with an id out of range.
    """
    pairs = pair_annotations(data / "images" / split, data / "masks" / split)
    known = np.asarray(read_groups(data, classes).any(axis=1))
    known[IGNORE_INDEX] = True
    sure = data / "confidence" / split
    return [
        _load(picture, labels, sure / labels.name if sure.is_dir() else None, known, longest_side)
        for picture, labels in pairs
    ]


def _load(
    picture_file: Path, label_file: Path, sure: Path | None, known: np.ndarray, longest_side: int
) -> Sample:
    try:
        picture = open_picture(picture_file)
    except PictureError as error:
        raise DatasetError(f"{picture_file.parent}: {error}") from error
    labels = read_annotation(label_file, picture.shape[:2], IGNORE_INDEX)
    if not known[labels].all():
        wrong = labels[~known[labels]][0]
        raise DatasetError(f"{label_file} holds the id {wrong}, which is no class of the data.")
    confidence = (
        np.full_like(labels, 255)
        if sure is None
        else read_annotation(sure, picture.shape[:2], IGNORE_INDEX)
    )
    factor = longest_side / max(labels.shape)
    if factor < 1:
        size = tuple(max(1, round(side * factor)) for side in labels.shape[::-1])
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        labels, confidence = (
            cv2.resize(map_, size, interpolation=cv2.INTER_NEAREST_EXACT)
            for map_ in (labels, confidence)
        )
    return Sample(picture_file.stem, picture, labels, confidence)
