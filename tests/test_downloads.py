"""A picture by its web address: from public addresses only, bounded in bytes and in time."""

import gzip
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import gradio as gr
import httpx
import pytest
import safehttpx
from endpoints import SHORT_SIDE, endpoints, photo
from gradio import processing_utils
from gradio.utils import get_upload_folder
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from ui.host import downloads

PUBLIC = "public.test"
MAX_BYTES = 200_000
SECONDS = 2
PART = bytes(1000)


class Server(ThreadingHTTPServer):
    """Holds little of what it sends, so that what it has sent tells what was taken."""

    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_BYTES // 10)
        super().server_bind()


class Site(BaseHTTPRequestHandler):
    """Pictures as one finds them on the web, and some things that one had better not."""

    picture = b""
    sent = 0

    def do_GET(self):
        getattr(self, self.path.strip("/").partition(".")[0])()

    def picture_is(self, body, **headers):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def photo(self):
        self.picture_is(self.picture, Content_Length=len(self.picture))

    def packed(self):
        self.picture_is(gzip.compress(bytes(10 * MAX_BYTES)), Content_Encoding="gzip")

    def endless(self):
        self.picture_is(b"")
        try:
            while True:
                self.wfile.write(PART)
                Site.sent += len(PART)
        except OSError:
            pass

    def slow(self):
        self.picture_is(b"")
        try:
            for _ in range(10 * SECONDS * 10):
                self.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            pass

    def inward(self):
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/photo.png")
        self.end_headers()

    def missing(self):
        self.send_error(404)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of a site that counts as public."""
    Site.picture = photo(tmp_path_factory.mktemp("site")).read_bytes()
    server = Server(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{PUBLIC}:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def bounded(monkeypatch):
    """Bounds that are soon reached, and a name service that knows one public name."""
    monkeypatch.setattr(processing_utils, "async_transport", None)
    downloads.bound_downloads(MAX_BYTES, SECONDS)
    find = downloads._way_to

    async def way_to(host):
        public = host == PUBLIC
        return safehttpx.AsyncSecureTransport("127.0.0.1") if public else await find(host)

    async def nobody(host):
        return []

    monkeypatch.setattr(downloads, "_way_to", way_to)
    monkeypatch.setattr(safehttpx, "async_resolve_hostname_google", nobody)


def fetch(url):
    return anyio.run(processing_utils.async_ssrf_protected_get, url)


def test_a_picture_arrives_whole(site):
    assert fetch(f"{site}/photo.png").content == Site.picture


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("endless", f"more than the {MAX_BYTES} bytes"),
        ("slow", f"more than {SECONDS} seconds"),
        ("packed", "compressed"),
        ("inward", "not a public one"),
    ],
)
def test_what_is_too_much_is_refused_in_one_sentence(site, path, words):
    start, Site.sent = time.monotonic(), 0
    with pytest.raises(gr.Error, match=words) as told:
        fetch(f"{site}/{path}.png")
    assert time.monotonic() - start < SECONDS + 5
    assert Site.sent < 2 * MAX_BYTES  # as much again may be on its way
    assert told.value.message.count(".") == 1
    assert not told.value.print_exception


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "[::1]"],
)
def test_addresses_of_private_networks_are_refused_before_anything_is_sent(host, monkeypatch):
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", None)
    with pytest.raises(gr.Error, match="not a public one"):
        fetch(f"http://{host}/secret.png")


def test_the_name_that_was_looked_up_is_the_one_that_is_asked(monkeypatch):
    asked = []

    async def looked_up(host):
        return "93.184.216.34"

    async def answer(transport, request):
        asked.append((request.url.host, request.headers["Host"]))
        return httpx.Response(200, content=b"")

    monkeypatch.setattr(safehttpx, "async_validate_url", looked_up)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
    fetch("http://example.org/a.png")
    assert asked == [("93.184.216.34", "example.org")]


def test_an_address_that_does_not_answer_is_one_sentence():
    with pytest.raises(gr.Error, match=r"^'The download of the picture failed: send"):
        fetch(f"http://{PUBLIC}:9/a.png")


def test_over_rest_a_picture_is_labelled_and_a_refusal_leaves_no_file(site):
    with endpoints(None) as url:
        client = Client(url, verbose=False)

        def segment(address):
            sent = {"picture": handle_file(address), "short_side": SHORT_SIDE}
            return client.predict(**sent, api_name="/segment")

        assert "table" in segment(f"{site}/photo.png")[0]
        for address in (f"{site}/endless.png", "http://127.0.0.1/x.png", f"{site}/missing.png"):
            with pytest.raises(AppError) as told:
                segment(address)
            assert "\n" not in str(told.value)
            assert "Traceback" not in str(told.value)
        folder = processing_utils.Path(get_upload_folder())
        assert not list(folder.rglob("endless.png"))
        assert not list(folder.rglob("missing.png"))
