"""Read films: frames upright and whole, and when each is shown, as the container says.

OpenCV reads what it can, PyAV (the package av), where it is installed, what OpenCV cannot.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

# Read once, when OpenCV first opens a film: damage is told in a sentence, not by the codecs.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2

USUAL_RATE = 25.0
"""Frames per second taken for a film that does not tell."""

RATES = (0.01, 240.0)


class VideoError(ValueError):
    """A film that cannot be read or written; the message is one sentence for the user."""


class FramesTooLarge(VideoError):
    """A film whose frames have more pixels than are taken."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep from the standard error what OpenCV prints when it opens a film, read or written."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Film(Protocol):
    """A film that can be gone through any number of times. ``rate`` is its frames per second."""

    rate: float

    def times(self, most: int | None = None) -> list[float]:
        """Return when each frame is shown, in seconds, in the order of :meth:`frames`.

        Of the first ``most`` frames alone, if that is given.
        """

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the frames as RGB, uint8 (H, W, 3), upright, until what is whole ends."""


def open_film(source: Path, most_pixels: int | None = None) -> Film:
    """Return the film in the file ``source``.

    Raises :class:`VideoError` where there is none, :class:`FramesTooLarge` where its frames have
    more than ``most_pixels``, before any is decoded.
    """
    if not source.is_file():
        raise VideoError(f"There is no file {source}.")
    film = _OpenCVFilm(source)
    _check_size(film.size, most_pixels)
    if film.is_readable():
        return film
    try:
        import av
    except ImportError:
        more = ", or install the package av, which reads more"
    else:
        more = ""
        try:
            return _AvFilm(source, most_pixels)
        except (av.FFmpegError, IndexError, StopIteration):  # no stream, no frame
            pass
    raise VideoError(f"{source.name} cannot be read as a film: convert it to MP4 or WebM{more}.")


class _OpenCVFilm:
    def __init__(self, source: Path) -> None:
        self._source = source
        film = self._open()
        self.rate = _plausible(film.get(cv2.CAP_PROP_FPS))
        width, height = cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT
        self.size = int(film.get(width)), int(film.get(height))

    def is_readable(self) -> bool:
        return self._open().grab()

    def times(self, most: int | None = None) -> list[float]:
        film = self._open()
        times: list[float] = []
        while len(times) != most and film.grab():
            times.append(film.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        return _increasing(times, self.rate)

    def frames(self) -> Iterator[np.ndarray]:
        film = self._open()
        while True:
            read, frame = film.read()
            if not read:
                return
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    def _open(self) -> cv2.VideoCapture:
        with quiet():
            return cv2.VideoCapture(str(self._source), cv2.CAP_FFMPEG)


class _AvFilm:
    def __init__(self, source: Path, most_pixels: int | None) -> None:
        self._source = source
        import av

        with av.open(str(source)) as container:
            stream = container.streams.video[0]
            self.rate = _plausible(float(stream.average_rate or 0))
            _check_size((stream.width, stream.height), most_pixels)
            next(container.decode(video=0))

    def times(self, most: int | None = None) -> list[float]:
        return _increasing([time for time, _ in islice(self._decoded(), most)], self.rate)

    def frames(self) -> Iterator[np.ndarray]:
        return (frame for _, frame in self._decoded())

    def _decoded(self) -> Iterator[tuple[float, np.ndarray]]:
        import av

        with av.open(str(self._source)) as container:
            try:
                for frame in container.decode(video=0):
                    pixels = frame.to_ndarray(format="rgb24")
                    turned = np.rot90(pixels, round(frame.rotation / 90))
                    yield float(frame.time or 0), np.ascontiguousarray(turned)
            except av.FFmpegError:
                return  # what comes after damage is not shown either


def _check_size(size: tuple[int, int], most_pixels: int | None) -> None:
    width, height = size
    if most_pixels is not None and width * height > most_pixels:
        raise FramesTooLarge(
            f"The frames of this film have {width} x {height} pixels, and at most {most_pixels:,} "
            "are taken: make it smaller."
        )


def _plausible(told: float) -> float:
    usable = math.isfinite(told) and told > 0
    return min(max(told, RATES[0]), RATES[1]) if usable else USUAL_RATE


def _increasing(times: list[float], rate: float) -> list[float]:
    """Return ``times``, or those of a steady film where the container has none to go by."""
    if all(now < then for now, then in pairwise(times)):
        return times
    return [number / rate for number in range(len(times))]
