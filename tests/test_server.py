"""The served page: health, figures, logs, guards, and life behind a proxy."""

import json
import logging
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gradio as gr
import httpx
import pytest
from processes import wait_for
from prometheus_client.parser import text_string_to_metric_families
from serving import serving

from ui.host import logs, metrics
from ui.host.settings import Settings
from ui.server import launch_options

ROOT = Path(__file__).parent.parent
AUTH = ("ann", "s3:cret")
KINDS = {"upload": "multipart/form-data; boundary=x", "queue/join": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    flags = ("--log-level", "info", "--upload-bytes", "65536", "--root-path", "/lens")
    with serving(tmp_path_factory.mktemp("server"), *flags) as server:
        yield server


@pytest.fixture(scope="module")
def locked():
    """The address of a page behind a password, with nothing on it."""
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Markdown("Nothing")
    options = launch_options(page, Settings(auth=":".join(AUTH)))
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, **options)
    with httpx.Client(base_url=url) as visitor:
        yield visitor
    page.close(verbose=False)


def documented_headers():
    """The headers that the nginx example sets, as (name, variable)."""
    example = (ROOT / "docs" / "hosting.md").read_text().partition("location /lens/")[2]
    return re.findall(r"proxy_set_header (\S+) (\S+);", example.partition("```")[0])


@pytest.fixture
def proxy(server):
    """A reverse proxy that serves the page below /lens and strips that, as the nginx example.

    It listens on a port that is not 80 and sets the headers of the example.
    """

    class Forward(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self):
            assert self.path.startswith("/lens/"), self.path
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            variables = {
                "$http_host": self.headers["host"],
                "$host": self.headers["host"].partition(":")[0],
                "$scheme": "http",
                "$proxy_add_x_forwarded_for": self.client_address[0],
            }
            headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            headers |= {name: variables[value] for name, value in documented_headers()}
            answer = httpx.request(
                self.command,
                server.url + self.path.removeprefix("/lens"),
                headers=headers,
                content=body,
                timeout=60,
            )
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("content-type", ""))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = forward

        def log_message(self, *args):
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Forward)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{proxy.server_port}/lens"
    proxy.shutdown()
    proxy.server_close()


def figures(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_health_is_one_word(server):
    answer = server.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_requests_are_counted_by_the_pattern_of_their_route(server):
    before = figures(server.get("/metrics").text)
    server.get("/healthz")
    server.get("/a/private/name.jpg")
    server.get("/web/api/catalog")
    httpx.post(server.url + "/api/private", timeout=60)
    httpx.request("BREW", server.url + "/coffee")
    after = figures(server.get("/metrics").text)
    name = "uniformer_lens_requests_total"
    health = (name, "GET", "/healthz", "200")
    assert after[health] == before[health] + 1
    assert after[name, "GET", "/web/api/catalog", "200"] == 1
    assert after[name, "POST", "/api/{name}", "404"] == 1
    assert after[name, "other", "unknown", "404"] == 1
    assert not any("private" in str(key) for key in after)
    assert after["uniformer_lens_queue_waiting",] == 0


def test_logs_are_json_and_hold_no_path_query_or_address(server):
    server.get("/gradio_api/file=/secret/holiday.jpg?token=abc")
    wait_for(lambda: "file={path_or_url:path}" in server.output.read_text())
    lines = [line for line in server.output.read_text().splitlines() if line.startswith("{")]
    requests = [entry for entry in map(json.loads, lines) if entry["message"] == "request"]
    assert {"time", "level", "logger", "method", "route", "status", "seconds"} <= set(requests[-1])
    for word in ("holiday", "secret", "abc", "127.0.0.1:"):
        assert not any(word in line for line in lines)


def test_the_start_says_where_the_page_is_and_advises_nothing_that_cannot_be_done(server):
    said = [line for line in server.output.read_text().splitlines() if not line.startswith("{")]
    assert f"The page is at {server.url}/ until this is stopped (Ctrl-C)." in said
    assert not any("share" in line for line in said)


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("route", KINDS)
def test_too_large_a_request_is_refused_in_one_sentence(server, announced, route):
    start = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    body = start + bytes(300_000)
    answer = httpx.post(
        f"{server.url}/gradio_api/{route}",
        content=body if announced else (body[i : i + 1000] for i in range(0, len(body), 1000)),
        headers={"Content-Type": KINDS[route]},
    )
    assert answer.status_code == 413
    sentence = answer.json()["detail"]
    assert sentence == "This server takes at most 65536 bytes at once: make it smaller."


def test_page_works_below_a_path_behind_a_proxy(server, proxy):
    assert {"Host", "X-Forwarded-Host", "X-Forwarded-Proto"} <= dict(documented_headers()).keys()
    page = httpx.get(proxy + "/", timeout=60)
    assert page.is_success
    config = httpx.get(proxy + "/config").json()
    assert config["root"] == proxy
    linked = re.findall(r'(?:src|href)="(/?[^"#:]+|http[^"]+)"', page.text)
    own = [link for link in linked if link.startswith((proxy, "/lens/", "./", "assets"))]
    assert own, linked
    for link in own:
        address = httpx.URL(proxy + "/").join(link)
        assert httpx.get(address).is_success, link
    upload = httpx.post(proxy + "/gradio_api/upload", files={"files": ("a.png", b"1234")})
    stored = upload.json()[0]
    assert httpx.get(f"{proxy}/gradio_api/file={stored}").content == b"1234"


def test_password_guards_the_page_and_the_figures_but_not_health(locked):
    assert locked.get("/healthz").is_success
    assert locked.get("/config").status_code == 401
    assert locked.get("/metrics").status_code == 401
    assert locked.get("/metrics", auth=(AUTH[0], "guess")).status_code == 401
    assert locked.get("/metrics", auth=AUTH).is_success
    data = {"username": AUTH[0], "password": AUTH[1]}
    with httpx.Client(base_url=locked.base_url) as visitor:
        assert visitor.post("/login", data=data).is_success
        assert visitor.get("/config").is_success


def test_what_asks_for_no_password_is_off_where_there_is_one(locked):
    assert locked.get("/gradio_api/mcp/schema").status_code == 404


def test_failure_is_logged_with_its_lines_of_code_and_without_its_message():
    stream = []

    class Lines(logging.Handler):
        def emit(self, record):
            stream.append(logs.JsonFormatter().format(record))

    log = logging.getLogger("ui.test")
    log.addHandler(Lines())
    try:
        raise OSError("holiday.jpg cannot be read")
    except OSError:
        log.exception("A page event failed.")
    entry = json.loads(stream[0])
    assert (entry["level"], entry["error"]) == ("error", "OSError")
    assert "test_failure_is_logged" in entry["trace"][0]
    assert "holiday" not in stream[0]


@pytest.mark.parametrize(
    ("error", "outcome"), [(None, "done"), (ValueError, "refused"), (KeyError, "failed")]
)
def test_actions_are_counted_by_outcome(error, outcome):
    def counted():
        sample = metrics.ACTIONS.labels("test", outcome)
        return sum(bucket.get() for bucket in sample._buckets)

    before = counted()
    if error is None:
        with metrics.measured("test"):
            pass
    else:
        with pytest.raises(error), metrics.measured("test"):
            raise error("words")
    assert counted() == before + 1
