"""Folders of pictures, and the label maps that go with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from uniformer.classes import IGNORE_INDEX
from uniformer.pictures import FORMATS


class DatasetError(ValueError):
    """A folder or an annotation that cannot be evaluated, as one sentence."""


def list_pictures(folder: Path) -> list[Path]:
    """Return the picture files directly in ``folder``, by suffix, sorted by name.

    Raises :class:`DatasetError` when there is no such folder or no picture in it.
    """
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {folder}.")
    kinds = Image.registered_extensions()
    pictures = sorted(
        file
        for file in folder.iterdir()
        if kinds.get(file.suffix.lower()) in FORMATS and not file.name.startswith(".")
    )
    if not pictures:
        raise DatasetError(f"There are no pictures in {folder}.")
    return pictures


def list_photos(arguments: Sequence[Path]) -> list[Path]:
    """Return the files named and the pictures in the folders named, each file once, in order.

    Raises :class:`DatasetError` for a folder without pictures.
    """
    files = (
        file
        for argument in arguments
        for file in (list_pictures(argument) if argument.is_dir() else [argument])
    )
    return list({file.resolve(): file for file in files}.values())


def pair_annotations(images: Path, annotations: Path) -> list[tuple[Path, Path]]:
    """Return each picture of ``images`` with ``annotations/<same name>.png``, sorted by name.

    Annotations without a picture are left out. Raises :class:`DatasetError` for a missing or empty
    folder, a picture without annotation, or two pictures of one name.
    """
    pairs = [(file, annotations / f"{file.stem}.png") for file in list_pictures(images)]
    if not annotations.is_dir():
        raise DatasetError(f"There is no folder {annotations}.")
    name, uses = Counter(label_map.name for _, label_map in pairs).most_common(1)[0]
    if uses > 1:
        raise DatasetError(
            f"{uses} pictures in {images} would share the annotation {name}: rename all but one."
        )
    missing = [label_map for _, label_map in pairs if not label_map.is_file()]
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(pairs)} pictures have no annotation; the first that is "
            f"missing is {missing[0]}."
        )
    return pairs


def read_annotation(
    file: Path, size: tuple[int, int], classes: int, zero_is_other: bool = False
) -> np.ndarray:
    """Return class ids 0 to ``classes`` - 1, or 255 where nothing is annotated, as uint8 (H, W).

    ``file`` is a PNG that holds one id per pixel and has ``size`` = (height, width). With
    ``zero_is_other`` its ids are 1 to ``classes`` and 0 means "other", which counts as not
    annotated (ADE20K's files as downloaded). Raises :class:`DatasetError` for a file that is
    broken, has several channels or another size, or holds an id outside that range.
    """
    try:
        with Image.open(file, formats=["PNG"]) as image:
            _check_header(image, file, size)
            ids = np.asarray(image)
    except DatasetError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"The annotation {file} cannot be read: {error}.") from error
    first = int(zero_is_other)
    ignored = (ids == IGNORE_INDEX) | (zero_is_other & (ids == 0))
    wrong = ids[~ignored & ((ids < first) | (ids >= first + classes))]
    if wrong.size:
        raise DatasetError(
            f"The annotation {file} holds the id {wrong[0]}, but the model's classes are "
            f"{first} to {first + classes - 1} and 255 is 'not annotated'."
            + ("" if zero_is_other else " If 0 means 'other' (ADE20K), say zero-is-other.")
        )
    return np.where(ignored, IGNORE_INDEX, ids - first).astype(np.uint8)


def _check_header(image: Image.Image, file: Path, size: tuple[int, int]) -> None:
    """Refuse a file that is no label map of this size, before any pixel of it is read."""
    if image.mode not in ("L", "P", "I", "I;16"):
        raise DatasetError(
            f"The annotation {file} is a colour picture (mode {image.mode}): it must have one "
            "channel that holds the class id of every pixel."
        )
    width, height = image.size
    if (height, width) != size:
        raise DatasetError(
            f"The annotation {file} has {width}x{height} pixels, but its picture has "
            f"{size[1]}x{size[0]}."
        )
