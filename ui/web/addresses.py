"""The addresses of the workbench: read a request, wait for a place, answer in frames.

Size, origin and host of a request are checked before it comes here (:mod:`ui.host`). Whoever leaves
ends the work: it stops at its next step.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from analysis.core.progress import relay
from analysis.report.frames import frame
from ui.host import metrics
from ui.host.entrance import guarded
from ui.host.middleware import NO_ROOM
from ui.host.places import sender_of
from ui.host.settings import Settings
from ui.messages import in_language, page, sentence_of
from ui.messages import web as text
from ui.service.actions import Actions
from ui.service.examples import ASSETS
from ui.service.one_thread import steps_on_one_thread
from ui.service.selection import Selection
from ui.service.uploads import DoesNotFit
from ui.web.asked import LONGEST_NAME, named, read_setting
from ui.web.lanes import Full, Lane
from ui.web.layers import partial_content, read_ask
from ui.web.said import OF_ANSWER, OF_CATALOG, said
from ui.web.workbench import Content, ContentWork, Workbench

LOG = logging.getLogger(__name__)

MODULES = ASSETS / "web"

SUFFIXES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".png": "image/png",
}

MOST_JSON_BYTES = 16 * 2**20
"""Of what is asked about a picture, a painted mask among it."""

QUICK_EACH, LONG_EACH = 4, 1
"""Requests of one sender at a time."""

SESSION = "x-lens-session"
"""The header by which a page names itself, as many visitors may have one address."""

MOST_KEYS = 200
"""Of each kind in which a checkpoint differs that are told."""

MEDIA_TYPE = "application/octet-stream"


class Addresses:
    """Routes for one page, over the results that ``actions`` keeps."""

    def __init__(self, actions: Actions, settings: Settings) -> None:
        self._workbench = Workbench(actions, settings)
        waiting = settings.queue_size
        self._quick = Lane(settings.concurrency, QUICK_EACH, waiting)
        self._long = Lane(settings.concurrency, LONG_EACH, waiting)

    def routes(self) -> list[Route]:
        """Return the routes, those that ask before the one that serves files."""
        api = "/web/api"
        return [
            guarded(f"{api}/catalog", self._catalog),
            guarded(f"{api}/open", self._open, "POST"),
            guarded(f"{api}/relabel", self._relabel, "POST"),
            guarded(f"{api}/checkpoint", self._checkpoint, "POST"),
            guarded(f"{api}/film", self._film, "POST"),
            guarded(f"{api}/{{key}}/block/{{stage:int}}/{{block:int}}", self._block),
            guarded(f"{api}/{{key}}/probabilities", self._probabilities),
            guarded(f"{api}/{{key}}/layer", self._layer, "POST"),
            guarded(f"{api}/{{key}}/take-away", self._take_away, "POST"),
            Route("/web/{file:path}", _module, methods=["GET"], include_in_schema=False),
        ]

    async def _catalog(self, request: Request) -> Response:
        catalog = said(self._workbench.catalog(), _language(request), OF_CATALOG)
        return Response(frame(catalog), media_type=MEDIA_TYPE)

    async def _open(self, request: Request) -> Response:
        async with request.form(max_files=1, max_fields=4) as form:
            setting = self._setting(form)
            photo, name = form.get("file"), form.get("example")
            if photo is None:
                steps = self._work("web open", setting, None, named("example", name))
            elif isinstance(photo, str):
                raise ValueError(text.NO_PICTURE)
            else:
                data, name = await photo.read(), photo.filename or page.PHOTO
                steps = self._work("web open", setting, data, named("file", name[:200]))
        return self._answer(request, steps, self._quick, compress=True)

    def _work(self, *given: Any) -> Callable[[], ContentWork]:
        name, setting, data, title = given
        return _measured(name, lambda: self._workbench.open(setting, data, title))

    async def _relabel(self, request: Request) -> Response:
        given = _json(await _body(request))
        key = named("key", given.get("key"))
        now = await to_thread.run_sync(self._workbench.actions.selection, key)
        setting = read_setting(given.get("setting"), now)
        steps = _measured("web relabel", lambda: self._workbench.relabel(setting))
        return self._answer(request, steps, self._quick, compress=True)

    async def _checkpoint(self, request: Request) -> Response:
        async with request.form(max_files=1, max_fields=1) as form:
            data, name = await _file(form, text.NO_CHECKPOINT)
        steps = _measured("web checkpoint", lambda: self._workbench.checkpoint(data, name))
        return self._answer(request, steps, self._quick)

    async def _film(self, request: Request) -> Response:
        async with request.form(max_files=1, max_fields=4) as form:
            setting = self._setting(form)
            data, _ = await _file(form, text.NO_FILM)
        steps = _measured("web film", lambda: self._workbench.film(setting, data))
        return self._answer(request, steps, self._long)

    def _setting(self, form: FormData) -> Selection:
        """Return the setting that a form has, by default that of the first picture."""
        first = self._workbench.actions.first.selection
        return read_setting(_json(form.get("setting", "{}")), first)

    async def _block(self, request: Request) -> Response:
        at = request.path_params
        steps = _measured("web block", lambda: self._workbench.block(**at))
        return self._answer(request, steps, self._quick)

    async def _probabilities(self, request: Request) -> Response:
        key, (x, y) = request.path_params["key"], (_number(request, name) for name in "xy")
        steps = _measured("web pixel", lambda: self._workbench.probabilities(key, x, y))
        return self._answer(request, steps, self._quick)

    async def _layer(self, request: Request) -> Response:
        key, given = request.path_params["key"], _json(await _body(request))
        ask = read_ask(given, await self._size(key))
        steps = _measured("web layer", lambda: self._workbench.layer(key, ask))
        lane = self._quick if ask.kind.live else self._long
        return self._answer(request, steps, lane, compress=True)

    async def _take_away(self, request: Request) -> Response:
        key, given = request.path_params["key"], _json(await _body(request))
        ask, kind = None, named("kind", given.get("kind"))
        if given.get("ask") is not None:
            ask = read_ask(_object(given["ask"]), await self._size(key))
        steps = _measured("web file", lambda: self._workbench.take_away(key, ask, kind))
        quick = ask is None or ask.kind.live
        return self._answer(request, steps, self._quick if quick else self._long)

    async def _size(self, key: str) -> tuple[int, int]:
        """Return the size of a picture, which may have to be read from a disk."""
        return await to_thread.run_sync(self._workbench.picture_size, key)

    def _answer(
        self, request: Request, start: Callable[[], ContentWork], lane: Lane, compress: bool = False
    ) -> Response:
        sender = sender_of(request, request.headers.get(SESSION))
        compress = compress and "gzip" in request.headers.get("accept-encoding", "")
        return Frames(_frames(start, lane, sender, _language(request)), compress)


class Frames(Response):
    """A stream of frames that ends, with the work behind it, when nobody receives it any more."""

    def __init__(self, frames: AsyncGenerator[bytes], compress: bool) -> None:
        super().__init__(media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        if compress:
            self.headers["Content-Encoding"] = "gzip"
        self._frames = frames
        self._gzip = zlib.compressobj(1, wbits=31) if compress else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the frames, or stop when the receiver has left."""
        async with anyio.create_task_group() as group:

            async def leave() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(leave)
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            async with aclosing(self._frames) as frames:
                async for part in frames:
                    content = await to_thread.run_sync(self._compressed, part)
                    await send(_body_part(content, more=True))
            last = self._gzip.flush() if self._gzip else b""
            await send(_body_part(last, more=False))
            group.cancel_scope.cancel()

    def _compressed(self, part: bytes) -> bytes:
        if self._gzip is None:
            return part
        return self._gzip.compress(part) + self._gzip.flush(zlib.Z_SYNC_FLUSH)


