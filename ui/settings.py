"""What the host of a page can decide."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The model a page starts with, and how much memory its visitors may use together.

    ``weights`` is where that model's weights come from (see :func:`uniformer.create_model`); every
    other model uses its own. Results are forgotten after ``store_seconds`` without use, or earlier
    when all of them together exceed ``store_bytes``.
    """

    model: str = "nano"
    weights: str | None = "default"
    models_in_memory: int = 2
    store_bytes: int = 2**30
    store_seconds: float = 3600.0
