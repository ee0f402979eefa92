"""Where tokens lie: pixel of the picture, token of a stage, and the window a token attends to.

Patch embeddings have no padding and their kernel equals their stride, so a token of a stage with
stride r sees the network's input from r * index to r * (index + 1); rows and columns that do not
fill a token are dropped. The picture was resized to the network's input, so along each axis one
factor maps one to the other. Pixel i spans i to i + 1 and is taken at its centre, i + 0.5, as in
the resizing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.core.checks import check_pixel
from analysis.core.errors import AnalysisError

Token = tuple[int, int]
"""Row and column of a token in the map of its stage."""


class Box(NamedTuple):
    """A rectangle of the picture in pixels, edges included: a pixel spans i to i + 1."""

    left_px: float
    top_px: float
    right_px: float
    bottom_px: float


@dataclass(frozen=True)
class KeyWindow:
    """The keys of one query: ``rows`` x ``columns`` tokens of the map from ``top``, ``left`` on.

    ``padding_tokens`` counts the zero tokens that fill the window beyond the map's right and bottom
    border; they take part in the softmax (see :func:`uniformer.attention.to_windows`).
    """

    top: int
    left: int
    rows: int
    columns: int
    padding_tokens: int

    @property
    def tokens(self) -> int:
        """Length of the softmax, padding included."""
        return self.real_tokens + self.padding_tokens

    @property
    def real_tokens(self) -> int:
        """Keys that are tokens of the map."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Grid:
    """The tokens of one stage over a picture; sizes are (height, width) in pixels.

    ``stride`` counts pixels of the network's input per token, the same along both axes.

    >>> from analysis.core.grid import Grid
    >>> grid = Grid(picture_size_px=(480, 640), network_size_px=(512, 672), stride=16)
    >>> grid.shape, grid.token_at(x=100, y=50)
    ((32, 42), (3, 6))
    """

    picture_size_px: tuple[int, int]
    network_size_px: tuple[int, int]
    stride: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tokens."""
        height, width = self.network_size_px
        return height // self.stride, width // self.stride

    def token_at(self, x: int, y: int) -> Token:
        """Return the token that sees the pixel in column ``x`` and row ``y`` of the picture.

        Pixels of the strip that no token sees, right and bottom, go to the nearest token. Raises
        :class:`AnalysisError` for a pixel outside the picture.
        """
        check_pixel(self.picture_size_px, x, y)
        (down, across), (rows, columns) = self.token_size_px, self.shape
        return min(int((y + 0.5) / down), rows - 1), min(int((x + 0.5) / across), columns - 1)

    def pixels_of(self, region: np.ndarray) -> np.ndarray:
        """Return how many pixels of ``region`` (H, W), bool, each token sees, (rows, columns).

        Pixels are those of the picture, and belong to tokens as :meth:`token_at` says.
        """
        height, width = self.picture_size_px
        row_of = np.array([self.token_at(0, y)[0] for y in range(height)])
        column_of = np.array([self.token_at(x, 0)[1] for x in range(width)])
        rows, columns = np.nonzero(region)
        pixels: np.ndarray = np.zeros(self.shape, dtype=int)
        np.add.at(pixels, (row_of[rows], column_of[columns]), 1)
        return pixels

    def box(self, token: Token, rows: int = 1, columns: int = 1) -> Box:
        """Return what ``rows`` x ``columns`` tokens from ``token`` on cover of the picture."""
        row, column = self.check(token)
        down, across = self.token_size_px
        return Box(column * across, row * down, (column + columns) * across, (row + rows) * down)

    def center_px(self, token: Token) -> tuple[float, float]:
        """Return (row, column) of a token's centre, where 0 is the middle of the first pixel.

        Patches have even sides, so where nothing was resized centres lie between pixels: 1.5 for
        the first token of stage 1.
        """
        box = self.box(token)
        return (box.top_px + box.bottom_px - 1) / 2, (box.left_px + box.right_px - 1) / 2

    def window(self, token: Token, size: int | None) -> KeyWindow:
        """Return the window of ``size`` x ``size`` tokens that ``token`` is in (None: the map).

        Windows start at multiples of ``size`` from the first row and column.
        """
        row, column = self.check(token)
        height, width = self.shape
        if size is None:
            return KeyWindow(0, 0, height, width, 0)
        top, left = row // size * size, column // size * size
        rows, columns = min(size, height - top), min(size, width - left)
        return KeyWindow(top, left, rows, columns, size * size - rows * columns)

    def check(self, token: Token) -> Token:
        """Return ``token``, or raise :class:`AnalysisError` if the map does not have it."""
        row, column = token
        rows, columns = self.shape
        if not (0 <= row < rows and 0 <= column < columns):
            raise AnalysisError(
                f"There is no token in row {row}, column {column}: this stage has "
                f"{rows} x {columns} tokens, counted from 0."
            )
        return token

    @property
    def token_size_px(self) -> tuple[float, float]:
        """Height and width of a token in pixels of the picture."""
        picture, network = self.picture_size_px, self.network_size_px
        return self.stride * picture[0] / network[0], self.stride * picture[1] / network[1]
