"""Make a model of a checkpoint that a visitor uploads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from analysis.core.words import sentences
from ui.messages import models as messages
from uniformer import create_model
from uniformer.checkpoint import inspect_checkpoint, read_state_dict
from uniformer.config import CLASSIFIERS
from uniformer.matching import Difference, nearest_config
from uniformer.segmenter import Segmenter
from uniformer.weights import WeightsError

MAX_UPLOAD_BYTES = 512 * 2**20
"""Room for every official checkpoint in float32; the host's own limit on uploads comes before."""


class DoesNotFit(ValueError):
    """A checkpoint that is almost one of a model here; ``difference`` has all keys that differ."""

    def __init__(self, sentence: str, difference: Difference) -> None:
        super().__init__(sentence)
        self.difference = difference


def open_upload(path: str, name: str, max_bytes: int = MAX_UPLOAD_BYTES) -> Segmenter:
    """Return the model whose names and shapes the checkpoint at ``path`` has.

    ``name`` is what the visitor calls the file. Where several models fit, which differ in head_dim
    or reach alone, it is the first. Raises ``ValueError`` with one sentence for a file that is too
    large, cannot be read or fits no model, :class:`DoesNotFit` where little is amiss.
    """
    size = Path(path).stat().st_size
    if size > max_bytes:
        raise ValueError(messages.too_large(size / 2**20, max_bytes / 2**20))
    try:
        report = inspect_checkpoint(path)
        if not report.models:
            near = nearest_config(read_state_dict(path))
            if near is None:
                raise ValueError(messages.no_model(name))
            raise DoesNotFit(messages.nearly(name, near[0], str(near[1])), near[1])
        # What a classifier's file fits whole comes before what it fits the backbone of.
        first, *others = sorted(report.models, key=lambda model: model not in CLASSIFIERS)
        model = create_model(first, weights=path, num_classes=report.num_classes)
    except WeightsError as error:  # which names the server's copy
        raise ValueError(
            str(error).replace(str(path), name).replace(Path(path).name, name)
        ) from None
    taken = model.weights.taken.replace(Path(path).name, name)
    untrained = None if model.weights.trained else model.weights.note
    note = sentences(messages.read_as(name, first, others), taken, untrained)
    model.weights = replace(model.weights, source=f"upload {name}", note=note, taken=taken)
    return model
