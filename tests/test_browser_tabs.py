"""The tabs that ask the analysis, in a real browser: figures, cancelling, sentences, files."""

import json
import secrets
import time
from functools import wraps

import pytest
from playwright.sync_api import expect
from visiting import Workbench, open_tab

from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress
from analysis.questions import QUESTIONS
from ui.messages import depth as depth_words
from ui.messages import questions as messages
from ui.page.tabs import compare, depth, fields, models
from ui.service import jobs
from ui.service.actions import Actions
from uniformer.weights import DATA

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(untrained):
    return untrained


@pytest.fixture
def anew(monkeypatch):
    """Have every question worked on, though an earlier visit has asked it of the first picture."""
    monkeypatch.setattr(jobs, "_digest", lambda *asked: secrets.token_hex(12))


@pytest.fixture
def toy(monkeypatch, anew):
    """Make the question of the first tab an endless one, and return what it has done."""
    told = {"steps": 0, "closed": 0}

    def endless(model, image):
        try:
            while True:
                told["steps"] += 1
                yield Progress(min(told["steps"], 999), 1000)
                time.sleep(0.2)
        finally:
            told["closed"] += 1

    @wraps(QUESTIONS["profile"])  # the workbench tells its parameters too
    def profile(model, image, **rest):
        return endless(model, image)

    monkeypatch.setitem(QUESTIONS, "profile", profile)
    return told


def answer_of(page, name):
    """Press the button of a view and return its card once it has a figure."""
    page.locator(f"#{name}-ask").click()
    card = page.locator(f"#{name}-card .answer")
    card.first.wait_for()
    return card


def test_depth_shows_the_figure_its_sentence_and_files(visit):
    page = visit()
    open_tab(page, depth.NAME)
    card = answer_of(page, "depth")
    figure = card.get_by_role("img")
    assert figure.evaluate("image => image.naturalWidth") > 1000
    assert "Blocks of stage 3" in figure.get_attribute("alt")
    expect(card.locator(".grade")).to_contain_text("statistic")
    with page.expect_download() as download:
        card.get_by_role("button", name="JSON").click()
    content = json.loads(download.value.path().read_text())
    assert content["question"] == "profile"
    assert download.value.suggested_filename.endswith(".profile.json")
    expect(page.locator("#depth-cancel")).to_be_disabled()


def test_two_reaches_stand_side_by_side(visit):
    page = visit()
    open_tab(page, depth.NAME)
    page.get_by_label(depth_words.BESIDE).click()
    page.get_by_role("option", name=depth_words.BESIDES["window"]).click()
    cards = answer_of(page, "depth")
    expect(cards).to_have_count(2)
    expect(cards.nth(0).locator(".of")).to_contain_text("global reach")
    expect(cards.nth(1).locator(".of")).to_contain_text("window reach")


@pytest.mark.parametrize(("tab", "name"), [(fields, "fields"), (compare, "compare")])
def test_tab_answers_with_a_figure(visit, tab, name):
    page = visit()
    open_tab(page, tab.NAME)
    figure = answer_of(page, name).get_by_role("img")
    assert figure.evaluate("image => image.naturalWidth") > 500
    assert figure.get_attribute("alt")


def begin(page):
    """Ask the endless question, and return once it is under way."""
    page.locator("#depth-ask").click()
    expect(page.locator("#depth-status")).to_contain_text("Step")


def wait_until_closed(page, toy, times):
    """The page is free at once; the work ends at its next step, on a thread of its own."""
    for _ in range(100):
        if toy["closed"] == times:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{toy['closed']} of {times} were stopped")


def test_cancel_stops_the_work_and_the_next_question_is_answered(visit, toy):
    page = visit()
    open_tab(page, depth.NAME)
    cancel = page.locator("#depth-cancel")
    for times, press in ((1, cancel.click), (2, lambda: cancel.press("Enter"))):
        begin(page)
        press()
        expect(page.locator("#depth-status")).to_have_text(messages.CANCELLED)
        expect(cancel).to_be_disabled()
        wait_until_closed(page, toy, times)


def test_new_reach_stops_the_work_and_empties_the_tab(visit, toy):
    page = visit()
    open_tab(page, depth.NAME)
    begin(page)
    Workbench(page).reach("window")
    expect(page.locator("#depth-status")).to_be_empty()
    expect(page.locator("#depth-ask")).to_be_enabled()
    wait_until_closed(page, toy, 1)


def test_answer_for_a_picture_no_longer_shown_is_dropped(visit):
    page = visit()
    open_tab(page, compare.NAME)
    answer_of(page, "compare")
    Workbench(page).reach("hybrid")
    expect(page.locator("#compare-card .answer")).to_have_count(0)


def test_what_cannot_be_answered_is_a_sentence(visit, monkeypatch, anew):
    @wraps(QUESTIONS["compare"])
    def refuse(model, image, **rest):
        raise AnalysisError("Choose another reach for this.")
        yield

    monkeypatch.setitem(QUESTIONS, "compare", refuse)
    page = visit()
    open_tab(page, compare.NAME)
    page.locator("#compare-ask").click()
    alert = page.locator("#compare-status").get_by_role("alert")
    expect(alert).to_have_text("Choose another reach for this.")
    expect(page.locator("#compare-card .answer")).to_have_count(0)


def test_own_checkpoint_is_used_and_named_and_labels_once(visit, monkeypatch):
    labelled, label = [], Actions._label
    monkeypatch.setattr(
        Actions, "_label", lambda *given, **more: labelled.append(0) or label(*given, **more)
    )
    page = visit()
    open_tab(page, models.NAME)
    expect(page.locator(".banner")).to_have_attribute("data-trained", "false")
    page.set_input_files("#own-model input[type=file]", DATA / "nano.safetensors")
    expect(page.locator(".banner")).to_contain_text("Your file nano.safetensors")
    expect(page.locator(".banner")).to_have_attribute("data-trained", "true")
    seen = Workbench(page)
    seen.wait_for("state.picture.model.trained")
    expect(seen.root.locator(".top [data-part=model]")).to_contain_text("nano.safetensors")
    expect(page.locator(".banner")).to_contain_text("Your file nano.safetensors")
    assert len(labelled) == 1
