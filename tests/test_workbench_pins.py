"""Pins on the picture: kept beside the mark, told side by side, gone with their picture."""

import csv
import io

import pytest
from playwright.sync_api import expect
from visiting import Workbench

from ui.service.examples import EXAMPLES

pytestmark = pytest.mark.browser


MIDDLE_OF_LETTER = """(host) => {
  const box = host.shadowRoot.querySelector("[data-mark=pin] text").getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""
"""At once, since marks are drawn anew whenever something comes."""


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


def pinned(seen, *places):
    """Pin places by the keyboard; return the table."""
    seen.stage.focus()
    for x, y in places:
        seen.mark(x, y)
        seen.page.keyboard.press("p")
    return seen.root.locator("[data-part=pins]")


def told(table, letter):
    return table.locator(f"[data-pin={letter}] td").all_inner_texts()


def test_pins_are_told_side_by_side_gone_back_to_and_removed(visit):
    seen = Workbench(visit())
    seen.layer("stage-3")
    table = pinned(seen, (60, 40), (225, 205))
    expect(seen.root.locator("[data-mark=pin]:visible")).to_have_count(2)
    expect(table.locator("tbody")).not_to_contain_text("…")
    before = told(table, "A")
    table.get_by_role("button", name="Go back to A").click()
    assert seen.state("place") == {"x": 60, "y": 40}
    # What the table says of a pin is what tiles and answer say of its place.
    far = [seen.tile(stage).locator(".far b").inner_text() for stage in (1, 2, 3, 4)]
    assert [f"{value} px" for value in before[2:6]] == far
    expect(seen.answer.locator(".sentence")).to_contain_text(before[0].split()[-2])
    expect(table.get_by_role("button", name="Go back to A")).to_have_attribute(
        "aria-pressed", "true"
    )
    with seen.page.expect_download() as taken:
        table.locator("[data-pins=table]").click()
    rows = list(csv.DictReader(io.StringIO(taken.value.path().read_text("utf-8"))))
    assert [(row["pin"], row["x"], row["y"]) for row in rows] == [
        ("A", "60", "40"),
        ("B", "225", "205"),
    ]
    assert f"{float(rows[0]['stage 3 distance px']):.3g}" == before[4]
    table.get_by_role("button", name="Remove A", exact=True).click()
    expect(seen.root.locator("[data-mark=pin]:visible")).to_have_count(1)
    seen.page.keyboard.press("Escape")
    table.get_by_role("button", name="Remove all").click()
    expect(table).to_be_hidden()


def test_pins_are_answered_anew_in_another_reach_and_gone_with_the_picture(visit):
    seen = Workbench(visit())
    table = pinned(seen, (225, 205))
    expect(table.locator("tbody")).not_to_contain_text("…")
    before = told(table, "A")
    seen.reach("window")
    expect(table.locator("tbody")).not_to_contain_text("…")
    after = told(table, "A")
    assert after != before
    assert float(after[-3]) < float(before[-3])  # stage 3 sees its window only
    seen.example(list(EXAMPLES)[2])
    assert seen.state("pins") == []
    expect(table).to_be_hidden()
    expect(seen.root.locator("[data-mark=pin]:visible")).to_have_count(0)


def test_a_link_keeps_pins_and_a_letter_on_the_picture_goes_back(visit, address):
    page = visit()
    page.goto(f"{address}?example={list(EXAMPLES)[1]}&pins=B120.90-D9999.1-C200.150")
    page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
    seen = Workbench(page)
    assert [pin["letter"] for pin in seen.state("pins")] == ["B", "C"]
    expect(seen.root.locator("[data-mark=pin]:visible")).to_have_count(2)
    page.mouse.click(*seen.root.evaluate(MIDDLE_OF_LETTER))
    assert seen.state("place") == {"x": 120, "y": 90}
    expect(seen.root.locator("[data-part=pin]")).to_contain_text("Pinned as B")
