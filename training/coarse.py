"""Pictures that a model of finer classes is judged on, in the 22 coarse classes both sides know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.data import Sample
from training.vocabulary import COARSE, EVERYDAY, coarse_of_coco, coarse_of_everyday, read_id_names
from uniformer.classes import IGNORE_INDEX, ClassSet
from uniformer.dataset import DatasetError, pair_annotations, read_annotation
from uniformer.pictures import PictureError, open_picture

INSIDE = {COARSE.index(name) for name in ("interior", "chair", "sofa", "bed", "table")}
OUTSIDE = {
    COARSE.index(name)
    for name in (
        *("sky", "building", "road", "grass", "tree", "water", "mountain", "ground"),
        *("vehicle", "cycle", "boat"),
    )
}


def load_ordinary(folder: Path) -> list[Sample]:
    """Return photos labelled with ids of COCO panoptic, whose names are in ``classes.json``.

    Raises :class:`~uniformer.dataset.DatasetError`, which names the file, for one that is missing
    or cannot be used.
    """
    names = read_id_names(folder / "classes.json")
    tables = {indoors: coarse_of_coco(names, indoors) for indoors in (True, False)}
    return _load(
        folder / "images", folder / "masks", IGNORE_INDEX, lambda ids, indoors: tables[indoors][ids]
    )


def load_coarse(data: Path, split: str) -> list[Sample]:
    """Return the pictures of a split of ``data``, whose label maps hold coarse ids.

    Raises :class:`~uniformer.dataset.DatasetError`, also for a label map with other ids.
    """
    return _load(
        data / "images" / split, data / "masks" / split, len(COARSE), lambda ids, indoors: ids
    )


def comparable(examples: Sequence[Sample], classes: ClassSet) -> list[Sample]:
    """Return examples with coarse labels as a model of ``classes`` is compared with them.

    One of the coarse classes is compared as it is. Raises
    :class:`~uniformer.dataset.DatasetError` for classes that no table leads from.
    """
    if classes.names == COARSE:
        return [replace(example, coarse=None) for example in examples]
    if classes.names != EVERYDAY:
        raise DatasetError(
            f"Ordinary photos can judge a model of the {len(EVERYDAY)} everyday classes or the "
            f"{len(COARSE)} coarse ones, not one of {len(classes)} others."
        )
    return list(examples)


def _load(
    images: Path,
    masks: Path,
    known_ids: int,
    translate: Callable[[np.ndarray, bool], np.ndarray],
) -> list[Sample]:
    examples = []
    for file, mask in pair_annotations(images, masks):
        try:
            picture = open_picture(file)
        except PictureError as error:
            raise DatasetError(f"{images}: {error}") from error
        ids = read_annotation(mask, picture.shape[:2], known_ids)
        indoors = is_indoors(translate(ids, True))
        examples.append(
            Sample(
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
