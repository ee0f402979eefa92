"""What the live edition costs a visitor, in a real browser: ``python -m benchmarks.live FOLDER``.

FOLDER is what ``python -m analysis live`` wrote. It is served from the loopback and opened in the
system's Chromium, on one thread, without a cache; prints a Markdown table. Beside the wall clock,
which a busy machine makes longer, stands the processor time of the page. Needs
requirements-dev.txt.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.page import MOVES, TIME_MOVES

PATIENCE_MS = 300_000
EXAMPLES = ("kodim08_market_place_houses.jpg", "kodim22_barn_and_pond.jpg", "coffee.jpg")
HOST = "#workbench"

SOURCE = """async () => {
  const { BrowserSource } = await import("./web/browser_source.js");
  const facts = await (await fetch("live.json")).json();
  globalThis.lens = new BrowserSource(facts, new URL("./", location.href).href, 1);
  await lens.catalog("en");
  await lens.loaded;
}"""
LABEL = """async ([name, shortSide]) => {
  const photo = await (await fetch(`examples/${name}`)).blob();
  const { model, reach, windowSize } = (await lens.catalog("en")).first;
  const start = performance.now();
  await lens.open(photo, { model, reach, windowSize, shortSide });
  return (performance.now() - start) / 1000;
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Any static server."""

    def log_message(self, *arguments: object) -> None:
        """Say nothing of every file."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("folder", type=Path, help="what `python -m analysis live` wrote")
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement (default: 3)")
    options = parser.parse_args()
    print("| what | wall clock, median | longest | processor time, median |\n|---|---|---|---|")
    with serving(options.folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        open_pages(browser, address, options.rounds)
        label_pictures(browser, address, options.rounds)
        browser.close()


def open_pages(browser: Browser, address: str, rounds: int) -> None:
    """Time opening until the first picture is labelled and can be probed, and the moves there."""
    opened: list[tuple[float, float]] = []
    for _ in range(rounds):
        page = new_page(browser)
        opened.append(timed(browser, lambda page=page: until_ready(page, address)))
        if len(opened) < rounds:
            page.context.close()
    show("opening to a labelled picture that answers the probe", opened, "s")
    page.wait_for_timeout(5000)  # the blocks of all stages are fetched meanwhile
    page.evaluate(TIME_MOVES, [HOST, MOVES])  # compiled now
    moves = page.evaluate(TIME_MOVES, [HOST, MOVES])
    show(f"probe move, {MOVES} moves", [(each, float("nan")) for each in moves], "ms")
    page.context.close()


def until_ready(page: Page, address: str) -> float:
    """Open the page; return the seconds until it can be used."""
    page.goto(address)
    page.wait_for_selector("html[data-ready=yes]")
    return page.evaluate("performance.getEntriesByName('ready')[0].startTime") / 1000


def label_pictures(browser: Browser, address: str, rounds: int) -> None:
    """Time files to labels at two sizes, and tell the memory afterwards."""
    page = new_page(browser)
    page.goto(f"{address}live.json")
    page.evaluate(SOURCE)
    for side in (256, 384):
        found = []
        for name in EXAMPLES * rounds:
            found.append(timed(browser, lambda ask=(name, side): page.evaluate(LABEL, list(ask))))
        show(f"picture to labels, short side {side}", found, "s")
    print(f"| memory of the page after that | {memory_mb(browser):.0f} MB | | |")
    page.context.close()


def new_page(browser: Browser) -> Page:
    """Return a page of a visitor who has never been here."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(PATIENCE_MS)
    return context.new_page()


def timed(browser: Browser, work: Callable[[], float]) -> tuple[float, float]:
    """Return the seconds that ``work`` tells, and the processor time of all pages meanwhile."""
    before = processor_seconds(browser)
    seconds = work()
    return seconds, processor_seconds(browser) - before


def processor_seconds(browser: Browser) -> float:
    """Return the processor time that pages have used so far."""
    return sum(each["cpuTime"] for each in renderers(browser))


def memory_mb(browser: Browser) -> float:
    """Return what the largest page holds in memory of its own, in megabytes."""
    sizes = []
    for each in renderers(browser):
        text = Path(f"/proc/{each['id']}/smaps_rollup").read_text(encoding="ascii")
        (line,) = (line for line in text.splitlines() if line.startswith("Pss:"))
        sizes.append(int(line.split()[1]) * 1024 / 1e6)
    return max(sizes)


def renderers(browser: Browser) -> list[dict]:
    """Return what Chromium knows of the processes of pages."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return [each for each in found if each["type"] == "renderer"]


def show(what: str, found: list[tuple[float, float]], unit: str) -> None:
    """Print a row of the table."""
    walls, works = zip(*found, strict=True)
    work = median(works)
    said = "" if work != work else f"{work:.2f} s"
    print(f"| {what} | {median(walls):.2g} {unit} | {max(walls):.2g} {unit} | {said} |", flush=True)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder from the loopback until the end; give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


if __name__ == "__main__":
    main()
