"""What another web site cannot do through a visitor's browser, and what its host can allow it."""

from contextlib import contextmanager

import gradio as gr
import httpx
import pytest
from starlette.datastructures import Headers

from ui.host.browsers import answer_only, may_send
from ui.host.logins import TOO_MANY, TRIES
from ui.host.settings import Settings
from ui.server import launch_options

AUTH = ("ann", "s3:cret")
EVIL, FRIEND = "https://evil.example", "https://friend.example"
PATHS = ("/", "/config", "/healthz", "/gradio_api/info", "/static/none", "/nothing")


@contextmanager
def serving_nothing(**settings):
    """A visitor of an empty page behind a password."""
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Markdown("Nothing")
    options = launch_options(page, Settings(auth=":".join(AUTH), **settings))
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, **options)
    try:
        with httpx.Client(base_url=url) as visitor:
            yield visitor
    finally:
        page.close(verbose=False)
        answer_only(())


@pytest.fixture(scope="module")
def locked():
    with serving_nothing() as visitor:
        yield visitor


def own(visitor):
    return str(visitor.base_url).rstrip("/")


def log_in(visitor, password=AUTH[1], **headers):
    return visitor.post("/login", data={"username": AUTH[0], "password": password}, headers=headers)


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "http://localhost:1", "http://127.0.0.1.evil.example"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_no_page_of_another_origin_gets_an_answer(locked, origin, method):
    for path in (*PATHS, "/login", "/gradio_api/queue/join"):
        answer = locked.request(method, path, headers={"Origin": origin})
        assert answer.status_code == 403, path
        assert origin in answer.json()["detail"]
        assert "access-control-allow-origin" not in answer.headers


def test_another_origin_is_not_told_that_it_may_ask(locked):
    asks = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
    answer = locked.options("/gradio_api/queue/join", headers=asks)
    assert "access-control-allow-origin" not in answer.headers


def test_pages_of_this_server_and_programs_are_answered(locked):
    assert locked.get("/healthz").is_success
    assert locked.get("/healthz", headers={"Origin": own(locked)}).is_success


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ({"origin": EVIL, "host": "lens.example"}, False),
        ({"origin": "https://lens.example", "host": "lens.example"}, True),
        ({"origin": "https://lens.example:8443", "host": "lens.example"}, False),
        (
            {
                "origin": "https://lens.example",
                "host": "10.0.0.1",
                "x-forwarded-host": "lens.example",
            },
            True,
        ),
        ({"origin": FRIEND, "host": "lens.example", "sec-fetch-site": "cross-site"}, True),
        ({"origin": "null", "host": "null"}, False),
        # What a browser says of itself counts, also where a proxy changed the name.
        (
            {
                "origin": "https://lens.example",
                "host": "lens.example",
                "sec-fetch-site": "cross-site",
            },
            False,
        ),
        (
            {
                "origin": "https://a.lens.example",
                "host": "lens.example",
                "sec-fetch-site": "same-site",
            },
            False,
        ),
        (
            {"origin": "https://lens.example", "host": "10.0.0.1", "sec-fetch-site": "same-origin"},
            True,
        ),
    ],
)
def test_an_origin_is_own_or_allowed(headers, may):
    assert may_send(Headers(headers), {FRIEND}) is may


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", ""]
)
def test_a_name_of_another_site_that_points_here_gets_no_answer(locked, host):
    for path in PATHS:
        assert locked.get(path, headers={"Host": host}).status_code == 421, path


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:7860", "127.0.0.1", "[::1]:7860", "192.168.0.9"]
)
def test_addresses_and_names_of_this_computer_are_answered_to(locked, host):
    assert locked.get("/healthz", headers={"Host": host}).is_success


def test_names_are_those_the_host_gave_or_any_for_a_server_open_to_others():
    assert Settings().answers_to == frozenset()
    assert Settings(host="127.0.0.1").answers_to == frozenset()
    assert Settings(host="0.0.0.0").answers_to == {"*"}
    assert Settings(host="0.0.0.0", host_names="a.example,b").answers_to == {"a.example", "b"}


def test_every_answer_tells_browsers_what_they_may_do(locked):
    for path in PATHS:
        told = locked.get(path).headers
        assert told["x-content-type-options"] == "nosniff"
        assert told["cross-origin-resource-policy"] == "same-origin"
        policy = dict(part.split(" ", 1) for part in told["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == "'self'"
        assert policy["object-src"] == "'none'"
        assert not any("*" in where or "http" in where for where in policy.values())


def test_the_cookie_of_a_login_stays_with_this_site(locked):
    answer = log_in(locked)
    assert answer.is_success
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert cookie.lower().count("samesite") == 1
        assert "SameSite=Lax" in cookie
    locked.cookies.clear()


def test_guessing_passwords_is_slow_and_then_even_the_right_one_waits():
    with serving_nothing() as visitor:
        assert visitor.get("/metrics", auth=AUTH).is_success
        for number in range(TRIES):
            if number % 2:
                assert log_in(visitor, f"guess{number}").status_code == 400
            else:
                guess = (AUTH[0], f"guess{number}")
                assert visitor.get("/metrics", auth=guess).status_code == 401
        answer = log_in(visitor)
        assert (answer.status_code, answer.json()) == (429, {"detail": TOO_MANY})
        assert int(answer.headers["retry-after"]) > 0
        assert visitor.get("/metrics", auth=AUTH).status_code == 429
        assert visitor.get("/healthz").is_success


def test_a_host_can_allow_a_site_to_show_the_page_and_to_ask():
    with serving_nothing(origins=FRIEND, host_names="lens.example") as visitor:
        for origin, allowed in ((FRIEND, True), (EVIL, False)):
            answer = visitor.get("/healthz", headers={"Origin": origin})
            assert answer.is_success is allowed
            assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
        asks = {"Origin": FRIEND, "Access-Control-Request-Method": "POST"}
        preflight = visitor.options("/gradio_api/queue/join", headers=asks)
        assert preflight.headers["access-control-allow-origin"] == FRIEND
        told = visitor.get("/", headers={"Host": "lens.example"})
        assert f"frame-ancestors 'self' {FRIEND}" in told.headers["content-security-policy"]
        assert any(
            "samesite=none" in c.lower() for c in log_in(visitor).headers.get_list("set-cookie")
        )
        assert visitor.get("/", headers={"Host": "evil.example"}).status_code == 421
