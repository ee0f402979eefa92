"""COCO's JSON (cocodataset.org, "Data format"), for detection and panoptic segmentation.

Class index k is category k + 1: 0 is no category there, and "unlabelled" in panoptic pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from uniformer.annotations.objects import (
    ClassObject,
    LabelledPicture,
    names_below_one_folder,
    objects_in,
)
from uniformer.annotations.runs import run_lengths
from uniformer.annotations.streams import write_object
from uniformer.authorship import MARK, save_png
from uniformer.classes import ClassSet
from uniformer.files import replace_file


def write_coco(pictures: Sequence[LabelledPicture], classes: ClassSet, folder: Path) -> list[Path]:
    """Write ``annotations.json``, an object per class and picture, its mask in runs (RLE)."""
    members = {
        "info": _info(),
        "licenses": [],
        "categories": _categories(classes),
        "images": _images(pictures),
        "annotations": _annotations(pictures, classes),
    }
    target = folder / "annotations.json"
    return [replace_file(target, lambda file: write_object(file, members))]


def write_panoptic(
    pictures: Sequence[LabelledPicture], classes: ClassSet, folder: Path
) -> list[Path]:
    """Write ``panoptic.json`` and for each picture ``panoptic/NAME.png``, whose red is category."""
    drawings = folder / "panoptic"
    drawings.mkdir(parents=True, exist_ok=True)
    written = []

    def annotations() -> Iterator[dict[str, Any]]:
        for number, picture in enumerate(pictures, start=1):
            labels, name = picture.labels(), f"{picture.stem}.png"
            ids = np.zeros((*labels.shape, 3), dtype=np.uint8)
            ids[..., 0] = labels + 1  # classes are 255 at most, so green and blue stay 0
            draw = partial(save_png, Image.fromarray(ids))
            written.append(replace_file(drawings / name, draw))
            segments = [
                {**_measured(found), "id": found.index + 1}
                for found in objects_in(labels, len(classes))
            ]
            yield {"image_id": number, "file_name": name, "segments_info": segments}

    things = [
        {**category, "isthing": 0, "color": color}
        for category, color in zip(_categories(classes), classes.palette.tolist(), strict=True)
    ]
    members = {
        "info": _info(),
        "licenses": [],
        "categories": things,
        "images": _images(pictures),
        "annotations": annotations(),
    }
    target = folder / "panoptic.json"
    return [replace_file(target, lambda file: write_object(file, members)), *written]


def _info() -> dict[str, Any]:
    return {"description": f"Predicted by {MARK}", "version": "1.0"}


def _categories(classes: ClassSet) -> list[dict[str, Any]]:
    return [
        {"id": index, "name": name, "supercategory": name}
        for index, name in enumerate(classes.names, start=1)
    ]


def _images(pictures: Sequence[LabelledPicture]) -> Iterator[dict[str, Any]]:
    names = names_below_one_folder(pictures)
    for number, (picture, name) in enumerate(zip(pictures, names, strict=True), start=1):
        yield {
            "id": number,
            "file_name": name,
            "height": picture.height,
            "width": picture.width,
        }


def _annotations(
    pictures: Sequence[LabelledPicture], classes: ClassSet
) -> Iterator[dict[str, Any]]:
    number = 0
    for image, picture in enumerate(pictures, start=1):
        size = [picture.height, picture.width]
        for found in objects_in(picture.labels(), len(classes)):
            number += 1
            runs = run_lengths(found.full_mask(*size).T)
            row = {"id": number, "image_id": image, **_measured(found)}
            row["segmentation"] = {"size": size, "counts": runs}
            if found.index in picture.confidence:
                row["score"] = round(picture.confidence[found.index], 4)
            yield row


def _measured(found: ClassObject) -> dict[str, Any]:
    return {
        "category_id": found.index + 1,
        "area": found.area,
        "bbox": found.box,
        "iscrowd": 0,
    }
