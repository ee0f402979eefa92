"""The way in for programs and agents, over HTTP and MCP: labels, classes, every question."""

from ui.api.agents import serve_agents
from ui.api.endpoints import add
from ui.api.rest import Rest
from ui.api.services import Services

__all__ = ["Rest", "Services", "add", "serve_agents"]
