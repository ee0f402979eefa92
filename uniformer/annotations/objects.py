"""What the writers of all formats start from: a picture's labels, and the objects in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from uniformer.segmentation import Segmentation


@dataclass(frozen=True)
class LabelledPicture:
    """A picture with its labels.

    ``path`` says where the picture is or what it is called, ``stem`` what files about it are
    called. ``labels()`` returns uint8 (height, width), class indices; it is called anew each time,
    so that of many pictures one at a time is in memory. ``confidence`` is the mean probability of
    the label over the pixels of a class, 0 to 1, by class index, where it is known.
    """

    path: Path
    stem: str
    height: int
    width: int
    labels: Callable[[], np.ndarray]
    confidence: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, result: Segmentation, path: str | Path) -> LabelledPicture:
        """Return a segmentation as a picture that is, or is called, ``path``."""
        height, width = result.labels.shape
        confidence = {row.index: row.mean_confidence for row in result.table()}
        path = Path(path)
        return cls(path, path.stem, height, width, lambda: result.labels, confidence)


@dataclass(frozen=True)
class ClassObject:
    """All pixels of one class in a picture.

    ``mask`` is bool, the part of the picture at row ``top`` and column ``left`` that holds them
    all, as small as can be.
    """

    index: int
    left: int
    top: int
    mask: np.ndarray

    @property
    def area(self) -> int:
        """Pixels."""
        return int(self.mask.sum())

    @property
    def box(self) -> list[int]:
        """Left, top, width and height, as COCO has it."""
        height, width = self.mask.shape
        return [self.left, self.top, width, height]

    def full_mask(self, height: int, width: int) -> np.ndarray:
        """Return the mask at the picture's size, bool (height, width)."""
        mask: np.ndarray = np.zeros((height, width), dtype=bool)
        rows, columns = self.mask.shape
        mask[self.top : self.top + rows, self.left : self.left + columns] = self.mask
        return mask


def objects_in(labels: np.ndarray, count: int) -> Iterator[ClassObject]:
    """Yield the classes below ``count`` that occur in ``labels`` (H, W), by rising index."""
    for index in np.flatnonzero(np.bincount(labels.ravel(), minlength=count)[:count]):
        found = labels == index
        rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
        top, left = int(rows[0]), int(columns[0])
        mask = found[top : rows[-1] + 1, left : columns[-1] + 1]
        yield ClassObject(int(index), left, top, mask)


def names_below_one_folder(pictures: Sequence[LabelledPicture]) -> list[str]:
    """Return what the pictures are called below the folder that holds all of them, with slashes."""
    folder = commonpath([picture.path.absolute().parent for picture in pictures])
    return [picture.path.absolute().relative_to(folder).as_posix() for picture in pictures]
