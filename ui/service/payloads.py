"""A result as the page in the browser wants it: ``assets/viewer.js`` and ``assets/lens.js``."""

from __future__ import annotations

from typing import Any

from analysis import Trace
from analysis.report.lens_data import lens_view
from analysis.report.viewer_data import segmentation_view
from ui.messages import page as text
from ui.service.stored_results import StoredResult

MAX_PIECES_BYTES = 6_000_000
"""Codes sent at first, before compression; blocks beyond are fetched when they are chosen."""


def view_payload(key: str, stored: StoredResult) -> dict[str, Any]:
    """Return the result kept under ``key``, with the words about its picture."""
    result, settings = stored.result, stored.result.settings
    height, width = result.labels.shape
    return {
        "key": key,
        **segmentation_view(result),
        "facts": text.facts(
            width, height, result.model, settings["reach"], settings["window_size"], stored.seconds
        ),
        "title": stored.subject.title,
        "alt": stored.subject.alt,
        "credit": stored.subject.credit,
    }


def lens_payload(key: str, stored: StoredResult, trace: Trace) -> dict[str, Any]:
    """Return what answers every probe of the result kept under ``key``."""
    return {
        "key": key,
        **lens_view(stored.result, trace, MAX_PIECES_BYTES),
        "title": stored.subject.title,
        "alt": stored.subject.alt,
        "credit": stored.subject.credit,
    }
