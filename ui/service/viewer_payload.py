"""A result as the viewer in the browser (``assets/viewer.js``) wants it."""

from __future__ import annotations

from typing import Any

from analysis.report.viewer_data import segmentation_view
from ui.messages import page as text
from ui.service.stored_results import Held


def view_payload(key: str, held: Held) -> dict[str, Any]:
    """Return the result kept under ``key``, with the words about its picture."""
    result, settings = held.result, held.result.settings
    height, width = result.labels.shape
    return {
        "key": key,
        **segmentation_view(result),
        "facts": text.facts(
            width, height, result.model, settings["reach"], settings["window_size"], held.seconds
        ),
        "title": held.subject.title,
        "alt": held.subject.alt,
        "credit": held.subject.credit,
    }
