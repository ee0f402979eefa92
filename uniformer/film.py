"""Read films: frames upright and whole, and when each is shown, as the container says.

OpenCV reads what it can, PyAV (the package av), where it is installed, what OpenCV cannot.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
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

    def times(self) -> list[float]:
        """Return when each frame is shown, in seconds, in the order of :meth:`frames`."""

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the frames as RGB, uint8 (H, W, 3), upright, until what is whole ends."""


def open_film(source: Path) -> Film:
    """Return the film in the file ``source``. Raises :class:`VideoError` where there is none."""
    if not source.is_file():
        raise VideoError(f"There is no file {source}.")
    film = _OpenCVFilm(source)
    if film.is_readable():
        return film
    try:
        import av
    except ImportError:
        more = ", or install the package av, which reads more"
    else:
        more = ""
        try:
            return _AvFilm(source)
        except (av.FFmpegError, IndexError, StopIteration):  # no stream, no frame
            pass
    raise VideoError(f"{source.name} cannot be read as a film: convert it to MP4 or WebM{more}.")


class _OpenCVFilm:
    def __init__(self, source: Path) -> None:
        self._source = source
        self.rate = _plausible(self._open().get(cv2.CAP_PROP_FPS))

    def is_readable(self) -> bool:
        return self._open().grab()

    def times(self) -> list[float]:
        film, times = self._open(), []
        while film.grab():
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
    def __init__(self, source: Path) -> None:
        self._source = source
        import av

        with av.open(str(source)) as container:
            self.rate = _plausible(float(container.streams.video[0].average_rate or 0))
            next(container.decode(video=0))

    def times(self) -> list[float]:
        return _increasing([time for time, _ in self._decoded()], self.rate)

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


def _plausible(told: float) -> float:
    usable = math.isfinite(told) and told > 0
    return min(max(told, RATES[0]), RATES[1]) if usable else USUAL_RATE


def _increasing(times: list[float], rate: float) -> list[float]:
    """Return ``times``, or those of a steady film where the container has none to go by."""
    if all(now < then for now, then in pairwise(times)):
        return times
    return [number / rate for number in range(len(times))]
