"""Models in a real browser: the line on their weights, a download, two of them under one probe."""

import threading

import pytest
from playwright.sync_api import expect
from visiting import Workbench, open_tab, settle

from analysis.core.progress import Progress
from ui.layout import TABS
from ui.messages import compare, models
from uniformer.weights import WeightsError

pytestmark = pytest.mark.browser

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def address(untrained):
    return untrained


def use_model(page, name):
    open_tab(page, TABS["models"].NAME)
    page.locator("#models-choice").get_by_role("combobox").click()
    page.get_by_role("option", name=name, exact=True).click()
    page.locator("#models-use").click()


def test_untrained_weights_are_announced_on_every_tab(visit):
    page = visit()
    for module in TABS.values():
        open_tab(page, module.NAME)
        line = page.locator("#weights-line .warning")
        expect(line).to_be_visible()
        expect(line).to_contain_text(models.IN_USE.format(model="nano"))
        expect(line).to_contain_text("untrained")


def test_download_is_told_on_every_tab_and_can_be_stopped(visit, monkeypatch):
    closed = threading.Event()

    def endless(name):
        try:
            while not closed.wait(0.2):
                yield Progress(3 * MEGABYTE, 10 * MEGABYTE)
        finally:
            closed.set()

    monkeypatch.setattr("ui.page.banner.fetch", endless)
    page = visit()
    use_model(page, "small-upernet")
    says = models.DOWNLOADING.format(model="small-upernet", done=3, total=10)
    expect(page.locator("#weights-line")).to_contain_text(says)
    open_tab(page, TABS["depth"].NAME)
    expect(page.locator("#weights-line progress")).to_be_visible()
    page.locator("#weights-stop").click()
    expect(page.locator("#weights-line")).to_contain_text("Cancelled")
    assert closed.wait(10)
    expect(page.locator("#weights-stop")).to_be_hidden()
    assert Workbench(page).state("picture.model.name") == "nano"


def test_download_that_fails_says_why_and_what_still_works(visit, monkeypatch):
    def fail(name):
        yield Progress(0, 0)
        raise WeightsError("The weights cannot be had: the Hub cannot be reached.")

    monkeypatch.setattr("ui.page.banner.fetch", fail)
    page = visit()
    use_model(page, "small-upernet")
    line = page.locator("#weights-line")
    expect(line.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(line).to_contain_text(models.STAYS)
    assert Workbench(page).state("picture.model.name") == "nano"


def test_one_probe_reads_both_settings_and_sends_nothing(visit):
    page = visit()
    open_tab(page, TABS["compare"].NAME)
    page.locator("#compare-ask").click()
    page.wait_for_selector("#pair [data-shown]", state="attached")
    expect(page.locator("#compare-card article")).to_be_visible()
    left, right = page.locator("#pair [data-side]").all()
    expect(left.locator("h3")).to_contain_text("global reach")
    expect(right.locator("h3")).to_contain_text("window reach")
    at = page.locator('#pair [data-part="at"]')
    settle(page)
    before, sent = at.inner_text(), len(page.sent)
    right.locator(".frame").press("Shift+ArrowRight")
    expect(at).not_to_have_text(before)
    for side in (left, right):
        expect(side.locator('[data-stage="3"] td').first).to_contain_text("px")
    page.locator("#pair label", has_text=compare.PAIR["stage3"]).click()
    expect(left.locator(".heat")).to_be_visible()
    expect(left.locator(".labels")).to_be_hidden()
    page.locator('#pair [data-tool="in"]').click()
    planes = [side.locator(".plane").evaluate(SCALE) for side in (left, right)]
    assert planes[0] == planes[1] > 1.5
    assert len(page.sent) == sent
    left.locator(".frame").click()
    open_tab(page, TABS["fields"].NAME)
    x, y = at.text_content().split()[1:]
    expect(page.locator(".block.place-line:visible")).to_contain_text(f"({x} {y})")


SCALE = "(node) => new DOMMatrix(getComputedStyle(node).transform).a"
