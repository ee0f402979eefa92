"""The workbench in a real browser: one picture, always in view; every answer a layer on it."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from visiting import settle

from analysis import trace
from analysis.affinity.row_summary import affinity_row, row_statistics
from ui.service.examples import EXAMPLES
from uniformer import create_model

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


@pytest.fixture(scope="module")
def direct():
    """What the library says about the first example, without the page."""
    return trace(create_model("nano"), next(iter(EXAMPLES.values())).path)


class Workbench:
    """What a visitor sees and does."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator("#workbench .lens-workbench")
        self.stage = self.root.locator(".stage")
        self.answer = self.root.locator("[data-part=answer]")
        self.result = self.root.locator("[data-part=result]")

    def at(self, across, down):
        box = self.stage.bounding_box()
        return box["x"] + across * box["width"], box["y"] + down * box["height"]

    def hover(self, across, down):
        self.page.mouse.move(*self.at(across, down))

    def click(self, across, down):
        self.page.mouse.click(*self.at(across, down))

    def layer(self, name):
        self.root.locator(f"[data-layer={name}]").click()

    def tile(self, stage):
        return self.root.locator(f".tile[data-stage='{stage}']")

    def state(self, name):
        return self.root.evaluate(f"host => host.bench.store.state.{name}")

    def pixel(self):
        """The pixel (x, y) the answer says it is about."""
        words = self.answer.locator(".where").inner_text()
        return tuple(int(number) for number in re.findall(r"\d+", words)[:2])


@pytest.fixture
def bench(visit):
    """Return a function that opens the page with its first example."""

    def open_bench(**options):
        page = visit(**options)
        page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
        settle(page)
        return Workbench(page)

    return open_bench


def test_a_click_locks_one_pixel_and_only_escape_frees_it(bench):
    seen = bench()
    seen.hover(0.3, 0.3)
    before = seen.pixel()
    seen.hover(0.6, 0.7)
    assert seen.pixel() != before  # hovering previews
    seen.click(0.4, 0.5)
    locked = seen.pixel()
    seen.hover(0.7, 0.2)
    assert seen.pixel() == locked
    seen.page.mouse.move(2, 2)  # leaving the picture
    assert seen.pixel() == locked
    assert seen.state("place") == {"x": locked[0], "y": locked[1]}
    expect(seen.root.locator("[data-mark=locked]").first).to_be_visible()
    seen.stage.press("Escape")
    assert seen.state("place") is None
    expect(seen.root.locator("[data-mark=locked]")).to_have_count(0)


def test_leaving_an_unmarked_picture_keeps_no_exit_point(bench):
    seen = bench()
    home = seen.pixel()
    seen.hover(0.9, 0.9)
    assert seen.pixel() != home
    seen.page.mouse.move(2, 2)
    assert seen.pixel() == home


def test_tiles_show_the_numbers_of_the_library(bench, direct):
    seen = bench()
    seen.click(0.36, 0.5)
    x, y = seen.pixel()
    for stage, block in ((1, 1), (2, 2), (3, 5), (4, 1)):
        numbers = row_statistics(affinity_row(direct, stage, block, x, y)).of(None)
        far = float(seen.tile(stage).locator(".far b").inner_text().split()[0])
        assert far == pytest.approx(numbers["distance_picture_px"], rel=0.01)


def test_the_brightest_token_is_the_one_attended_most(bench, direct):
    seen = bench()
    seen.click(0.36, 0.5)
    seen.layer("stage-3")
    row = affinity_row(direct, 3, 5, *seen.pixel()).weight.mean(0)
    painted = seen.root.evaluate("""host => {
      const canvas = host.shadowRoot.querySelector(".pane canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return { width: canvas.width, data: [...data] };
    }""")
    pixels = np.array(painted["data"]).reshape(-1, painted["width"], 4)
    assert pixels.shape[:2] == row.shape
    brightness = pixels[..., :3] @ [0.299, 0.587, 0.114]
    assert brightness[np.unravel_index(row.argmax(), row.shape)] == brightness.max()
