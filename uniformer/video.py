"""Label a film frame by frame: each frame on its own, as a photo would be."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np

from uniformer.authorship import written_here
from uniformer.engines.model import Predictor
from uniformer.files import part_beside, replace_file
from uniformer.film import RATES, Film, VideoError, open_film, quiet
from uniformer.predict import segment

MOST_REPEATED = 20
"""How many times the frames of a film the labelled one may have, to keep uneven times."""


@dataclass(frozen=True)
class LabelledFrame:
    """A frame under its labels, RGB uint8 (H, W, 3), of a film that has ``total`` of them."""

    shown: np.ndarray
    total: int


def label_video(
    source: Path,
    target: Path,
    model: Predictor,
    *,
    progress: Callable[[int, int | None], None] | None = None,
    **prediction: Any,
) -> int:
    """Write ``source`` with the class colours over it to ``target``, and return its frames.

    ``target`` is a .webm file (VP8, no sound), which every browser plays; beside it comes a .csv
    with a row per frame: ``frame``, ``time_s`` as the container of ``source`` says, and for each
    class ``share of CLASS``, 0 to 1. Both are there only once complete. As a .webm of OpenCV has
    one rate and even sides, uneven times are kept by repeating frames, and an odd side gets its
    last row or column twice. ``progress`` is told the frames done and in all. ``prediction`` are
    arguments of :func:`uniformer.segment`.

    Nothing ties one frame to the next, so labels may flicker. Raises :class:`VideoError`, also
    where a film or table would be replaced that was not written here, and ``ValueError`` for
    settings that cannot be used.
    """
    _check_target(source, target)
    with closing(label_film(open_film(source), target, model, **prediction)) as frames:
        number = 0
        for number, frame in enumerate(frames, 1):
            if progress is not None:
                progress(number, frame.total)
    return number


def label_film(
    film: Film, target: Path, model: Predictor, **prediction: Any
) -> Generator[LabelledFrame, None, None]:
    """Do the same for an opened ``film``, and yield each frame when it is labelled.

    ``target`` and its table are there once the generator ends; closed before, it leaves nothing.
    """
    times = film.times()
    rate, repeats = _steady(times, film.rate)
    shares: list[np.ndarray] = []
    with part_beside(target, ".webm") as part, ExitStack() as writing:
        writer = None
        for frame, repeat in zip(film.frames(), repeats, strict=False):
            result = segment(frame, model, **prediction)
            overlay = np.asarray(result.overlay())
            shown = _evened(cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR))
            if writer is None:
                writer = _writer(part, rate, shown.shape[1::-1], target)
                writing.callback(writer.release)
            for _ in range(repeat):
                writer.write(shown)
            counted = np.bincount(result.labels.ravel(), minlength=len(model.classes))
            shares.append((counted / result.labels.size).astype(np.float32))
            yield LabelledFrame(overlay, len(times))
        if writer is None:
            raise VideoError("The film has no frame that can be read.")
        writer.release()
        if _frames_in(part) != sum(repeats[: len(shares)]):  # the writer tells of no failure
            raise VideoError(f"{target} cannot be written whole: make room for it.")
        replace_file(target.with_suffix(".csv"), _table(model.classes.names, times, shares))
        part.replace(target)


def _check_target(source: Path, target: Path) -> None:
    """Refuse a name that is no .webm, and files that would be replaced and are not of here."""
    if target.suffix != ".webm":
        raise VideoError(f"{target.name}: the labelled film is a .webm file, so name it that.")
    table = target.with_suffix(".csv")
    if target.exists() and source.exists() and target.samefile(source):
        raise VideoError(f"{target} is the film itself: name another file.")
    own = table.exists() and written_here(table)
    for file in (target, table):
        if file.exists() and not own:
            raise VideoError(f"{file} was not written by this program: name another film.")


def _steady(times: Sequence[float], told: float) -> tuple[float, list[int]]:
    """Return a rate in frames per second, and how often each frame is shown at it.

    That is once each where the ``told`` rate gives the ``times`` in seconds.
    """
    gaps: np.ndarray = np.diff(times)
    steady = times[0] + np.arange(len(times)) / told if times else np.zeros(0)
    if (np.abs(steady - times) < 0.5 / told).all():
        return told, [1] * len(times)
    length = times[-1] - times[0]
    rate = min(1 / gaps.min(), MOST_REPEATED * len(times) / length, RATES[1])
    starts = np.rint((np.array(times) - times[0]) * rate)
    return float(rate), [*np.maximum(np.diff(starts), 1).astype(int).tolist(), 1]


def _evened(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    return cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)


def _writer(part: Path, rate: float, size: tuple[int, int], target: Path) -> cv2.VideoWriter:
    part.parent.mkdir(parents=True, exist_ok=True)
    code = cv2.VideoWriter.fourcc(*"VP80")
    with quiet():
        writer = cv2.VideoWriter(str(part), cv2.CAP_FFMPEG, code, rate, size)
    if not writer.isOpened():
        raise VideoError(f"{target} cannot be written: choose another folder.")
    return writer


def _frames_in(film: Path) -> int:
    """Return how many frames of ``film`` can be read, 0 where it is none."""
    try:
        return sum(1 for _ in open_film(film).frames())
    except VideoError:
        return 0


def _table(
    classes: tuple[str, ...], times: Sequence[float], shares: list[np.ndarray]
) -> Callable[[BinaryIO], None]:
    """Return what writes the rows of all frames to a file."""

    def write(file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        rows = csv.writer(text)
        rows.writerow(["frame", "time_s", *(f"share of {name}" for name in classes)])
        for number, (time, row) in enumerate(zip(times, shares, strict=False)):
            rows.writerow([number, f"{time:.3f}", *(f"{share:.6g}" for share in row)])
        text.detach()

    return write
