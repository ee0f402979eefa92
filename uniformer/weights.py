"""Placeholder until the weights slice lands."""

from __future__ import annotations

from uniformer.segmenter import Segmenter


class WeightsError(ValueError):
    """Weights that cannot be had or do not fit, as one sentence."""


def load_weights(model: Segmenter, source: str) -> None:
    """Load."""
    raise WeightsError("not yet")
