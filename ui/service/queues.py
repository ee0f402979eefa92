"""The two queues in which requests wait, as options of a Gradio event."""

from __future__ import annotations

HEAVY = {"concurrency_id": "model", "api_visibility": "private"}
"""Work that uses a model: models are shared, so it waits in one queue whose width is a setting."""

LIGHT = {"concurrency_limit": 4, "api_visibility": "private"}
"""Everything else."""
