"""The lens of one result, as its browser side (``assets/lens.js``) wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis import Trace
from analysis.report import lens_data
from analysis.report.lens_data import Choice, piece
from ui.service.stored_results import StoredResult

__all__ = ["exact", "lens_payload", "piece"]

MAX_PIECES_BYTES = 6_000_000
"""Codes sent at first, before compression; blocks beyond are fetched when they are chosen."""


def lens_payload(key: str, stored: StoredResult, trace: Trace) -> dict[str, Any]:
    """Return what answers every probe of the result kept under ``key``."""
    return {
        "key": key,
        **lens_data.lens_view(stored.result, trace, MAX_PIECES_BYTES),
        "title": stored.subject.title,
        "alt": stored.subject.alt,
        "credit": stored.subject.credit,
    }


def exact(key: str, trace: Trace, x: int, y: int, choices: Mapping[int, Choice]) -> dict[str, Any]:
    """Return the float values of one probe, see :func:`analysis.report.lens_data.exact`."""
    return {"key": key, **lens_data.exact(trace, x, y, choices)}
