"""What the page costs a visitor, in a real browser: ``python -m benchmarks.page [--rounds N]``.

Starts ``app.py`` with the bundled model in a process of its own, opens it in the system's Chromium
without a cache, and prints a Markdown table. Times include the browser, the local network and the
queue; they are wall clock, so a busy machine makes them longer. Needs requirements-dev.txt.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
PHOTOS = ("chelsea_cat.jpg", "coffee.jpg")
VIEWPORT = {"width": 1280, "height": 860}
MOVES = 200
PATIENCE_MS = 120_000

# Milliseconds until everything is drawn and laid out, for moves over the picture. The events are
# made here, so it times the drawing only: not the browser's way from the pointer to the event.
TIME_MOVES = """(moves) => {
  const frame = document.querySelector("#lens .frame.main");
  const box = frame.getBoundingClientRect();
  return Array.from({ length: moves }, (_, at) => {
    const clientX = box.left + box.width * ((at * 0.618) % 1);
    const clientY = box.top + box.height * ((at * 0.381) % 1);
    const start = performance.now();
    frame.dispatchEvent(
      new PointerEvent("pointermove", { clientX, clientY, pointerType: "mouse", bubbles: true }),
    );
    frame.getBoundingClientRect();
    return performance.now() - start;
  });
}"""

# Milliseconds from the click until the values on the page are the exact ones.
TIME_CLICK = """([across, down]) => new Promise((done) => {
  const lens = document.querySelector("#lens [data-shown]");
  const frame = document.querySelector("#lens .frame.main");
  const box = frame.getBoundingClientRect();
  const clientX = box.left + box.width * across, clientY = box.top + box.height * down;
  const start = performance.now();
  new MutationObserver((_, watch) => {
    if (!lens.dataset.exact) return;
    watch.disconnect();
    done(performance.now() - start);
  }).observe(lens, { attributeFilter: ["data-exact"] });
  frame.dispatchEvent(new MouseEvent("click", { clientX, clientY, bubbles: true }));
})"""

FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement (default: 5)")
    rounds = parser.parse_args().rounds
    print("| what | median | 95th percentile |\n|---|---|---|")
    with serving() as (address, start_seconds), sync_playwright() as playwright:
        show("start of the process to the page being served", [start_seconds], "s")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        loads = [first_load(browser, address) for _ in range(rounds)]
        for name, values, unit in zip(
            ("opening to first paint", "opening to a labelled picture", "page weight, transferred"),
            zip(*loads, strict=True),
            ("s", "s", "MB"),
            strict=True,
        ):
            show(name, values, unit)
        page = browser.new_page(viewport=VIEWPORT)
        open_page(page, address)
        uploads = [upload(page, PHOTOS[number % len(PHOTOS)]) for number in range(rounds + 1)]
        show("upload to labels", uploads[1:], "s")
        moves, clicks = probe(page, rounds)
        show(f"probe move, {MOVES} moves", moves, "ms")
        show("click to exact values", clicks, "ms")
        browser.close()


def show(name: str, values: list[float] | tuple[float, ...], unit: str) -> None:
    """Print a row."""
    p50, p95 = np.percentile(values, [50, 95])
    print(f"| {name} | {p50:.3g} {unit} | {p95:.3g} {unit} |", flush=True)


@contextmanager
def serving() -> Iterator[tuple[str, float]]:
    """Run the app; yield its address and the seconds until it was served."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "app.py", "--host", "127.0.0.1", "--port", str(port)]
    start = time.perf_counter()
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True)
    try:
        next(line for line in server.stdout if address in line)
        yield address, time.perf_counter() - start
    finally:
        server.terminate()
        server.wait()


def open_page(page: Page, address: str) -> None:
    """Open the page and wait until the first example is labelled and every control is there."""
    page.goto(address)
    page.wait_for_selector("[data-shown]", state="attached")
    page.wait_for_selector("#photo input[type=file]", state="attached")


def first_load(browser: Browser, address: str) -> tuple[float, float, float]:
    """Return seconds to first paint and to a labelled picture, and megabytes, without a cache."""
    context = browser.new_context(viewport=VIEWPORT)
    page = context.new_page()
    sizes: list[int] = []
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("[data-shown]", state="attached")
    labelled = time.perf_counter() - start
    page.wait_for_selector("#photo input[type=file]", state="attached")
    page.wait_for_timeout(2000)  # what is fetched when all is shown
    painted = page.evaluate(FIRST_PAINT) / 1000
    context.close()
    return painted, labelled, sum(sizes) / 1e6


def upload(page: Page, name: str) -> float:
    """Return the seconds from giving a photo to its labels being shown."""
    before = page.get_attribute("#viewer [data-shown]", "data-shown")
    start = time.perf_counter()
    page.set_input_files("#photo input[type=file]", ROOT / "assets" / "examples" / name)
    shown = f'#viewer [data-shown]:not([data-shown="{before}"])'
    page.wait_for_selector(shown, state="attached", timeout=PATIENCE_MS)
    return time.perf_counter() - start


def probe(page: Page, rounds: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of probe moves and of clicks for exact values in the lens."""
    page.get_by_role("tab").nth(1).click()
    page.wait_for_selector("#lens [data-shown]", state="attached", timeout=PATIENCE_MS)
    expect(page.locator("#lens .pending")).to_have_count(0)
    page.evaluate(TIME_MOVES, 20)  # the first moves are compiled
    moves = page.evaluate(TIME_MOVES, MOVES)
    places = [((at * 0.618) % 1, (at * 0.381) % 1) for at in range(1, 4 * rounds + 2)]
    clicks = [page.evaluate(TIME_CLICK, place) for place in places]
    return moves, clicks[1:]


if __name__ == "__main__":
    main()
