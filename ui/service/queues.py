"""The lanes in which requests wait, as options of a Gradio event."""

from __future__ import annotations

from ui.host import places

HEAVY = {"concurrency_id": "model", "api_visibility": "private"}
"""What uses a model for a few seconds at most; how many do so at a time is a setting."""

LONG = {"concurrency_id": places.LONG, "api_visibility": "private"}
"""What may take many seconds: nothing of the above ever waits behind it."""

LIGHT = {"concurrency_limit": 4, "api_visibility": "private"}
"""Everything else."""
