"""Pictures of any sizes as network inputs of one size, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from uniformer.dataset import list_pictures
from uniformer.pictures import open_picture
from uniformer.preprocess import preprocess


class PictureFolder:
    """The pictures of a folder as network inputs (1, 3, H, W) of ``size_px`` (height, width).

    They are read while one goes through them, in the order of their names, and never kept. Raises
    :class:`uniformer.dataset.DatasetError` for a folder that is missing or has no pictures.
    """

    def __init__(self, folder: Path, size_px: tuple[int, int]) -> None:
        self.files = list_pictures(folder)
        self.size_px = size_px

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[Tensor]:
        return (network_input(open_picture(file), self.size_px) for file in self.files)


def network_input(picture: np.ndarray, size_px: tuple[int, int]) -> Tensor:
    """Return uint8 RGB (H, W, 3) as a network input (1, 3, h, w) of ``size_px`` (height, width).

    The largest box of that shape is cut from the middle and resized, so nothing is stretched.
    Colours are normalised by ImageNet's, which all networks here were trained with.
    """
    factor = min(side / wanted for side, wanted in zip(picture.shape[:2], size_px, strict=True))
    height, width = (max(1, round(wanted * factor)) for wanted in size_px)
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    cut = picture[top : top + height, left : left + width]
    resized = cv2.resize(cut, size_px[::-1], interpolation=cv2.INTER_AREA)
    return preprocess(resized, min(size_px))
