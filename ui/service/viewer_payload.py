"""A result as the viewer in the browser (``assets/viewer.js``) wants it."""

from __future__ import annotations

from typing import Any

from analysis.report.viewer_data import segmentation_view
from ui.messages import page as text
from ui.service.stored_results import StoredResult


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
