"""Photograph every tab for the README: python scripts/screenshots.py (or make screenshots)."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "assets" / "screenshots"
QUALITY = 82
PATIENCE_MS = 180_000

DESKTOP = {"viewport": {"width": 1280, "height": 1080}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
LOOKS = {
    "light": DESKTOP | {"color_scheme": "light"},
    "dark": DESKTOP | {"color_scheme": "dark"},
    "phone": PHONE | {"color_scheme": "light"},
}
VIEWS = {
    "depth": "depth",
    "fields": "fields",
    "why": "attribute",
    "what-if": "what-if",
    "compare": "compare",
}
"""The tabs that answer a question, and what the ids of their buttons and cards begin with."""

TOWER = (0.35, 0.48)
"""A place in the first example, as fractions of its sides; the lens asks about it."""


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
    """Take a picture of every tab, each with something in it."""
    page = browser.new_page(**LOOKS[look])
    page.goto(address)
    page.wait_for_selector("[data-shown]", state="attached")
    page.wait_for_selector("#photo input[type=file]", state="attached")
    page.wait_for_timeout(1500)
    names = [tab.get_attribute("data-tab-id") for tab in page.locator("#tabs [role=tab]").all()]
    for name in names:
        page.evaluate("scrollTo(0, 0)")
        page.locator(f"#tabs [data-tab-id={name}]").click()
        page.wait_for_timeout(1500)
        if name == "segment":
            show_segment(page, look)
        elif name == "lens":
            show_lens(page, look)
        elif name in VIEWS:
            show_answer(page, VIEWS[name], look)
        save(page, f"{name}-{look}")
    page.close()


def show_segment(page: Page, look: str) -> None:
    """Point at the tower; in the dark, see one class alone."""
    if look == "dark":
        page.locator(".class-row").nth(1).click()
    if look != "phone":
        point(page, *TOWER, '#viewer [data-part="stage"]')


def show_lens(page: Page, look: str) -> None:
    """Ask for the exact values at the tower; in the dark, with two pins to compare."""
    page.wait_for_selector("#lens [data-shown]", state="attached", timeout=PATIENCE_MS)
    if look == "dark":
        for place in ((0.3, 0.55), (0.75, 0.9)):
            point(page, *place, "#lens .main")
            page.locator("#lens .main").press("p")
    box = page.locator("#lens .main").bounding_box()
    page.mouse.click(box["x"] + TOWER[0] * box["width"], box["y"] + TOWER[1] * box["height"])
    page.wait_for_selector("#lens .is-exact", timeout=PATIENCE_MS)
    if look == "phone":
        page.locator('#lens [data-stage="3"]').scroll_into_view_if_needed()


def show_answer(page: Page, view: str, look: str) -> None:
    """Ask the question of a tab; on a phone, show its answer."""
    if view == "attribute":
        page.get_by_label("Method", exact=True).click()
        page.get_by_role("option", name="Grad-CAM", exact=True).click()
    page.locator(f"#{view}-ask").click()
    answer = page.locator(f"#{view}-card .answer").first
    answer.wait_for(timeout=PATIENCE_MS)
    page.mouse.move(0, 0)
    if look == "phone":
        answer.evaluate("node => node.scrollIntoView()")


def point(page: Page, x: float, y: float, picture: str) -> None:
    """Put the cursor on the picture; ``x`` and ``y`` run from 0 to 1."""
    box = page.locator(picture).bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def save(page: Page, name: str) -> None:
    """Write what is in sight, small enough for a repository."""
    page.wait_for_timeout(600)  # fonts, maps and bars come to rest
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
