"""Everybody can use the page: by keyboard alone, with a screen reader, on a phone, in the dark."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from visiting import Workbench, open_tab

from ui.layout import TABS

pytestmark = pytest.mark.browser

GRAVE = ("serious", "critical")

FOCUSED = """() => {
  let active = document.activeElement;
  while (active.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(active);
  return { outlineStyle, outlineWidth: parseFloat(outlineWidth), boxShadow };
}"""


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


def tab_until(page, target, at_most=60, key="Tab"):
    """Press Tab, or Shift+Tab as ``key``, until ``target`` has the focus."""
    for _ in range(at_most):
        page.keyboard.press(key)
        if target.evaluate("node => node === node.getRootNode().activeElement"):
            return
    raise AssertionError(f"{target} is not reached by {at_most} times {key}.")


def assert_focus_is_visible(page):
    style = page.evaluate(FOCUSED)
    outlined = style["outlineStyle"] != "none" and style["outlineWidth"] >= 2
    assert outlined or style["boxShadow"] != "none", style


def test_what_the_page_keeps_for_its_events_is_not_in_sight(visit):
    page = visit()
    kept = page.locator("#selection")
    expect(kept).to_be_attached()
    expect(kept).to_be_hidden()


def test_keyboard_alone_marks_a_pixel_and_chooses_a_layer(visit):
    page = visit()
    seen = Workbench(page)
    layer = seen.root.locator("[data-layer=stage-3]")
    tab_until(page, layer)
    assert_focus_is_visible(page)
    page.keyboard.press("Enter")
    expect(layer).to_have_attribute("aria-pressed", "true")
    tab_until(page, seen.stage)
    assert_focus_is_visible(page)
    before = seen.pixel()
    page.keyboard.press("ArrowLeft")
    assert seen.pixel() != before
    page.keyboard.press("Enter")
    assert seen.state("place.x") == seen.pixel()[0]
    page.keyboard.press("Escape")
    assert seen.state("place") is None
    head = seen.root.locator(".options [data-value='1']").last
    tab_until(page, head, key="Shift+Tab")
    page.keyboard.press("Enter")
    assert seen.state("choices[3].head") == 1
    expect(seen.root.locator(".options [data-value='1']").last).to_be_focused()


def test_keyboard_alone_opens_and_closes_a_menu(visit):
    page = visit()
    button = Workbench(page).root.locator("[data-part=compare]")
    tab_until(page, button)
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(button).to_be_focused()


def test_keyboard_alone_asks_a_question(visit):
    page = visit()
    fold = page.locator("#researcher > button")
    tab_until(page, fold, 120)
    page.keyboard.press("Enter")
    page.locator("#tabs").wait_for()
    tab_until(page, page.get_by_role("tab", name=TABS["compare"].NAME, exact=True))
    page.keyboard.press("Space")
    ask = page.locator("#compare-ask")
    expect(ask).to_be_visible()
    tab_until(page, ask)
    assert_focus_is_visible(page)
    page.keyboard.press("Enter")
    page.locator("#compare-card .answer").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_grave_on_any_tab(visit, scheme):
    page = visit(color_scheme=scheme)
    Workbench(page).layer("stage-3")
    ground = re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (int(ground[0]) < 60) == (scheme == "dark")
    found = []
    for tab in TABS.values():
        open_tab(page, tab.NAME)
        for violation in Axe().run(page).response["violations"]:
            if violation["impact"] in GRAVE:
                found += [(tab.NAME, violation["id"], node["html"]) for node in violation["nodes"]]
    assert found == []


def test_answer_has_nothing_grave_for_axe(visit):
    page = visit()
    open_tab(page, TABS["compare"].NAME)
    page.locator("#compare-ask").click()
    page.locator("#compare-card .answer").wait_for()
    found = Axe().run(page, "#compare-card").response["violations"]
    assert [each for each in found if each["impact"] in GRAVE] == []


def test_every_tab_has_its_name_in_sight_on_a_laptop(visit):
    page = visit(viewport={"width": 1280, "height": 800})
    page.locator("#researcher > button").click()
    page.locator("#tabs [role=tablist]").last.scroll_into_view_if_needed()
    boxes = []
    for tab in TABS.values():
        name = page.get_by_role("tab", name=tab.NAME, exact=True)
        expect(name).to_be_in_viewport(ratio=1)
        boxes.append(name.bounding_box())
    assert len({box["y"] for box in boxes}) == 1


def test_phone_has_every_tab_within_its_width(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    for tab in TABS.values():
        open_tab(page, tab.NAME)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, tab.NAME


def test_phone_has_an_answer_with_a_wide_table_within_its_width(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    open_tab(page, TABS["depth"].NAME)
    page.locator("#depth-ask").click()
    answer = page.locator("#depth-card .answer")
    answer.wait_for()
    box = answer.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    heading = answer.locator("h3").bounding_box()
    assert heading["x"] + heading["width"] <= box["x"] + box["width"]
