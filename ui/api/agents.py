"""What agents get over MCP: every answer as named, structured content, with its pictures.

Gradio's own server gives a client that asks for no progress all parts as one text, and structured
content to nobody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import gradio as gr
from mcp import types

from ui.api.endpoints import file_address
from ui.api.services import Service
from ui.host.inside_gradio import is_sent_file, mcp

_PARTS: ContextVar[list[Any] | None] = ContextVar("parts", default=None)
"""What the tool call of this task has returned."""


class AgentServer(mcp.GradioMCPServer):
    """Gradio's server for the page's ``services``, the endpoints by name."""

    def create_mcp_server(self) -> Any:
        """Return the server, whose results have structured content."""
        server = super().create_mcp_server()
        call = server.request_handlers[types.CallToolRequest]

        async def call_and_name(request: types.CallToolRequest) -> types.ServerResult:
            _PARTS.set(None)
            answered = await call(request)
            parts, result = _PARTS.get(), answered.root
            if parts is not None and not result.isError:
                service = self.blocks.services[
                    self.tool_to_endpoint[request.params.name].strip("/")
                ]
                result.structuredContent = _named(service, parts)
            return answered

        server.request_handlers[types.CallToolRequest] = call_and_name
        return server

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        (result,) = await super()._execute_tool_without_progress(job)
        return list(result) if isinstance(result, tuple) else [result]

    async def _execute_tool_with_progress(self, job: Any, progress_token: Any) -> list[Any]:
        try:
            return await super()._execute_tool_with_progress(job, progress_token)
        except UnboundLocalError:  # the job ended before Gradio had looked at its last update
            return await self._execute_tool_without_progress(job)

    def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
        """Return the parts as content: JSON as text, pictures as pictures, files as addresses."""
        parts = [_with_address(part, root_url.rstrip("/")) for part in data]
        _PARTS.set(parts)
        shown = [
            json.dumps(each, ensure_ascii=False)
            if isinstance(each, dict) and not is_sent_file(each)
            else each
            for part in parts
            for each in (part if isinstance(part, list) else [part])
        ]
        return super().postprocess_output_data(shown, root_url)


def serve_agents(page: gr.Blocks, services: Sequence[Service]) -> None:
    """Let the MCP server of ``page``, once it is launched, be an :class:`AgentServer`."""
    page.services = {service.name: service for service in services}
    mcp.GradioMCPServer = AgentServer


def _with_address(part: Any, root: str) -> Any:
    """Return a part whose files have addresses: Gradio gives none to those in a list."""
    if isinstance(part, list):
        return [_with_address(each, root) for each in part]
    if is_sent_file(part) and not part.get("url"):
        return part | {"url": file_address(root, part["path"])}
    return part


def _named(service: Service, parts: Sequence[Any]) -> dict[str, Any]:
    """Return the parts by the names of the service's outputs."""
    return {each.name: _plain(part) for each, part in zip(service.outputs, parts, strict=True)}


def _plain(part: Any) -> Any:
    if isinstance(part, list):
        return [_plain(each) for each in part]
    if is_sent_file(part):
        return {"name": part.get("orig_name"), "url": part.get("url")}
    return part
