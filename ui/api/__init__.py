"""The way in for programs and agents, over REST and MCP: models, segmentation, every question."""

from ui.api.endpoints import add

__all__ = ["add"]
