"""Label a film frame by frame: each frame on its own, as a photo would be."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np

from uniformer.files import replace_file
from uniformer.predict import segment
from uniformer.segmenter import Segmenter

USUAL_RATE = 25.0
"""Frames per second taken for a film that does not tell."""

RATES = (1.0, 240.0)


class VideoError(ValueError):
    """A film that cannot be read or written; the message is one sentence for the user."""


def label_video(
    source: Path,
    target: Path,
    model: Segmenter,
    *,
    progress: Callable[[int, int | None], None] | None = None,
    **prediction: Any,
) -> int:
    """Write ``source`` with the class colours over it to ``target``, and return its frames.

    ``target`` is a .webm file (VP8, no sound), which every browser plays; beside it comes a .csv
    with a row per frame: ``frame``, ``time_s`` and for each class ``share of CLASS``, 0 to 1. Both
    are there only once complete. ``progress`` is told the frames done and in all, None if the film
    does not say. ``prediction`` are arguments of :func:`uniformer.segment`.

    Nothing ties one frame to the next, so labels may flicker. Raises :class:`VideoError`, and
    ``ValueError`` for settings that cannot be used.
    """
    if target.suffix != ".webm":
        raise VideoError(f"{target.name}: the labelled film is a .webm file, so name it that.")
    film = _open(source)
    part = target.with_name(f".{target.stem}.{os.getpid()}.part.webm")
    told = film.get(cv2.CAP_PROP_FPS)
    rate = min(max(told, RATES[0]), RATES[1]) if math.isfinite(told) and told > 0 else USUAL_RATE
    count = film.get(cv2.CAP_PROP_FRAME_COUNT)
    total = int(count) if math.isfinite(count) and count > 0 else None
    shares: list[np.ndarray] = []
    writer = None
    try:
        for frame in _frames(film):
            result = segment(frame, model, **prediction)
            if writer is None:
                writer = _writer(part, rate, frame.shape[1::-1], target)
            writer.write(cv2.cvtColor(np.asarray(result.overlay()), cv2.COLOR_RGB2BGR))
            counted = np.bincount(result.labels.ravel(), minlength=len(model.classes))
            shares.append((counted / result.labels.size).astype(np.float32))
            if progress is not None:
                progress(len(shares), total)
        if writer is None:
            raise VideoError(f"{source.name} has no frame that can be read.")
        writer.release()
        if sum(1 for _ in _frames(_open(part))) != len(shares):  # the writer tells of no failure
            raise VideoError(f"{target} cannot be written whole: make room for it.")
        replace_file(target.with_suffix(".csv"), _table(model.classes.names, rate, shares))
        part.replace(target)
    finally:
        film.release()
        part.unlink(missing_ok=True)
    return len(shares)


def _open(source: Path) -> cv2.VideoCapture:
    if not source.is_file():
        raise VideoError(f"There is no file {source}.")
    film = cv2.VideoCapture(str(source), cv2.CAP_FFMPEG)
    if not film.isOpened():
        raise VideoError(f"{source.name} cannot be read as a film: convert it to MP4 or WebM.")
    return film


def _frames(film: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """Yield the frames as RGB, uint8 (H, W, 3), upright, until the film or what is whole ends."""
    while True:
        read, frame = film.read()
        if not read:
            return
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def _writer(part: Path, rate: float, size: tuple[int, int], target: Path) -> cv2.VideoWriter:
    part.parent.mkdir(parents=True, exist_ok=True)
    code = cv2.VideoWriter.fourcc(*"VP80")
    writer = cv2.VideoWriter(str(part), cv2.CAP_FFMPEG, code, rate, size)
    if not writer.isOpened():
        raise VideoError(f"{target} cannot be written: choose another folder.")
    return writer


def _table(
    classes: tuple[str, ...], rate: float, shares: list[np.ndarray]
) -> Callable[[BinaryIO], None]:
    """Return what writes the rows of all frames to a file."""

    def write(file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        rows = csv.writer(text)
        rows.writerow(["frame", "time_s", *(f"share of {name}" for name in classes)])
        for number, row in enumerate(shares):
            rows.writerow([number, f"{number / rate:.3f}", *(f"{share:.6g}" for share in row)])
        text.detach()

    return write
