"""What a visitor does on the page in every browser test."""

import re
import time

QUIET_SECONDS = 2
IDLE = """() => new Promise((done) =>
  requestIdleCallback(() => setTimeout(() => requestIdleCallback(done), 50)))"""


def open_tab(page, name):
    """Go to a tab of the fold below the workbench and wait until it is filled."""
    fold = page.locator("#researcher > button")
    if not page.locator("#tabs").is_visible():
        fold.click()
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


class Workbench:
    """What a visitor sees and does on the workbench of a ``page``."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator("#workbench .lens-workbench")
        self.stage = self.root.locator(".stage")
        self.answer = self.root.locator("[data-part=answer]")
        self.result = self.root.locator("[data-part=result]")
        self.message = self.root.locator(".message")

    def state(self, name):
        """Return something of the one selection, a path below its state."""
        return self.root.evaluate(f"host => host.bench.store.state.{name}")

    def wait_for(self, condition):
        """Wait until ``condition``, JavaScript on ``state``, holds."""
        self.page.wait_for_function(
            "() => { const { state } = document.querySelector('.lens-workbench').bench.store;"
            f" return {condition}; }}"
        )

    def at(self, across, down):
        box = self.stage.bounding_box()
        return box["x"] + across * box["width"], box["y"] + down * box["height"]

    def hover(self, across, down):
        self.page.mouse.move(*self.at(across, down))

    def click(self, across, down):
        self.page.mouse.click(*self.at(across, down))

    def leave(self):
        self.page.mouse.move(2, 2)

    def mark(self, x, y):
        """Mark a pixel of the picture, wherever it is on the screen."""
        self.root.evaluate(f"host => host.bench.store.set({{place: {{x: {x}, y: {y}}}}})")

    def layer(self, name):
        self.root.locator(f"[data-layer={name}]").click()

    def tile(self, stage):
        return self.root.locator(f".tile[data-stage='{stage}']")

    def pixel(self):
        """Return the pixel (x, y) the answer says it is about."""
        words = self.answer.locator(".where").inner_text()
        return tuple(int(number) for number in re.findall(r"\d+", words)[:2])

    def reach(self, name):
        """Label anew in a reach, and wait until that is shown."""
        self.root.locator(f".top [data-reach={name}]").click()
        self.wait_for(f"state.picture.setting.reach === '{name}'")

    def upload(self, file):
        """Give a file, and wait until it is shown."""
        before = self.state("picture.key")
        self.give(file)
        self.wait_for(f"state.picture.key !== '{before}'")

    def give(self, file):
        self.root.locator(".top input[type=file]").set_input_files(file)

    def example(self, name):
        """Choose an example from the menu, and wait until it is shown."""
        self.root.locator(".top [data-part=picture]").click()
        self.root.locator(f"[data-example='{name}']").click()
        self.wait_for(f"state.picture.example === '{name}'")

    def compare(self, with_what):
        self.root.locator("[data-part=compare]").click()
        self.root.locator(f"[data-compare='{with_what}']").click()
