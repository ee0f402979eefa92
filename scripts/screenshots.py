"""Photograph the page for the README: python scripts/screenshots.py (or make screenshots)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "assets" / "screenshots"
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


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
            photograph(browser, address)
            browser.close()
    finally:
        server.terminate()
        server.wait()


def photograph(browser: Browser, address: str) -> None:
    """Take the three pictures of the segment tab."""
    page = visit(browser, address, DESKTOP, "light")
    point(page, 0.66, 0.4)
    page.screenshot(path=FOLDER / "segment-light.png")
    page = visit(browser, address, DESKTOP, "dark")
    page.locator(".class-row").nth(1).click()
    point(page, 0.3, 0.75)
    page.screenshot(path=FOLDER / "segment-dark.png")
    page = visit(browser, address, PHONE, "light", device_scale_factor=2)
    page.screenshot(path=FOLDER / "segment-phone.png")


def visit(browser: Browser, address: str, size: dict, scheme: str, **options: object) -> Page:
    """Open the page and wait until the first example and every part of the page are there."""
    page = browser.new_page(viewport=size, color_scheme=scheme, **options)
    page.goto(address)
    page.wait_for_selector("[data-shown]", state="attached")
    page.wait_for_selector("#photo input[type=file]", state="attached")
    page.wait_for_timeout(1000)
    return page


def point(page: Page, x: float, y: float) -> None:
    """Put the cursor on the picture; ``x`` and ``y`` run from 0 to 1."""
    box = page.locator('[data-part="stage"]').bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_timeout(200)


if __name__ == "__main__":
    main()
