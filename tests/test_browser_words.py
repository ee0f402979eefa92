"""The page in the browser's language: Chinese for a Chinese browser, English otherwise."""

import json
import re
from dataclasses import replace
from functools import wraps

import pytest
from playwright.sync_api import expect
from visiting import Workbench, open_tab

from analysis.live.facts import examples
from analysis.questions import QUESTIONS
from analysis.questions.parameters import parameters_of
from ui.layout import TABS
from ui.messages import page as text
from ui.messages import translations, web
from ui.service.examples import ASSETS, EXAMPLES
from uniformer.config import CLASSIFIERS, MODELS
from uniformer.segmenter import UNTRAINED

pytestmark = pytest.mark.browser

# Every text and every spoken attribute that can be seen, without programs and input fields.
READ = """() => {
  const kept = "pre, code, script, style, textarea, .cm-editor, #selection, body [lang=en]";
  const seen = new Set();
  for (const root of [document.body, document.querySelector(".lens-workbench").shadowRoot]) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (parent.checkVisibility() && !parent.closest(kept))
        seen.add(walker.currentNode.data.trim());
    }
    for (const name of ["title", "alt", "placeholder"])
      for (const node of root.querySelectorAll(`[${name}]`))
        if (node.checkVisibility() && !node.closest(kept)) seen.add(node.getAttribute(name).trim());
  }
  return [...seen];
}"""

SENTENCE = re.compile(r"[A-Za-z]{2,}[^A-Za-z]+[A-Za-z]{2,}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PLACE = re.compile(r"\{\w+\}")
WEB = ASSETS / "web"


@pytest.fixture(scope="module")
def address(untrained):
    return untrained


@pytest.fixture(scope="module")
def chinese():
    return translations("zh")


def names_of_tabs(page):
    if not page.locator("#tabs").is_visible():
        page.locator("#researcher > button").click()
    page.locator("#tabs [role=tab]").last.wait_for()
    return [tab.text_content().strip() for tab in page.locator("#tabs [role=tab]").all()]


def english_sentences(page):
    """Return what a visitor reads that is neither Chinese nor a name."""
    names = {text.TITLE, "Semantic FPN", "arXiv 2201.09450", *MODELS, *CLASSIFIERS}
    names |= {web.title(config) for config in (MODELS | CLASSIFIERS).values()}
    names |= {one.name for ask in QUESTIONS.values() for one in parameters_of(ask)}
    names |= {example.credit for example in EXAMPLES.values()}
    read = [line for line in page.evaluate(READ) if line not in names]
    return [line for line in read if SENTENCE.search(line) and not CHINESE.search(line)]


def test_english_browser_reads_the_words_as_they_stand(visit):
    page = visit(locale="en-US")
    assert names_of_tabs(page) == [module.NAME for module in TABS.values()]
    expect(page.locator("html")).to_have_attribute("lang", "en")
    read = page.evaluate(READ)
    assert "Four stages" in read
    assert not any(CHINESE.search(line) for line in read)


def test_chinese_browser_reads_chinese_in_every_tab(visit, chinese):
    page = visit(locale="zh-CN", viewport={"width": 1440, "height": 900})
    names = [chinese[module.NAME] for module in TABS.values()]
    assert names_of_tabs(page) == names
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    for name in names:
        open_tab(page, name)
        assert english_sentences(page) == [], name


def test_an_answer_is_said_in_the_language_it_is_read_in(visit, chinese, monkeypatch):
    title = "A title * of nobody knows what"
    answers = QUESTIONS["compare"]

    @wraps(answers)
    def retitled(*given, **rest):
        return replace((yield from answers(*given, **rest)), title=title)

    monkeypatch.setitem(QUESTIONS, "compare", retitled)
    page = visit(locale="zh-CN")
    open_tab(page, chinese[TABS["compare"].NAME])
    page.locator("#compare-ask").click()
    card = page.locator("#compare-card .answer")
    expect(card.locator(".grade")).to_have_text(CHINESE)
    expect(card.locator(".says > span").last).to_have_text(CHINESE)
    assert not SENTENCE.search(card.locator(".says").inner_text().replace("KL", ""))
    expect(card.locator("h3")).to_have_text(title)  # what no table knows stays as it is
    assert CHINESE.search(card.get_by_role("img").get_attribute("alt"))
    Workbench(page).root.locator("select.language").select_option("en")
    expect(card.locator(".says")).not_to_have_text(CHINESE)
    assert not CHINESE.search(card.get_by_role("img").get_attribute("alt"))


def test_language_chosen_on_the_workbench_is_spoken_at_once_and_everywhere(visit):
    page = visit(locale="en-US")
    seen = Workbench(page)
    seen.mark(100, 60)
    stage = seen.root.locator("[data-layer=stage-3]")
    expect(stage).to_have_text("Stage 3")
    notice = seen.root.locator(".notices p")
    expect(notice).to_have_text(UNTRAINED.note)
    seen.root.locator("select.language").select_option("zh")
    expect(stage).to_have_text("阶段 3")
    expect(notice).to_have_text(CHINESE)
    assert seen.pixel() == (100, 60)  # nothing else has changed
    expect(page.locator("#researcher > button")).to_have_text(CHINESE)
    seen.root.locator("select.language").select_option("en")
    expect(stage).to_have_text("Stage 3")


NAMES = ("choice.", "class.", "example.", "method.")
"""What begins the keys of names that come in English from elsewhere."""


def test_every_language_has_every_sentence_of_the_workbench():
    tables = {
        file.stem: json.loads(file.read_text("utf-8")) for file in (WEB / "words").glob("*.json")
    }
    english = tables.pop("en")
    assert tables
    for table in tables.values():
        assert set(english) - set(table) == set()
        assert {key for key in table if not key.startswith(NAMES)} - set(english) == set()
        for example in examples():
            assert f"example.{example['name']}" in table
            assert f"example.{example['name']}.alt" in table
        for key, sentence in english.items():
            assert sorted(PLACE.findall(sentence)) == sorted(PLACE.findall(table[key])), key
    scripts = "".join(file.read_text("utf-8") for file in WEB.glob("*.js"))
    for key in re.findall(r'\bsay\(\s*"([\w.-]+)"', scripts):
        assert key in english, key
