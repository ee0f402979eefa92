"""Plain HTTP for programs: send a picture as a form, get JSON with named parts.

``POST /api/NAME`` waits for its turn, works, and answers once; who leaves stops the work. What
there is to ask is at ``/api/openapi.json``, for machines, and ``/llms.txt``, for readers of text.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from analysis.core.progress import Progress, Work, finish, relay
from analysis.questions.parameters import Parameter
from ui.api.descriptions import llms_text, openapi
from ui.api.endpoints import file_address, new_folder
from ui.api.refusals import Refusal, refusing
from ui.api.services import Reply, Sent, Service
from ui.host.entrance import guarded
from ui.host.inside_gradio import get_root_url
from ui.host.places import sender_of
from ui.host.settings import Settings
from ui.messages import web as text
from ui.service.limits import QUESTION_SECONDS, within
from ui.service.one_thread import steps_on_one_thread
from ui.web.lanes import Full, Lane

QUICK_EACH, LONG_EACH = 4, 1
"""Requests of one sender at a time."""

MEDIA_TYPES = {
    ".png": "image/png",
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".xml": "application/xml",
    ".zip": "application/zip",
}

MOST_FIELDS, MOST_FIELD_BYTES = 40, 2**12


class Rest:
    """Routes that answer ``services``."""

    def __init__(self, services: list[Service], settings: Settings) -> None:
        self._services = {service.name: service for service in services}
        self._root_path = settings.root_path or None
        waiting = settings.queue_size
        self._quick = Lane(settings.concurrency, QUICK_EACH, waiting)
        self._long = Lane(settings.concurrency, LONG_EACH, waiting)

    def routes(self) -> list[Route]:
        """Return the routes; all ask for the page's password where it has one."""
        return [
            guarded("/llms.txt", self._llms),
            guarded("/api/openapi.json", self._openapi),
            guarded("/api/models", self._models),
            guarded("/api/{name}", self._ask, "POST"),
        ]

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(openapi(list(self._services.values()), self._root(request)))

    async def _llms(self, request: Request) -> Response:
        return PlainTextResponse(llms_text(list(self._services.values()), self._root(request)))

    async def _models(self, request: Request) -> Response:
        listed = finish(self._services["models"].start(Sent(b"", ""), {}, Path()))
        return JSONResponse(listed["answer"])

    async def _ask(self, request: Request) -> Response:
        service = self._services.get(request.path_params["name"])
        if service is None or service.parameters is None:
            return JSONResponse({"detail": "Not Found"}, 404)
        try:
            with refusing(service.name):
                sent, given = await _read(request, service)
                values = service.checked(given)
        except Refusal as refusal:
            return _told(refusal)
        lane = self._long if service.long else self._quick
        try:
            found = await self._found(request, lane, service, sent, values)
        except Full:
            return JSONResponse({"detail": text.BUSY}, 503, headers={"Retry-After": "60"})
        except Refusal as refusal:
            return _told(refusal)
        if found is None:
            return Response(status_code=499)  # nobody is there to read it
        root = self._root(request)
        return JSONResponse({each.name: _part(found[each.name], root) for each in service.outputs})

    async def _found(
        self, request: Request, lane: Lane, service: Service, sent: Sent, values: dict[str, Any]
    ) -> Reply | None:
        """Return the answer once it is there, None when the sender has left before."""
        found: Reply | None = None
        refusal: Refusal | None = None

        def work() -> Work[None]:
            nonlocal found
            within_time = within(QUESTION_SECONDS)
            with refusing(service.name):
                steps = service.start(sent, values, new_folder())
                found = yield from _telling(steps, within_time)

        async def run() -> None:
            nonlocal refusal
            try:
                async with lane.ticket(sender_of(request, None)) as ticket:
                    async for _ in lane.ahead(ticket):
                        pass
                    async with aclosing(steps_on_one_thread(work)) as steps:
                        await _exhaust(steps)
            except Refusal as error:
                refusal = error
            group.cancel_scope.cancel()

        async def leave() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(leave)
                await run()
        except* Full:
            raise Full from None
        if refusal is not None:
            raise refusal
        return found

    def _root(self, request: Request) -> str:
        """Return the address of the page, as its visitors see it, without a slash at the end."""
        path = request.url.path
        return get_root_url(request, path, self._root_path).rstrip("/")


async def _read(request: Request, service: Service) -> tuple[Sent, dict[str, Any]]:
    """Return the picture in a form and the values in its other fields."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ValueError("Send a form (multipart/form-data) with the file in its field picture.")
    async with request.form(
        max_files=1, max_fields=MOST_FIELDS, max_part_size=MOST_FIELD_BYTES
    ) as form:
        picture = form.get("picture")
        if not isinstance(picture, UploadFile):
            raise ValueError("picture must be a file.")
        sent = Sent(await picture.read(), (picture.filename or "")[-200:])
        return sent, _values(form, service)


def _values(form: FormData, service: Service) -> dict[str, Any]:
    kinds = {parameter.name: parameter for parameter in service.parameters or ()}
    values = {}
    for name, value in form.multi_items():
        if name == "picture":
            continue
        if name in values:
            raise ValueError(f"{name} may be given once.")
        values[name] = _parsed(kinds[name], value) if name in kinds else value
    return values


def _parsed(parameter: Parameter, value: Any) -> Any:
    """Return what a field says; what cannot be read stays as it is, for the check to refuse."""
    if not isinstance(value, str):
        return None
    if parameter.kind is bool:
        return {"true": True, "false": False}.get(value.lower(), value)
    if parameter.kind in (int, float):
        try:
            return parameter.kind(value)
        except ValueError:
            return value
    return value


def _telling(work: Work[Reply], tell: Callable[[int, int], None]) -> Work[Reply]:
    """Pass work on and tell each of its steps; what is told may stop it."""

    def told(step: Progress) -> Progress:
        tell(step.done, step.total)
        return step

    return (yield from relay(work, told))


async def _exhaust(steps: AsyncGenerator[Progress]) -> None:
    async for _ in steps:
        pass


def _told(refusal: Refusal) -> Response:
    return JSONResponse({"detail": refusal.sentence}, refusal.status)


def _part(found: Any, root: str) -> Any:
    """Return a part of an answer; of a file its name, kind, bytes, and address for some time."""
    if isinstance(found, list):
        return [_part(each, root) for each in found]
    if not isinstance(found, Path):
        return found
    return {
        "name": found.name,
        "media_type": MEDIA_TYPES.get(found.suffix, "application/octet-stream"),
        "bytes": found.stat().st_size,
        "url": file_address(root, found),
    }
