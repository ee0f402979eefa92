"""The page in the browser's language: Chinese for a Chinese browser, English otherwise."""

import re
from dataclasses import replace
from functools import wraps

import pytest
from playwright.sync_api import expect
from visiting import open_tab

from analysis.questions import QUESTIONS
from ui.layout import TABS
from ui.messages import page as text
from ui.messages import questions
from ui.page.language import translations
from ui.service.examples import EXAMPLES
from uniformer.config import MODELS

pytestmark = pytest.mark.browser

# Every text and every spoken attribute that can be seen, without programs and input fields.
READ = """() => {
  const kept = "pre, code, script, style, textarea, .cm-editor, body [lang=en]";
  const seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (parent.checkVisibility() && !parent.closest(kept)) seen.add(walker.currentNode.data.trim());
  }
  for (const name of ["title", "alt", "placeholder"])
    for (const node of document.querySelectorAll(`[${name}]`))
      if (node.checkVisibility() && !node.closest(kept)) seen.add(node.getAttribute(name).trim());
  return [...seen];
}"""

SENTENCE = re.compile(r"[A-Za-z]{2,}[^A-Za-z]+[A-Za-z]{2,}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def address(untrained):
    return untrained


@pytest.fixture(scope="module")
def chinese():
    return translations("zh")


def names_of_tabs(page):
    return [tab.inner_text() for tab in page.locator("#tabs [role=tab]").all()]


def english_sentences(page):
    """Return what a visitor reads that is neither Chinese nor a name."""
    names = {text.TITLE, "Semantic FPN", "arXiv 2201.09450", *MODELS}
    names |= {example.credit for example in EXAMPLES.values()}
    read = [line for line in page.evaluate(READ) if line not in names]
    return [line for line in read if SENTENCE.search(line) and not CHINESE.search(line)]


def test_english_browser_reads_the_words_as_they_stand(visit):
    page = visit(locale="en-US")
    assert names_of_tabs(page) == [module.NAME for module in TABS.values()]
    expect(page.locator("html")).to_have_attribute("lang", "en")
    read = page.evaluate(READ)
    assert text.TAGLINE in read
    assert not any(CHINESE.search(line) for line in read)


def test_chinese_browser_reads_chinese_in_every_tab(visit, chinese):
    page = visit(locale="zh-CN", viewport={"width": 1440, "height": 900})
    names = [chinese[module.NAME] for module in TABS.values()]
    assert names_of_tabs(page) == names
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    for name in names:
        open_tab(page, name)
        assert english_sentences(page) == [], name


def test_the_lens_speaks_chinese_while_the_probe_moves(visit, chinese):
    page = visit(locale="zh-CN")
    open_tab(page, chinese["Lens"])
    panel = page.locator('#lens [data-stage="3"]')
    expect(panel.locator("dt").first).to_have_text(chinese["Mean distance"])
    expect(panel.locator("h3")).to_contain_text(chinese["Stage"])
    frame = page.locator("#lens .frame.main")
    frame.focus()
    names = {chinese[name] for name in chinese if re.fullmatch("[a-z]+", name)}
    for _ in range(3):
        before = page.locator('#lens [data-part="at"]').inner_text()
        frame.press("Shift+ArrowRight")
        expect(page.locator('#lens [data-part="at"]')).not_to_have_text(before)
        expect(page.locator('#lens [data-part="at"]')).to_contain_text(chinese["pixel"])
        assert page.locator('#lens [data-part="name"]').inner_text() in names
    frame.press("Enter")
    expect(page.locator('#lens [data-part="badge"]')).to_have_text(chinese["exact"])


def test_what_the_server_says_later_is_chinese_too(visit, chinese):
    page = visit(locale="zh-CN")
    page.get_by_label(chinese["Window"], exact=True).check()
    reach = chinese["window reach, window {window}"].replace("{window}", "8")
    expect(page.locator('#viewer [data-part="facts"]')).to_contain_text(reach)
    open_tab(page, chinese["Fields"])
    says = chinese[questions.MIDDLE].split("{name}")
    expect(page.locator(".block.place-line:visible")).to_contain_text(says[0])
    expect(page.locator(".block.place-line:visible")).to_contain_text(says[1])
    page.get_by_role("button", name=chinese["Guided tour"]).click()
    page.locator("#tour-next").click()
    step = chinese[questions.STEP].replace("{done}", "1").replace("{total}", "6")
    expect(page.locator("#tour")).to_contain_text(step)


def test_an_answer_keeps_the_words_of_its_files(visit, chinese, monkeypatch):
    title = f"{text.TAGLINE} · {text.TAGLINE}"  # what the page could say in Chinese
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
    expect(card.locator("h3")).to_have_text(title)
    assert card.get_by_role("img").get_attribute("alt").startswith(title)
    assert not CHINESE.search(card.locator(".says [lang=en]").inner_text())


def test_language_chosen_in_the_settings_is_spoken_at_once(visit, chinese):
    page = visit(locale="en-US")
    legend = page.locator("#viewer .legend h2")
    expect(legend).to_have_text("Classes by area")
    page.evaluate("document.documentElement.lang = 'zh-CN'")  # as Gradio does it
    expect(legend).to_have_text(chinese["Classes by area"])
    page.evaluate("document.documentElement.lang = 'en'")
    expect(legend).to_have_text("Classes by area")
