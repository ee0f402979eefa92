"""A visitor's browser, for the tests that drive the page, and the app as a host runs it."""

from __future__ import annotations

import os
import shutil

import pytest
from serving import serving
from visiting import Workbench, settle

# Gradio tries one port after the other, and waits five seconds for one that another process has
# just taken: every process that runs tests beside others begins its search elsewhere.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
os.environ["GRADIO_SERVER_PORT"] = str(7860 + 100 * WORKER)

PATIENCE_MS = 60_000
"""For anything on the page to come about; a busy machine is no failure."""


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The app in a process of its own, as it is by default, for all tests that leave it running."""
    with serving(tmp_path_factory.mktemp("server"), "--log-level", "info") as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium, without a window."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    chromium = shutil.which("chromium")
    assert chromium, "The browser tests need Chromium: apt-get install chromium."
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def bundled():
    """The address of a page with its bundled weights, for all tests that only visit it."""
    import ui

    page = ui.build(ui.Settings())
    _, url, _ = ui.launch(page, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield url
    page.close(verbose=False)


@pytest.fixture(scope="module")
def untrained():
    """The address of a page in this process with random weights, for a module that patches it."""
    import torch

    import ui

    torch.manual_seed(0)
    page = ui.build(ui.Settings(weights=None))
    _, url, _ = ui.launch(page, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield url
    page.close(verbose=False)


@pytest.fixture
def bench(visit):
    """Return the workbench of the module's ``address``, once all of the page is there."""
    page = visit()
    settle(page)
    return Workbench(page)


@pytest.fixture
def visit(browser, address):
    """Open the page at the module's ``address`` in a fresh context.

    Every request the page sends is in ``page.sent`` and until it is answered in
    ``page.unanswered``, but for Gradio's that stays open; every error on it in ``page.errors``.
    """
    contexts = []

    def waits(request):
        return "/heartbeat/" not in request.url

    def open_page(**options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}} | options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.sent, page.unanswered, page.errors = [], set(), []
        page.on("request", lambda request: page.sent.append(request.url))
        page.on("request", lambda request: waits(request) and page.unanswered.add(request))
        for answer in ("requestfinished", "requestfailed"):
            page.on(answer, lambda request: page.unanswered.discard(request))
        page.on("pageerror", lambda error: page.errors.append(error))
        page.goto(address)
        page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
        settle(page)
        return page

    yield open_page
    for context in contexts:
        errors = [str(error) for page in context.pages for error in page.errors]
        context.close()
        assert errors == []