def _body_part(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _frames(
    start: Callable[[], ContentWork], lane: Lane, sender: str, language: str
) -> AsyncGenerator[bytes]:
    """Yield how many are ahead, the progress, and last the answer or one sentence."""
    try:
        async with lane.ticket(sender) as ticket:
            async for ahead in lane.ahead(ticket):
                yield frame({"partial": True, "done": 0, "total": 0, "ahead": ahead})
            async with aclosing(steps_on_one_thread(lambda: _packed(start(), language))) as parts:
                async for part in parts:
                    yield part
    except Full:
        yield frame({"error": in_language(text.BUSY, language)})
    except ValueError as error:
        sentence = in_language(sentence_of(error), language)
        yield frame({"error": sentence, **_differing_keys(error)})
    except Exception as error:
        LOG.exception("An answer to the workbench failed.")
        full = getattr(error, "errno", None) in NO_ROOM
        sentence = page.NO_ROOM if full else page.SERVER_FAILED
        yield frame({"error": in_language(sentence, language)})


def _packed(steps: ContentWork, language: str) -> Generator[bytes, None, None]:
    """Yield steps, and last the answer, as frames; they are made on the thread that works."""

    def framed(content: Content) -> bytes:
        facts, arrays = content
        return frame(said(facts, language, OF_ANSWER), arrays)

    answer = yield from relay(steps, lambda step: framed(partial_content(step)))
    yield framed(answer)


def _language(request: Request) -> str:
    """Return the language in which words are asked for, by default English."""
    return request.query_params.get("language", "").partition("-")[0]


def _measured(name: str, start: Callable[[], ContentWork]) -> Callable[[], ContentWork]:
    """Count what the steps take, and how they end, under ``name``."""

    def steps() -> ContentWork:
        with metrics.measured(name):
            return (yield from start())

    return steps


async def _module(request: Request) -> Response:
    """Serve a module, a style or words of the workbench."""
    root = MODULES.resolve()
    path = Path(root, request.path_params["file"])
    try:
        path = path.resolve()
        known = path.is_relative_to(root) and path.suffix in SUFFIXES and path.is_file()
    except (OSError, ValueError):  # too long a name, a null byte
        known = False
    if not known:
        return JSONResponse({"detail": "Not Found"}, 404)
    return FileResponse(
        path, media_type=SUFFIXES[path.suffix], headers={"Cache-Control": "no-cache"}
    )


def _differing_keys(error: ValueError) -> dict[str, Any]:
    """Return the keys in which a checkpoint departs from a model, if that is what is wrong."""
    if not isinstance(error, DoesNotFit):
        return {}
    kinds = {name: keys[:MOST_KEYS] for name, keys in asdict(error.difference).items()}
    return {"keys": kinds}


async def _file(form: FormData, refusal: str) -> tuple[bytes, str]:
    """Return the one file of a form and its name; ``ValueError`` with ``refusal`` without one."""
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise ValueError(refusal)
    return await file.read(), (file.filename or page.PHOTO)[:LONGEST_NAME]


async def _body(request: Request) -> bytes:
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_JSON_BYTES:
            raise ValueError(text.NOT_UNDERSTOOD)
    return bytes(content)


def _json(content: Any) -> dict[str, Any]:
    """Return the object that JSON says; ``ValueError`` for anything else."""
    try:
        found = json.loads(content)
    except (ValueError, TypeError, RecursionError):
        found = None
    return _object(found)


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError(text.NOT_UNDERSTOOD)
    return found


def _number(request: Request, name: str) -> int:
    try:
        return int(request.query_params[name])
    except (KeyError, ValueError):
        raise ValueError(text.wrong(name=name, words="a whole number")) from None
