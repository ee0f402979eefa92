"""Photograph the workbench for the README: python scripts/screenshots.py (or make screenshots)."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "assets" / "screenshots"
QUALITY = 82
PATIENCE_MS = 180_000

DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
LOOKS = {
    "light": DESKTOP | {"color_scheme": "light"},
    "dark": DESKTOP | {"color_scheme": "dark"},
    "phone": PHONE | {"color_scheme": "light"},
}
TOWER = (225, 205)
"""A pixel of the first example, on its tower."""

READY = "() => document.querySelector('.lens-workbench')?.bench"


def main() -> None:
    """Start the page, take the pictures and stop it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "app.py", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        next(line for line in server.stdout if address in line)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            for look in LOOKS:
                photograph(browser, address, look)
            browser.close()
    finally:
        server.terminate()
        server.wait()


def photograph(browser: Browser, address: str, look: str) -> None:
    """Take a picture of every view, each with something in it."""
    page = browser.new_page(**LOOKS[look])
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    page.wait_for_function(READY)
    for name, show in VIEWS.items():
        page.evaluate("scrollTo(0, 0)")
        show(page)
        page.mouse.move(0, 0)
        save(page, f"{name}-{look}")
    page.close()


def show_labels(page: Page) -> None:
    """Nothing marked yet: what a visitor sees first."""


def show_sure(page: Page) -> None:
    """How sure the model is, with a pixel marked."""
    choose(page, layer="confidence", place=TOWER)


def show_stages(page: Page) -> None:
    """Where the token of the tower looks in stage 3."""
    choose(page, layer="rows", stage=3, place=TOWER)


def show_compare(page: Page) -> None:
    """The same in two reaches."""
    page.locator("[data-part=compare]").click()
    page.locator("[data-compare=reach-window]").click()
    page.wait_for_function(f"{STATE}.other")


def show_group(group: str) -> Callable[[Page], None]:
    """Return what shows the first layer of a group, once it is answered."""

    def show(page: Page) -> None:
        choose(page, compare=None, other=None, place=TOWER)
        page.locator(f"[data-layer={group}]").click()
        start = page.locator("[data-part=result] [data-part=start]")
        page.wait_for_timeout(500)
        if start.count():
            start.click()
        page.locator("[data-part=result] .says").first.wait_for()

    return show


STATE = "document.querySelector('.lens-workbench').bench.store.state"

VIEWS: dict[str, Callable[[Page], None]] = {
    "labels": show_labels,
    "sure": show_sure,
    "stages": show_stages,
    "compare": show_compare,
    "field": show_group("field"),
    "why": show_group("why"),
    "if-hidden": show_group("whatif"),
}


def choose(page: Page, place: tuple[int, int], **patch: Any) -> None:
    """Change the selection as the page's own parts do."""
    patch["place"] = {"x": place[0], "y": place[1]}
    page.evaluate(
        "(patch) => document.querySelector('.lens-workbench').bench.store.set(patch)", patch
    )
    page.wait_for_timeout(1500)


def save(page: Page, name: str) -> None:
    """Write what is in sight, small enough for a repository."""
    page.wait_for_timeout(600)  # fonts, maps and bars come to rest
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
