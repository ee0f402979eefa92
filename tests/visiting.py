"""What a visitor does on the page in every browser test."""

import time

QUIET_SECONDS = 2
IDLE = """() => new Promise((done) =>
  requestIdleCallback(() => setTimeout(() => requestIdleCallback(done), 50)))"""


def open_tab(page, name):
    """Go to a tab and wait until it is filled."""
    tab = page.get_by_role("tab", name=name, exact=True)
    tab.click()
    tab.and_(page.locator("[aria-selected=true]")).wait_for()
    settle(page)
    page.wait_for_function("() => !document.querySelector('#tabs .pending')")


def settle(page):
    """Wait until everything the page asked has been answered and has led to nothing more.

    What has no end, such as a download that goes on, is waited for ``QUIET_SECONDS``.
    """
    sent = -1
    while len(page.sent) != sent:
        sent, give_up = len(page.sent), time.monotonic() + QUIET_SECONDS
        while page.unanswered and time.monotonic() < give_up:
            page.wait_for_timeout(20)
        page.evaluate(IDLE)
