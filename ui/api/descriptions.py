"""What there is to ask, for machines (OpenAPI 3.1) and for readers of text (llms.txt)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.questions.parameters import REQUIRED, Parameter
from ui.api.services import Output, Service
from ui.api.signatures import PICTURE_FILE, plain_text
from uniformer.authorship import MARK

VERSION = "1"

ABOUT = (
    "Label every pixel of a picture with UniFormer (arXiv 2201.09450) and see what its local and "
    "global affinities looked at."
)

TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}

FILE = {
    "type": "object",
    "description": "A file; its address works for as long as the server keeps results.",
    "properties": {
        "name": {"type": "string"},
        "media_type": {"type": "string"},
        "bytes": {"type": "integer"},
        "url": {"type": "string", "format": "uri"},
    },
    "required": ["name", "media_type", "bytes", "url"],
}

PROBLEM = {
    "type": "object",
    "properties": {"detail": {"type": "string", "description": "one sentence"}},
    "required": ["detail"],
}

REFUSALS = {
    "401": "The page has a password: sign in first.",
    "404": "There is no such endpoint.",
    "413": "The file is too large.",
    "422": "Something about the request cannot be; the sentence says what.",
    "503": "The queue is full; Retry-After says when to try again.",
    "507": "The server has no room for files now.",
}


def openapi(services: Sequence[Service], root: str) -> dict[str, Any]:
    """Return the OpenAPI description of ``services`` at the address ``root``."""
    return {
        "openapi": "3.1.0",
        "info": {"title": MARK, "version": VERSION, "description": ABOUT},
        "servers": [{"url": root}],
        "paths": {f"/api/{service.name}": _path(service) for service in services},
        "components": {"schemas": {"File": FILE, "Problem": PROBLEM}},
    }


def llms_text(services: Sequence[Service], root: str) -> str:
    """Return what a language model has to know to use the server, as Markdown (llmstxt.org)."""
    lines = [f"# {MARK}", "", f"> {ABOUT}", ""]
    lines += [
        "Send a picture as a form and get JSON with named parts; files in it have an address:",
        "",
        f"    curl -F picture=@photo.jpg -F short_side=256 {root}/api/segment",
        "",
        "A refusal has a status of 400 or more and one sentence, `detail`. Pixels are counted from",
        "0 at the upper left, stages from 1, blocks and heads from 0.",
        "",
        "## Addresses",
        "",
        f"- [OpenAPI]({root}/api/openapi.json): every parameter and output",
        f"- [Models]({root}/api/models): names to give as `model`",
        f"- [MCP]({root}/gradio_api/mcp/): the same as tools of an agent, where it is on",
        "",
        "## Endpoints",
        "",
    ]
    for service in services:
        method = "GET" if service.parameters is None else "POST"
        first = plain_text(service.summary).partition("\n")[0]
        lines.append(f"- `{method} /api/{service.name}`: {first}")
        lines += [f"  - `{each.name}`: {_told(each)}" for each in service.parameters or ()]
    return "\n".join([*lines, ""])


def _told(parameter: Parameter) -> str:
    words = plain_text(parameter.help)
    if parameter.choices is not None:
        words = f"{words} ({', '.join(map(str, parameter.choices))})"
    if parameter.default is REQUIRED:
        return f"{words}; required"
    return words if parameter.default is None else f"{words}; default {parameter.default}"


def _path(service: Service) -> dict[str, Any]:
    summary, _, rest = plain_text(service.summary).partition("\n")
    operation: dict[str, Any] = {
        "operationId": service.name,
        "summary": summary,
        "description": rest.strip(),
        "responses": {"200": _answer(service)}
        | {
            status: {"description": words, "content": _json({"$ref": _ref("Problem")})}
            for status, words in REFUSALS.items()
        },
    }
    if service.parameters is None:
        return {"get": operation}
    properties = {each.name: _schema(each) for each in service.parameters}
    required = [each.name for each in service.parameters if each.default is REQUIRED]
    picture = {"type": "string", "format": "binary", "description": PICTURE_FILE}
    form = {
        "type": "object",
        "properties": {"picture": picture, **properties},
        "required": ["picture", *required],
        "additionalProperties": False,
    }
    operation["requestBody"] = {
        "required": True,
        "content": {"multipart/form-data": {"schema": form}},
    }
    return {"post": operation}


def _answer(service: Service) -> dict[str, Any]:
    if service.parameters is None:
        (output,) = service.outputs
        schema: dict[str, Any] = {"type": "object", "description": output.words}
    else:
        schema = {
            "type": "object",
            "properties": {each.name: _output(each) for each in service.outputs},
            "required": [each.name for each in service.outputs],
        }
    return {"description": "The answer.", "content": _json(schema)}


def _output(output: Output) -> dict[str, Any]:
    if output.kind == "json":
        return {"type": "object", "description": output.words}
    described = {"description": f"{output.media_type}: {output.words}"}
    if output.kind == "file":
        return {"$ref": _ref("File"), **described}
    return {"type": "array", "items": {"$ref": _ref("File")}, **described}


def _schema(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": TYPES[parameter.kind],
        "description": plain_text(parameter.help),
    }
    if parameter.choices is not None:
        schema["enum"] = list(parameter.choices)
    if parameter.default is not REQUIRED and parameter.default is not None:
        schema["default"] = parameter.default
    return schema


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> str:
    return f"#/components/schemas/{name}"
