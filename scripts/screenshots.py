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
TALL = {"width": 1440, "height": 1280}
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
    """Take three pictures of each tab: light, dark and on a phone."""
    page = visit(browser, address, DESKTOP, "light")
    point(page, 0.66, 0.4)
    page.screenshot(path=FOLDER / "segment-light.png")
    page = visit(browser, address, DESKTOP, "dark")
    page.locator(".class-row").nth(1).click()
    point(page, 0.3, 0.75)
    page.screenshot(path=FOLDER / "segment-dark.png")
    page = visit(browser, address, PHONE, "light", device_scale_factor=2)
    page.screenshot(path=FOLDER / "segment-phone.png")
    photograph_lens(browser, address)


def photograph_lens(browser: Browser, address: str) -> None:
    """Take the lens: a probe in the light, pins and exact values in the dark, a phone."""
    page = visit(browser, address, DESKTOP, "light", tab="lens")
    point(page, 0.55, 0.35, "#lens .main")
    page.screenshot(path=FOLDER / "lens-light.png")
    page = visit(browser, address, TALL, "dark", tab="lens")
    for x, y in ((0.5, 0.2), (0.4, 0.8)):
        point(page, x, y, "#lens .main")
        page.locator("#lens .main").press("p")
    box = page.locator("#lens .main").bounding_box()
    page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"])
    page.wait_for_selector("#lens .is-exact")
    page.screenshot(path=FOLDER / "lens-dark.png")
    page = visit(browser, address, PHONE, "light", tab="lens", device_scale_factor=2)
    page.locator('#lens [data-stage="3"]').scroll_into_view_if_needed()
    page.screenshot(path=FOLDER / "lens-phone.png")


def visit(
    browser: Browser,
    address: str,
    size: dict,
    scheme: str,
    tab: str = "segment",
    **options: object,
) -> Page:
    """Open the page at ``tab`` and wait until the first example and every part are there."""
    page = browser.new_page(viewport=size, color_scheme=scheme, **options)
    page.goto(address)
    page.wait_for_selector("[data-shown]", state="attached")
    page.wait_for_selector("#photo input[type=file]", state="attached")
    if tab != "segment":
        page.get_by_role("tab", name=tab, exact=False).click()
        page.wait_for_selector(f"#{tab} [data-shown]", state="attached")
    page.wait_for_timeout(1000)
    return page


def point(page: Page, x: float, y: float, picture: str = '[data-part="stage"]') -> None:
    """Put the cursor on the picture; ``x`` and ``y`` run from 0 to 1."""
    box = page.locator(picture).bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_timeout(200)


if __name__ == "__main__":
    main()
