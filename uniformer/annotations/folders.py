"""The photos that a batch has labelled, as pictures to write for other tools."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from uniformer.annotations.objects import LabelledPicture
from uniformer.batch import PhotoBatch


def labelled_pictures(batch: PhotoBatch, work: Sequence[tuple[Path, str]]) -> list[LabelledPicture]:
    """Return the photos of ``work`` (photo, name) that are labelled, with labels read from disk.

    ``labels.png`` has to be among the files of the batch.
    """
    pictures = []
    for photo, name in work:
        record = batch.read(name)
        if record is None:  # it could not be read as a picture
            continue
        size = record["picture"]["height"], record["picture"]["width"]
        confidence = {row["index"]: row["mean_confidence"] for row in record["table"]}
        read = partial(_read, batch.folder / f"{name}.labels.png")
        pictures.append(LabelledPicture(photo, name, *size, read, confidence))
    return pictures


def _read(file: Path) -> np.ndarray:
    with Image.open(file) as labels:
        return np.asarray(labels)
