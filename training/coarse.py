"""Pictures that a model of finer classes is judged on, in the 22 coarse classes both sides know."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from training.data import Example
from training.vocabulary import COARSE, coarse_of_coco, coarse_of_everyday
from uniformer.classes import IGNORE_INDEX
from uniformer.dataset import DatasetError, pair_annotations, read_annotation
from uniformer.pictures import open_picture

INSIDE = {COARSE.index(name) for name in ("interior", "chair", "sofa", "bed", "table")}
OUTSIDE = {
    COARSE.index(name)
    for name in (
        *("sky", "building", "road", "grass", "tree", "water", "mountain", "ground"),
        *("vehicle", "cycle", "boat"),
    )
}


def load_ordinary(folder: Path) -> list[Example]:
    """Return photos labelled with ids of COCO panoptic, whose names are in ``classes.json``.

    Raises :class:`~uniformer.dataset.DatasetError`, which names the file, for one that is missing
    or cannot be used.
    """
    file = folder / "classes.json"
    try:
        names = {int(index): str(name) for index, name in json.loads(file.read_text()).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise DatasetError(f"{file} holds no names of ids: {error}.") from error
    tables = {indoors: coarse_of_coco(names, indoors) for indoors in (True, False)}
    return _load(folder / "images", folder / "masks", lambda ids, indoors: tables[indoors][ids])


def load_coarse(data: Path, split: str) -> list[Example]:
    """Return the pictures of a split of ``data``, whose label maps hold coarse ids."""
    return _load(data / "images" / split, data / "masks" / split, lambda ids, indoors: ids)


def _load(
    images: Path, masks: Path, translate: Callable[[np.ndarray, bool], np.ndarray]
) -> list[Example]:
    examples = []
    for file, mask in pair_annotations(images, masks):
        picture = open_picture(file)
        ids = read_annotation(mask, picture.shape[:2], IGNORE_INDEX)
        indoors = is_indoors(translate(ids, True))
        examples.append(
            Example(
                file.stem,
                picture,
                translate(ids, indoors),
                np.full_like(ids, 255),
                coarse_of_everyday(indoors),
            )
        )
    return examples


def is_indoors(coarse: np.ndarray) -> bool:
    """Return whether more of a coarse label map is of rooms and furniture than of open air."""
    pixels = np.bincount(coarse.ravel(), minlength=256)
    return pixels[list(INSIDE)].sum() > pixels[list(OUTSIDE)].sum()
