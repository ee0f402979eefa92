"""Models in a real browser: the line on their weights, a download, two of them under one probe."""

import threading

import pytest
from playwright.sync_api import expect
from visiting import Workbench, open_tab

from analysis.core.progress import Progress
from ui.layout import TABS
from ui.messages import models
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
