"""A film that a visitor gave: opened within bounds, and worked on at a size that is quick."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from analysis.core.words import say
from ui.messages import web as text
from uniformer.file_kinds import HEAD_BYTES, kind_of
from uniformer.film import Film, FramesTooLarge, VideoError, open_film

MOST_FRAMES, MOST_SECONDS = 600, 30
"""Of a film that is labelled on the page; the command line labels any."""

FRAME_PIXELS = 500_000
"""Frames are made as small as this before they are labelled."""


class ShortFilm:
    """A :class:`uniformer.film.Film` of few and small frames; ``notice`` tells if they were larger.

    ``most_pixels`` may be in a frame of the file. Raises ``ValueError`` with one sentence for what
    is no film of a usual kind, or too long or large. Other kinds are not opened: some of what is
    read as a film names further files or addresses.
    """

    def __init__(self, source: Path, most_pixels: int) -> None:
        with source.open("rb") as file:
            kind = kind_of(file.read(HEAD_BYTES)) or ""
        if not kind.startswith("a film"):
            raise ValueError(text.NO_FILM)
        self._film = _opened(source, most_pixels)
        self.rate = self._film.rate
        self._times = self._film.times(MOST_FRAMES + 1)
        if len(self._times) > MOST_FRAMES or self._times[-1] - self._times[0] > MOST_SECONDS:
            raise ValueError(say(text.FILM_TOO_LONG, frames=MOST_FRAMES, seconds=MOST_SECONDS))
        height, width = next(self._film.frames()).shape[:2]
        factor = min(1.0, (FRAME_PIXELS / (height * width)) ** 0.5)
        self.size = max(1, int(factor * width)), max(1, int(factor * height))
        self.notice = ""
        if factor < 1:
            shown, whole = (f"{one} × {other}" for one, other in (self.size, (width, height)))
            self.notice = say(text.FILM_SMALLER, shown=shown, whole=whole)

    def times(self, most: int | None = None) -> list[float]:
        """Return when each frame is shown, in seconds."""
        return self._times[:most]

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the frames, RGB uint8 (H, W, 3)."""
        for frame in self._film.frames():
            if frame.shape[1::-1] != self.size:
                frame = cv2.resize(frame, self.size, interpolation=cv2.INTER_AREA)
            yield frame


def _opened(source: Path, most_pixels: int) -> Film:
    """Open a film; what is wrong with it is said without the name of the server's copy."""
    try:
        return open_film(source, most_pixels)
    except FramesTooLarge:
        raise
    except VideoError:
        raise ValueError(text.FILM_UNREADABLE) from None
