"""A visitor's browser, for the tests that drive the page."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    assert chromium, "The browser tests need Chromium: apt-get install chromium."
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """Open the page at the module's ``address`` in a fresh context.

    Every request the page sends is in ``page.sent``, every error on it in ``page.errors``.
    """
    contexts = []

    def open_page(**options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}} | options)
        contexts.append(context)
        page = context.new_page()
        page.sent, page.errors = [], []
        page.on("request", lambda request: page.sent.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(error))
        page.goto(address)
        page.wait_for_selector("[data-shown]", state="attached")
        page.wait_for_selector("#photo input[type=file]", state="attached")
        settle(page)
        return page

    yield open_page
    for context in contexts:
        errors = [str(error) for page in context.pages for error in page.errors]
        context.close()
        assert errors == []


def settle(page):
    """Wait until the page sends nothing more; one request, Gradio's, stays open."""
    before = -1
    while len(page.sent) != before:
        before = len(page.sent)
        page.wait_for_timeout(400)
