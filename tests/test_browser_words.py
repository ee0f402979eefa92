"""The page in the browser's language: Chinese for a Chinese browser, English otherwise."""

import re

import pytest
import torch
from playwright.sync_api import expect

import ui
from ui import text
from ui.examples import EXAMPLES
from ui.language import translations
from ui.page import TABS
from ui.words import questions
from uniformer.config import MODELS

pytestmark = pytest.mark.browser

PATIENCE = 60_000
"""Milliseconds; a busy machine is no failure."""

# Every text and every spoken attribute that can be seen, without programs and input fields.
READ = """() => {
  const kept = "pre, code, script, style, textarea, .cm-editor, [lang=en]";
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
def address():
    torch.manual_seed(0)
    page = ui.build(ui.Settings(weights=None))
    _, url, _ = ui.launch(page, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield url
    page.close(verbose=False)


@pytest.fixture(scope="module")
def chinese():
    return translations("zh")


def names_of_tabs(page):
    return [tab.inner_text() for tab in page.locator("#tabs [role=tab]").all()]


def open_tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()
    expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute(
        "aria-selected", "true"
    )


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
    assert not any(CHINESE.search(line) for line in page.evaluate(READ))


def test_chinese_browser_reads_chinese_in_every_tab(visit, chinese):
    page = visit(locale="zh-CN", viewport={"width": 1440, "height": 900})
    names = [chinese[module.NAME] for module in TABS.values()]
    assert names_of_tabs(page) == names
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    for name in names:
        open_tab(page, name)
        page.wait_for_timeout(1000)
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
    page.get_by_label(chinese["Window"], exact=True).check(force=True)
    reach = chinese["window reach, window {window}"].replace("{window}", "8")
    expect(page.locator('#viewer [data-part="facts"]')).to_contain_text(reach, timeout=PATIENCE)
    open_tab(page, chinese["Fields"])
    says = chinese[questions.MIDDLE].split("{name}")
    expect(page.locator(".block.place-line:visible")).to_contain_text(says[0], timeout=PATIENCE)
    expect(page.locator(".block.place-line:visible")).to_contain_text(says[1])
    page.get_by_role("button", name=chinese["Guided tour"]).click()
    page.locator("#tour-next").click()
    step = chinese[questions.STEP].replace("{done}", "1").replace("{total}", "6")
    expect(page.locator("#tour")).to_contain_text(step, timeout=PATIENCE)


def test_language_chosen_in_the_settings_is_spoken_at_once(visit, chinese):
    page = visit(locale="en-US")
    legend = page.locator("#viewer .legend h2")
    expect(legend).to_have_text("Classes by area")
    page.evaluate("document.documentElement.lang = 'zh-CN'")  # as Gradio does it
    expect(legend).to_have_text(chinese["Classes by area"])
    page.evaluate("document.documentElement.lang = 'en'")
    expect(legend).to_have_text("Classes by area")
