"""JSON of LabelMe (github.com/wkentaro/labelme), a file per picture, a mask per class.

Polygons of LabelMe have no holes, its masks may: they came with version 5.2.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from uniformer.annotations.objects import ClassObject, LabelledPicture, objects_in
from uniformer.annotations.streams import write_object
from uniformer.classes import ClassSet
from uniformer.files import replace_file

VERSION = "5.2.0"
"""The first that has masks."""


def write_labelme(
    pictures: Sequence[LabelledPicture], classes: ClassSet, folder: Path
) -> list[Path]:
    """Write ``NAME.json`` for each picture; it opens the picture where it is now."""
    return [_write(picture, classes, folder) for picture in pictures]


def _write(picture: LabelledPicture, classes: ClassSet, folder: Path) -> Path:
    found = objects_in(picture.labels(), len(classes))
    members: dict[str, Any] = {
        "version": VERSION,
        "flags": {},
        "imagePath": _way_to(picture.path, folder),
        "imageData": None,
        "imageHeight": picture.height,
        "imageWidth": picture.width,
        "shapes": (_shape(each, classes.names[each.index]) for each in found),
    }
    target = folder / f"{picture.stem}.json"
    return replace_file(target, lambda file: write_object(file, members))


def _shape(found: ClassObject, name: str) -> dict[str, Any]:
    height, width = found.mask.shape
    png = io.BytesIO()
    Image.fromarray(found.mask.astype(np.uint8)).save(png, "PNG")
    return {
        "label": name,
        "points": [[found.left, found.top], [found.left + width - 1, found.top + height - 1]],
        "group_id": None,
        "description": "",
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(png.getvalue()).decode(),
    }


def _way_to(picture: Path, folder: Path) -> str:
    """Return the path of a picture seen from ``folder``, its name alone where it is not there."""
    if not picture.is_file():
        return picture.name
    return Path(os.path.relpath(picture.absolute(), folder.absolute())).as_posix()
