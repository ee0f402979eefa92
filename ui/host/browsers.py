"""What keeps other web sites from acting through a visitor's browser.

Three doors: a page of another origin that sends requests, a name of another site that is made to
point here (DNS rebinding), and a page that shows this one in a frame. Plus what a browser is told
about every answer: that a file is what its type says, and where scripts and pictures come from.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.host.inside_gradio import let_read

ANY = "*"

FOREIGN = (
    "This server takes requests from its own pages; "
    "its host can allow those of {origin} with --origins."
)
UNKNOWN_HOST = (
    "This server does not answer to the name {host}; its host can allow it with --host-names."
)

POLICY = {
    "default-src": "'self'",
    # Gradio's page has scripts and styles within it, and makes functions of text for gr.HTML.
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
"""Where the page takes what from: nothing comes from, or goes to, another site."""


class Browsers:
    """Refuses what browsers send on behalf of other sites, and tells them what they may do.

    ``origins`` (such as ``https://example.org``) may send requests and show the page in a frame.
    ``names`` are those in the Host header that are answered to, besides this computer's own and
    all addresses in figures, to which no name of another site can point; ``*`` stands for all.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str], names: Collection[str]) -> None:
        self._app = app
        self._origins = set(origins)
        self._names = {name.lower() for name in names} | local_names()
        policy = POLICY | {"frame-ancestors": " ".join(["'self'", *sorted(origins)])}
        self._told = {
            "Content-Security-Policy": "; ".join(" ".join(item) for item in policy.items()),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        }
        if not origins:
            self._told["Cross-Origin-Resource-Policy"] = "same-origin"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless it comes from elsewhere."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                for name, value in self._told.items():
                    headers.setdefault(name, value)
                if not self._origins:
                    _keep_cookies_here(headers)
            await send(message)

        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_own(host):
            refusal = JSONResponse({"detail": UNKNOWN_HOST.format(host=host[:100])}, 421)
            await refusal(scope, receive, tell)
        elif origin is not None and not may_send(headers, self._origins):
            refusal = JSONResponse({"detail": FOREIGN.format(origin=origin[:100])}, 403)
            await refusal(scope, receive, tell)
        else:
            await self._app(scope, receive, tell)

    def _is_own(self, host: str) -> bool:
        name = (urlsplit(f"//{host}").hostname or "") if host.isprintable() else ""
        return ANY in self._names or name in self._names or _is_address(name)


def may_send(headers: Headers, origins: Collection[str]) -> bool:
    """Return whether a request that names its origin comes from a page of this server or theirs.

    A browser says so itself where it can (Sec-Fetch-Site), and no script can make it lie.
    """
    origin = headers["origin"]
    own = {headers.get("host"), headers.get("x-forwarded-host")}
    return (
        origin in origins
        or headers.get("sec-fetch-site") in ("same-origin", "none")
        or ("sec-fetch-site" not in headers and urlsplit(origin).netloc in own)
    )


def answer_only(origins: Collection[str]) -> None:
    """Let Gradio allow pages of ``origins`` and no others to read its answers, in this process.

    By itself it allows every origin where the page has a name of its own.
    """
    allowed = set(origins)
    let_read(lambda headers: may_send(headers, allowed))


def local_names() -> set[str]:
    """Return the names that only this computer has for itself."""
    return {"localhost", "localhost.localdomain", socket.gethostname().lower()}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _keep_cookies_here(headers: MutableHeaders) -> None:
    """Let a browser send Gradio's cookie with requests of this site's own pages only."""
    cookies = headers.getlist("set-cookie")
    if not cookies:
        return
    del headers["set-cookie"]
    for cookie in cookies:
        kept = [part for part in cookie.split("; ") if not part.lower().startswith("samesite=")]
        headers.append("set-cookie", "; ".join([*kept, "SameSite=Lax"]))
