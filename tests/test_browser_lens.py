"""The lens in a real browser: what a visitor sees of a probe, and what it costs."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from visiting import open_tab, settle

from analysis import row_statistics, trace
from analysis.affinity.row_summary import affinity_row
from analysis.report.messages import LENS
from benchmarks.page import MOVES, TIME_MOVES
from ui.messages import page as text
from ui.messages.page import LENS_TAB
from ui.service.examples import EXAMPLES
from uniformer import create_model

pytestmark = pytest.mark.browser

ROUNDS = 5
FRAME_MS = 1000 / 60


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


@pytest.fixture(scope="module")
def direct():
    """What the library says about the first example, without the page."""
    return trace(create_model("nano"), next(iter(EXAMPLES.values())).path)


@pytest.fixture
def lens(visit):
    """Return a function that opens the page at the lens."""

    def open_lens(**options):
        page = visit(**options)
        open_tab(page, LENS_TAB)
        page.wait_for_selector("#lens [data-shown]", state="attached")
        page.sent.clear()
        return page

    return open_lens


def frame_of(page):
    return page.locator("#lens .frame.main")


def panel_of(page, stage):
    return page.locator(f'#lens [data-stage="{stage}"]')


def value_of(page, stage, name):
    return panel_of(page, stage).locator(f'[data-value="{name}"]').inner_text()


def probe_of(page):
    """Return the pixel (x, y) the page says it probes."""
    shown = page.locator('#lens [data-part="at"]').inner_text()
    return tuple(int(number) for number in re.findall(r"\d+", shown))


def heat_of(page, stage, part="heat"):
    """Return the map of a stage as it is painted, uint8 RGBA, one pixel per token."""
    canvas = panel_of(page, stage).locator(f'[data-part="{part}"]')
    data = canvas.evaluate("canvas => canvas.toDataURL('image/png')").split(",")[1]
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.array(image.convert("RGBA"))


def point(page, across, down):
    box = frame_of(page).bounding_box()
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])


def numbers_of(traced, stage, block, x, y, head=None):
    """Return the numbers of the row of a pixel."""
    return row_statistics(affinity_row(traced, stage, block, x, y)).of(head)


def test_hover_redraws_all_stages_without_a_request(lens, direct):
    page = lens()
    point(page, 0.7, 0.3)
    before = {stage: heat_of(page, stage) for stage in (3, 4)}
    local = {stage: heat_of(page, stage, "contribution") for stage in (1, 2)}
    kernel = heat_of(page, 1, "kernel")
    point(page, 0.3, 0.8)
    for stage in (3, 4):
        assert heat_of(page, stage).shape[:2] == direct.grid(stage).shape
        assert (heat_of(page, stage) != before[stage]).any()
    x, y = probe_of(page)
    for stage, block in ((3, 5), (4, 1)):
        numbers = numbers_of(direct, stage, block, x, y)
        assert value_of(page, stage, "distance") == f"{numbers['distance_picture_px']:.0f} px"
        assert value_of(page, stage, "entropy") == f"{numbers['entropy']:.2f}"
    for stage in (1, 2):
        assert (heat_of(page, stage, "contribution") != local[stage]).any()
    np.testing.assert_array_equal(heat_of(page, 1, "kernel"), kernel)
    assert page.sent == []


def test_brightest_token_on_the_map_is_the_one_attended_most(lens, direct):
    page = lens()
    point(page, 0.25, 0.6)
    row = affinity_row(direct, 3, 5, *probe_of(page)).weight.mean(0)
    painted = heat_of(page, 3)
    brightness = painted[..., :3] @ [0.299, 0.587, 0.114]
    assert brightness[np.unravel_index(row.argmax(), row.shape)] == brightness.max()
    assert brightness[np.unravel_index(row.argmin(), row.shape)] == brightness.min()


def test_a_move_takes_less_than_a_frame(lens):
    page = lens()
    page.evaluate(TIME_MOVES, 20)  # the first moves are compiled
    rounds = [page.evaluate(TIME_MOVES, MOVES) for _ in range(ROUNDS)]
    # The same moves several times: what other work on this machine adds is not the page's.
    p50, p95 = np.percentile(np.min(rounds, axis=0), [50, 95])
    print(f"probe move over {MOVES}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, best of {ROUNDS}")
    assert p95 < FRAME_MS
    assert page.sent == []


def test_click_brings_the_exact_values_of_the_analysis(lens, direct):
    page = lens()
    box = frame_of(page).bounding_box()
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"])
    badge = page.locator('#lens [data-part="badge"]')
    expect(badge).to_have_text(LENS["exact"])
    x, y = probe_of(page)
    for stage, block in ((1, 1), (2, 2), (3, 5), (4, 1)):
        numbers = numbers_of(direct, stage, block, x, y)
        assert value_of(page, stage, "distance") == f"{numbers['distance_picture_px']:.3f} px"
        assert value_of(page, stage, "entropy") == f"{numbers['entropy']:.5f}"
    point(page, 0.2, 0.2)
    expect(badge).to_have_text(LENS["quick"])


def test_chosen_head_is_fetched_once_and_then_answers_without_a_request(lens, direct):
    page = lens()
    panel_of(page, 3).get_by_label(LENS["head"]).select_option("1")
    expect(panel_of(page, 3)).not_to_have_class(re.compile("is-waiting"))
    settle(page)
    assert page.sent
    page.sent.clear()
    point(page, 0.4, 0.4)
    numbers = numbers_of(direct, 3, 5, *probe_of(page), head=1)
    assert value_of(page, 3, "distance") == f"{numbers['distance_picture_px']:.0f} px"
    assert page.sent == []


def test_keyboard_alone_moves_asks_pins_and_zooms(lens, direct):
    page = lens()
    tab = page.get_by_role("tab", name=LENS_TAB)
    tab.focus()
    for _ in range(12):  # past the tabs that come after
        page.keyboard.press("Tab")
        if frame_of(page).evaluate("frame => frame === document.activeElement"):
            break
    expect(frame_of(page)).to_be_focused()
    x, y = probe_of(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    right, down = probe_of(page)
    first, third = direct.grid(1), direct.grid(3)
    assert first.token_at(right, y)[1] == first.token_at(x, y)[1] + 1
    assert third.token_at(x, down)[0] == third.token_at(x, y)[0] + 1
    page.keyboard.press("p")
    expect(page.locator("#lens .pins tbody tr")).to_have_count(2)  # the pin and the probe
    page.keyboard.press("+")
    expect(page.locator('#lens [data-part="zoom"]')).to_have_text(re.compile("^1.6"))
    page.keyboard.press("0")
    expect(page.locator('#lens [data-part="zoom"]')).to_have_text(re.compile("^1\\D"))
    page.keyboard.press("Enter")
    expect(page.locator('#lens [data-part="badge"]')).to_have_text(LENS["exact"])
    expect(page.locator('#lens [data-part="live"]')).to_contain_text(f"{right}, {down}")


def test_wheel_and_drag_move_all_frames_together(lens):
    page = lens()
    point(page, 0.5, 0.5)
    page.mouse.wheel(0, -400)
    expect(page.locator('#lens [data-part="zoom"]')).not_to_have_text(re.compile("^1\\D"))

    def shown():
        """Return zoom and corner of every frame, which must agree, as fractions of a frame."""
        planes = page.eval_on_selector_all(
            "#lens .plane",
            """planes => planes.map(plane => {
              const { a, e, f } = new DOMMatrix(getComputedStyle(plane).transform);
              return [a, e / plane.clientWidth, f / plane.clientHeight];
            })""",
        )
        assert len(planes) == 3
        np.testing.assert_allclose(planes, [planes[0]] * 3, atol=0.02)
        return planes[0]

    zoomed = shown()
    assert zoomed[0] > 1.5
    assert page.evaluate("window.scrollY") == 0
    page.mouse.down()
    point(page, 0.3, 0.4)
    page.mouse.up()
    moved = shown()
    np.testing.assert_allclose(np.subtract(moved, zoomed), [0, -0.2, -0.1], atol=0.02)
    expect(page.locator('#lens [data-part="badge"]')).to_have_text(LENS["quick"])
    frame_of(page).dblclick()
    assert shown() == [1, 0, 0]


def test_pins_are_compared_and_removed(lens):
    page = lens()
    for across, down in ((0.3, 0.2), (0.6, 0.8)):
        point(page, across, down)
        frame_of(page).press("p")
    rows = page.locator("#lens .pins tbody tr")
    expect(rows).to_have_count(3)
    expect(page.locator("#lens .frame.main .mark")).to_have_text(["A", "B"])
    assert (
        rows.nth(0).locator("td").all_inner_texts() != rows.nth(1).locator("td").all_inner_texts()
    )
    rows.nth(0).get_by_role("button").click()
    expect(rows).to_have_count(2)


def test_other_reach_is_another_map_with_its_window(lens):
    page = lens()
    point(page, 0.2, 0.2)
    before = heat_of(page, 3)
    assert (before[..., 3] == 255).all()
    key = page.get_attribute("#lens [data-shown]", "data-shown")
    page.get_by_label(text.REACH_NAMES["window"], exact=True).check()
    page.wait_for_selector(f'#lens [data-shown]:not([data-shown="{key}"])', state="attached")
    after = heat_of(page, 3)
    assert (after[:8, :8, 3] == 255).all()  # nano's windows are 8 x 8
    assert (after[8:, :, 3] == 0).all()
    assert (after[:, 8:, 3] == 0).all()
    expect(panel_of(page, 3).locator('[data-part="window"]')).to_be_visible()


def test_phone_shows_the_picture_while_the_panels_are_read(lens):
    page = lens(viewport={"width": 390, "height": 844}, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    panel_of(page, 4).scroll_into_view_if_needed()
    box = frame_of(page).bounding_box()
    assert 0 <= box["y"] < 60
    before, at = heat_of(page, 4), probe_of(page)
    page.touchscreen.tap(box["x"] + 0.8 * box["width"], box["y"] + 0.2 * box["height"])
    assert probe_of(page) != at
    assert (heat_of(page, 4) != before).any()
    expect(page.locator('#lens [data-part="badge"]')).to_have_text(LENS["exact"])


def test_dark_page_has_dark_panels_and_light_words(lens):
    page = lens(color_scheme="dark")
    colors = panel_of(page, 3).evaluate(
        """panel => [getComputedStyle(panel).backgroundColor,
                     getComputedStyle(panel.querySelector("dd")).color]"""
    )
    ground, words = (np.mean([int(n) for n in re.findall(r"\d+", c)[:3]]) for c in colors)
    assert ground < 60 < 180 < words


def test_no_request_leaves_this_machine(visit, address):
    page = visit()
    open_tab(page, LENS_TAB)
    page.wait_for_selector("#lens [data-shown]", state="attached")
    assert [url for url in page.sent if not url.startswith((address, "data:", "blob:"))] == []
