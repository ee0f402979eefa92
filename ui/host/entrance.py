"""Routes beside Gradio's, open to those who may come in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ui.host.inside_gradio import has_entered
from ui.messages import web as text


def guarded(
    path: str, answer: Callable[[Request], Awaitable[Response]], method: str = "GET"
) -> Route:
    """Return a route for those who may come in; what is wrong with a request is one sentence."""

    async def enter(request: Request) -> Response:
        if not has_entered(request):
            return JSONResponse({"detail": text.LOGIN}, 401)
        try:
            return await answer(request)
        except ValueError as error:
            return JSONResponse({"detail": " ".join(str(error).split())}, 400)

    return Route(path, enter, methods=[method], include_in_schema=False)
