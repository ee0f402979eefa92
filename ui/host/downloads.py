"""Bound what a visitor can make this server download: where from, how much, for how long."""

from __future__ import annotations

import anyio
import gradio as gr
import httpx
import safehttpx

from ui.host.inside_gradio import PUBLIC_NAMES, download_by

DOWNLOAD_SECONDS = 20
"""For one address; a redirection leads to another one, and Gradio follows twenty."""


def bound_downloads(max_bytes: int, seconds: float = DOWNLOAD_SECONDS) -> None:
    """Let Gradio download at most ``max_bytes`` from an address in at most ``seconds``.

    That holds for every picture of this process that is given by its address, on the page, over
    REST and MCP.
    """
    download_by(BoundedTransport(max_bytes, seconds))


class BoundedTransport(httpx.AsyncBaseTransport):
    """Fetches from public addresses only, as Gradio does without it, and no more than allowed.

    What it refuses is told in one sentence, ``gr.Error``.
    """

    def __init__(self, max_bytes: int, seconds: float) -> None:
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the whole answer to a request."""
        try:
            with anyio.fail_after(self._seconds):
                return await self._fetch(request)
        except TimeoutError:
            raise _refusal(f"took more than {self._seconds:g} seconds") from None
        except (httpx.HTTPError, OSError):
            raise _refusal("failed") from None

    async def _fetch(self, request: httpx.Request) -> httpx.Response:
        # What is not compressed cannot grow when it is unpacked.
        request.headers["Accept-Encoding"] = "identity"
        async with await _way_to(request.url.host) as transport:
            answer = await transport.handle_async_request(request)
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise _refusal("is refused, because it is compressed")
            assert isinstance(answer.stream, httpx.AsyncByteStream)  # as its transport's are
            body = bytearray()
            async for part in answer.stream:
                body += part
                if len(body) > self._max_bytes:
                    raise _refusal(f"has more than the {self._max_bytes} bytes that are taken here")
            return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(body))


async def _way_to(host: str) -> httpx.AsyncBaseTransport:
    """Return a connection to a public address of ``host``, which is looked up once and for all."""
    if safehttpx.matches_domain_whitelist(host, PUBLIC_NAMES):
        return httpx.AsyncHTTPTransport()
    try:
        address = await safehttpx.async_validate_url(host)
    except ValueError:
        raise _refusal("is refused, because its address is not a public one") from None
    return safehttpx.AsyncSecureTransport(address)


def _refusal(what: str) -> gr.Error:
    sentence = f"The download of the picture {what}: send the file itself."
    return gr.Error(sentence, print_exception=False)
