"""Score a model against annotated pictures, with figures that a stopped run can still reach.

All that is summed is whole numbers of pixels and the pictures come in one order, so a run that was
stopped and resumed gives the very figures of one that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from uniformer.dataset import DatasetError, pair_annotations, read_annotation
from uniformer.engines.model import Predictor
from uniformer.errors import PictureError, at_path, none_of, reason_of
from uniformer.evaluation import Evaluation
from uniformer.files import shown
from uniformer.journal import EvaluationJournal, State, digest_names, digest_weights, extend_digest
from uniformer.metrics import Counts, count
from uniformer.pictures import read_picture
from uniformer.predict import segment

SAVE_EVERY = 20
"""Pictures between two writes of the resume file."""


def evaluate(
    model: Predictor,
    images: str | Path,
    annotations: str | Path,
    *,
    annotation_suffix: str = ".png",
    recursive: bool = False,
    zero_is_other: bool = False,
    mode: Literal["whole", "slide"] = "whole",
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
    short_side: int | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
    resume: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Return the scores of ``model`` on the pictures in ``images``.

    ``annotations`` holds, for each picture ``name.jpg``, class ids per pixel in ``name.png``
    (``annotation_suffix`` in place of ``.png``; ``recursive`` with subfolders): 0 to
    classes - 1 and 255 for "not annotated", or, with ``zero_is_other``, 1 to classes with 0 for
    "other", which is not scored (ADE20K as downloaded). Labels are predicted at the annotation's
    size. ``mode``, ``flip``, ``scales``, ``short_side`` and ``precision`` are those of
    :func:`uniformer.segment`. ``progress`` is called with pictures done and pictures in all.

    ``resume`` names a file that keeps the sums so far: written every few pictures and whenever the
    run ends, read when it exists. It only continues the same evaluation: same weights, settings and
    names of files. Where a file that it counted has another content now, it starts again, with a
    note.

    A picture or annotation that cannot be used is left out, and ``left_out`` of what is returned
    says why. Raises :class:`uniformer.dataset.DatasetError` for folders or a resume file that
    cannot be used, and where no picture can be.
    """
    notes: list[str] = []
    pairs = pair_annotations(
        Path(images), Path(annotations), annotation_suffix, recursive, notes.append
    )
    options = {
        "mode": mode,
        "flip": flip,
        "scales": tuple(scales),
        "short_side": short_side,
        "precision": precision,
    }
    settings = {
        "reach": model.reach,
        "window_size": model.window_size,
        "zero_is_other": zero_is_other,
        "engine": model.engine,
        **options,
    }
    journal = None if resume is None else _open_journal(Path(resume), model, settings, pairs)
    state = _count_pairs(model, pairs, zero_is_other, options, journal, progress, notes)
    if len(state.left_out) == len(pairs):
        first = state.left_out[0]
        raise DatasetError(first if len(pairs) == 1 else none_of(len(pairs), first))
    return Evaluation.of(
        state.counts,
        model.classes.names,
        model=model.config.name,
        weights=model.weights,
        settings=settings,
        images=str(images),
        annotations=str(annotations),
        pictures=len(pairs) - len(state.left_out),
        left_out=state.left_out,
        notes=tuple(notes),
    )


def _open_journal(
    file: Path, model: Predictor, settings: dict[str, Any], pairs: Sequence[tuple[Path, Path]]
) -> EvaluationJournal:
    """Return the journal of the evaluation of these weights on these files."""
    identity = {
        "model": model.config.name,
        "weights": digest_weights(model),
        "settings": settings,
        "files": digest_names([file for pair in pairs for file in pair]),
    }
    return EvaluationJournal(file, identity)


def _count_pairs(
    model: Predictor,
    pairs: Sequence[tuple[Path, Path]],
    zero_is_other: bool,
    options: dict[str, Any],
    journal: EvaluationJournal | None,
    progress: Callable[[int, int], None] | None,
    notes: list[str],
) -> State:
    """Return the state after all pairs, continuing from the journal and keeping it up to date.

    What had to be assumed of pictures is added to ``notes``, the first of each kind.
    """
    state = State.empty(len(model.classes))
    if journal is not None:
        state = journal.open(state, pairs)
        if journal.note is not None:
            notes.append(journal.note)
    try:
        for picture_file, annotation_file in pairs[state.done :]:
            counts, left_out = Counts.zero(len(model.classes)), state.left_out
            assumed: tuple[str, ...] = ()
            try:
                counts, assumed = _count_pair(
                    model, picture_file, annotation_file, zero_is_other, options
                )
            except Exception as error:  # whatever one picture does, the others are scored
                left_out = (*left_out, _at(picture_file, error))
            if assumed and not any(note.endswith(assumed[0]) for note in notes):
                notes.append(f"{picture_file.name}, for one: {assumed[0]}")
            read = state.read
            if journal is not None:
                read = extend_digest(read, picture_file, annotation_file)
            state = State(state.done + 1, state.counts + counts, read, left_out)
            if journal is not None and state.done % SAVE_EVERY == 0:
                journal.write(state)
            if progress is not None:
                progress(state.done, len(pairs))
    finally:
        if journal is not None:
            journal.write(state)
    return state


def _at(file: Path, error: Exception) -> str:
    """Return what went wrong with a picture or its annotation, which it names by its path."""
    if isinstance(error, DatasetError):
        return reason_of(error)
    if isinstance(error, PictureError):
        return at_path(file, error)
    return f"{shown(file)}: {reason_of(error)}"


def _count_pair(
    model: Predictor,
    picture_file: Path,
    annotation_file: Path,
    zero_is_other: bool,
    options: dict[str, Any],
) -> tuple[Counts, tuple[str, ...]]:
    """Return the counts of one picture, and what was assumed of it.

    Both files are checked before the network runs.
    """
    classes = len(model.classes)
    picture = read_picture(picture_file)
    truth = read_annotation(annotation_file, picture.pixels.shape[:2], classes, zero_is_other)
    result = segment(picture.pixels, model, **options)
    return count(result.labels, truth, classes, result.confidence), picture.notes
