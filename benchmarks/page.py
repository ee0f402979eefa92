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
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "assets" / "examples"
PHOTOS = EXAMPLES / "chelsea_cat.jpg", EXAMPLES / "coffee.jpg"
LARGE = 4000, 3000
SETTLED_SECONDS = 3.0
"""In which the page gets all that it loads of a picture without being asked."""

VIEWPORT = {"width": 1280, "height": 860}
MOVES = 200
HOST = ".lens-workbench"
PATIENCE_MS = 120_000

# Milliseconds until everything is drawn and laid out, for moves over the picture. The events are
# made here, so it times the drawing only: not the browser's way from the pointer to the event.
TIME_MOVES = """([host, moves]) => {
  const stage = document.querySelector(host).shadowRoot.querySelector(".stage");
  const box = stage.getBoundingClientRect();
  return Array.from({ length: moves }, (_, at) => {
    const clientX = box.left + box.width * ((at * 0.618) % 1);
    const clientY = box.top + box.height * ((at * 0.381) % 1);
    const start = performance.now();
    stage.dispatchEvent(
      new PointerEvent("pointermove", { clientX, clientY, pointerType: "mouse", bubbles: true }),
    );
    stage.getBoundingClientRect();
    return performance.now() - start;
  });
}"""

# Milliseconds from marking a pixel until a live layer answers about it, first and in full: an
# effect comes before its controls, a map on the way before the last one.
TIME_LAYER = """([layer, x, y]) => new Promise((done) => {
  const { bench } = document.querySelector(".lens-workbench");
  const { width, height } = bench.store.state.picture;
  bench.store.set({ layer });
  let first = null;
  const start = performance.now();
  bench.store.set({ place: { x: Math.floor(x * width), y: Math.floor(y * height) } });
  const look = () => {
    const { status, partial } = bench.slot();
    const taken = performance.now() - start;
    if (partial?.layer || partial?.map) first ??= taken;
    if (status === "done" || status === "failed") done([first ?? taken, taken]);
    else setTimeout(look, 2);
  };
  look();
})"""

LIVE = """() => document.querySelector(".lens-workbench").bench.catalog().layers
  .filter((kind) => kind.live).map((kind) => kind.id)"""

READY = "() => document.querySelector('.lens-workbench')?.bench"
KEY = "() => document.querySelector('.lens-workbench').bench.store.state.picture.key"

FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement (default: 5)")
    rounds = parser.parse_args().rounds
    print("| what | median | 95th percentile |\n|---|---|---|")
    with (
        large_photos() as (large, turned),
        serving() as (address, start_seconds),
        sync_playwright() as playwright,
    ):
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
        for what, photos, seconds in (
            ("upload to labels", PHOTOS, SETTLED_SECONDS),
            ("the same, right after another", PHOTOS, 0),
            ("upload of 12 megapixels to labels", (large, turned), SETTLED_SECONDS),
        ):
            took = [upload(page, photos[at % 2], seconds) for at in range(rounds + 1)]
            show(what, took[1:], "s")
        upload(page, PHOTOS[0], SETTLED_SECONDS)  # what follows is about a photo of usual size
        page.evaluate(TIME_MOVES, [HOST, 20])  # the first moves are compiled
        show(f"probe move, {MOVES} moves", page.evaluate(TIME_MOVES, [HOST, MOVES]), "ms")
        for layer in page.evaluate(LIVE):
            first, whole = zip(*clicks(page, layer, rounds), strict=True)
            show(f"click to the layer {layer}", first, "ms")
            if first != whole:
                show(f"click to all of the layer {layer}", whole, "ms")
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
    page.wait_for_function(READY)


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
    page.wait_for_function(READY)
    labelled = time.perf_counter() - start
    page.wait_for_timeout(2000)  # what is fetched when all is shown
    painted = page.evaluate(FIRST_PAINT) / 1000
    context.close()
    return painted, labelled, sum(sizes) / 1e6


@contextmanager
def large_photos() -> Iterator[tuple[Path, Path]]:
    """Make two photos as large as those of phones, with as much noise; yield their files."""
    noise = np.random.default_rng(0).normal(0, 6, (LARGE[1], LARGE[0], 3))
    with TemporaryDirectory() as folder, Image.open(PHOTOS[1]) as photo:
        pixels = np.asarray(photo.convert("RGB").resize(LARGE, Image.Resampling.BICUBIC))
        pixels = (pixels + noise).clip(0, 255).astype(np.uint8)
        files = Path(folder, "large.jpg"), Path(folder, "turned.jpg")
        for file, turned in zip(files, (pixels, pixels[::-1]), strict=True):
            Image.fromarray(turned).save(file, quality=92)
        yield files


def upload(page: Page, file: Path, settled_seconds: float) -> float:
    """Return the seconds from giving a photo to its labels being shown, after so long a rest."""
    page.wait_for_timeout(1000 * settled_seconds)
    before = page.evaluate(KEY)
    start = time.perf_counter()
    page.locator(".lens-workbench .top input[type=file]").set_input_files(file)
    page.wait_for_function(f"(before) => ({KEY})() !== before", arg=before, timeout=PATIENCE_MS)
    return time.perf_counter() - start


def clicks(page: Page, layer: str, rounds: int) -> list[tuple[float, float]]:
    """Return the milliseconds from marking pixels to the first and the last of a live layer."""
    places = [((at * 0.618) % 1, (at * 0.381) % 1) for at in range(1, 4 * rounds + 2)]
    return [tuple(page.evaluate(TIME_LAYER, [layer, *place])) for place in places][1:]


if __name__ == "__main__":
    main()
