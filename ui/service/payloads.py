"""A result as the tab that compares wants it: ``assets/lens.js``."""

from __future__ import annotations

from typing import Any

from analysis import Trace
from analysis.report.lens_data import lens_view
from ui.service.stored_results import StoredResult

MAX_PIECES_BYTES = 6_000_000
"""Codes sent, before compression: the last block of each stage, then earlier ones that fit."""


def lens_payload(key: str, stored: StoredResult, trace: Trace) -> dict[str, Any]:
    """Return what answers every probe of the result kept under ``key``."""
    return {
        "key": key,
        **lens_view(stored.result, trace, MAX_PIECES_BYTES),
        "title": stored.subject.title,
        "alt": stored.subject.alt,
        "credit": stored.subject.credit,
    }
