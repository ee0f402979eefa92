"""A report is one file that asks for nothing: it is opened from disk with the network off."""

import json
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from steps import told

from analysis import AnalysisError, global_affinity, row_statistics, trace
from analysis.cli import main as cli
from analysis.core.progress import Progress, finish
from analysis.report.messages import REPORT
from analysis.report.page import Caption, report_html
from analysis.report.publish import publish
from analysis.report.scripts import asset
from analysis.report.template import fill
from ui.service.examples import FOLDER
from uniformer import create_model, segment

PHOTO = FOLDER / "kodim21_portland_head_light.jpg"
SIDE = 128


@pytest.fixture(scope="module")
def model():
    return create_model("nano")


@pytest.fixture(scope="module")
def traced(model):
    return trace(model, PHOTO, short_side=SIDE)


@pytest.fixture(scope="module")
def site(model, tmp_path_factory):
    """A site of two photos, the second with a name made to break pages and links."""
    folder = tmp_path_factory.mktemp("site")
    awkward = folder / "in" / "<b>50%25 & #1</b>.png".replace("/", "_")
    awkward.parent.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(awkward)
    return told(publish(model, [PHOTO, awkward], folder / "out", short_side=SIDE))


def test_a_photo_that_cannot_be_used_is_named_and_the_others_have_pages(model, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    site = finish(publish(model, [broken, PHOTO], tmp_path / "out", short_side=SIDE))
    assert [page.stem for page in site.pages] == [PHOTO.stem]
    (sentence,) = site.left_out
    assert sentence.startswith(f"{broken}: ")
    assert "broken.html" not in site.index.read_text()
    assert PHOTO.stem in site.index.read_text()


def test_where_no_photo_can_be_used_no_site_is_written(model, tmp_path):
    broken = [tmp_path / f"{number}.png" for number in range(2)]
    for file in broken:
        file.write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"None of the 2 pictures could be used; .*0\.png"):
        finish(publish(model, broken, tmp_path / "out", short_side=SIDE))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def opened(browser, site):
    """Return a function that opens a file of the site with the network off."""
    contexts = []

    def open_file(path, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        contexts.append(context)
        context.set_offline(True)
        page = context.new_page()
        page.sent, page.errors = [], []
        page.on("request", lambda request: page.sent.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda line: line.type == "error" and page.errors.append(line.text))
        page.goto(path.as_uri())
        return page

    yield open_file
    for context in contexts:
        errors = [error for page in context.pages for error in page.errors]
        context.close()
        assert errors == []


def open_report(opened, site, **options):
    page = opened(site[-1].pages[0], **options)
    page.wait_for_selector("#lens [data-shown]", state="attached")
    page.wait_for_selector("#viewer [data-shown]", state="attached")
    return page


def heat_of(page, stage):
    canvas = page.locator(f'#lens [data-stage="{stage}"] [data-part="heat"]')
    return canvas.evaluate("canvas => canvas.toDataURL('image/png')")


@pytest.mark.browser
def test_probe_answers_with_the_network_off(opened, site, traced):
    page = open_report(opened, site)
    before = heat_of(page, 3)
    box = page.locator("#lens .frame.main").bounding_box()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.75 * box["height"])
    assert heat_of(page, 3) != before
    shown = page.locator('#lens [data-part="at"]').inner_text()
    x, y = (int(number) for number in re.findall(r"\d+", shown))
    row = global_affinity(traced, 3, 5, traced.grid(3).token_at(x, y))
    numbers = row_statistics(row).of(None)
    values = page.locator('#lens [data-stage="3"]')
    distance = values.locator('[data-value="distance"]')
    expect(distance).to_have_text(f"{numbers['distance_picture_px']:.0f} px")
    expect(values.locator('[data-value="entropy"]')).to_have_text(f"{numbers['entropy']:.2f}")
    page.mouse.click(box["x"] + 5, box["y"] + 5)  # would ask for exact values on the page
    page.locator('#lens [data-stage="3"] [data-choose="block"]').select_option("0")
    assert [url for url in page.sent if not url.startswith("data:")] == [page.url]


@pytest.mark.browser
def test_keys_move_the_probe_and_the_legend_isolates_a_class(opened, site):
    page = open_report(opened, site)
    page.locator("#lens .frame.main").focus()
    before = page.locator('#lens [data-part="at"]').inner_text()
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator('#lens [data-part="at"]')).not_to_have_text(before)
    first = page.locator("#viewer .class-row").first
    first.click()
    expect(first).to_have_attribute("aria-pressed", "true")


@pytest.mark.browser
def test_phone_does_not_scroll_sideways_and_dark_is_dark(opened, site):
    page = open_report(opened, site, viewport={"width": 390, "height": 844}, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", ground)[:3]) < 60


@pytest.mark.browser
def test_index_leads_to_every_page_and_back(opened, site):
    page = opened(site[-1].index)
    cards = page.locator(".cards a")
    expect(cards).to_have_count(2)
    pictures = "images => images.map(image => image.decode().then(() => image.naturalWidth))"
    page.locator(".cards img").last.scroll_into_view_if_needed()
    widths = page.eval_on_selector_all(".cards img", f"async i => Promise.all(({pictures})(i))")
    assert widths == [480, 480]
    cards.last.click()
    page.wait_for_selector("#lens [data-shown]", state="attached")
    expect(page.locator("h1")).to_have_text("<b>50%25 & #1< b>")
    page.get_by_role("link", name=REPORT["all"]).click()
    expect(page.locator(".cards")).to_be_visible()


def test_publishing_reports_progress_and_refuses_nothing_it_wrote(site):
    steps, made = site
    assert steps == [Progress(done, 2) for done in range(3)]
    names = {path.name for path in made.index.parent.iterdir()}
    assert len(names) == 5
    assert not any("part" in name for name in names)


def test_report_carries_all_that_it_depends_on(site, model):
    page = site[-1].pages[0].read_text(encoding="utf-8")
    result = segment(PHOTO, model, short_side=SIDE)
    described = result.describe()
    for value in (described["picture"]["sha256"], model.weights.sha256, "Content-Security-Policy"):
        assert value in page
    assert f"<dd>{SIDE}</dd>" in page
    assert not re.search(r"""(src|href)=["']?https?:""", page)


def test_report_is_of_one_picture_in_one_reach(model, traced):
    small = segment(np.zeros((64, 64, 3), np.uint8), model, short_side=64)
    with pytest.raises(AnalysisError, match=r"same picture"):
        report_html(small, traced, Caption("black"))
    result = segment(PHOTO, model, short_side=SIDE)
    other = replace(result, settings=result.settings | {"reach": "window"})
    with pytest.raises(AnalysisError, match=r"same reach|same picture"):
        report_html(other, traced, Caption("window"))


def test_words_cannot_become_markup_or_script(model, traced):
    result = segment(PHOTO, model, short_side=SIDE)
    evil = "</script><script>alert(1)</script>"
    page = report_html(result, traced, Caption(evil, evil, evil))
    assert "<script>alert" not in page
    embedded = re.search(r'id="lens-props">(.*?)</script>', page, re.S).group(1)
    assert json.loads(embedded)["value"]["title"] == evil


def test_templates_escape_what_is_put_in_and_leave_empty_what_is_not_there():
    template = "{% for row in rows %}{{ row.name }}/{{ unit }} {% endfor %}{{ gone.too }}."
    assert fill(template, {"rows": [{"name": "<1>"}], "unit": "px"}) == "&lt;1&gt;/px ."


@pytest.mark.parametrize("name", ["lens", "viewer", "pair", "link", "report", "site"])
def test_templates_are_filled_by_words_alone(name):
    """What looks like a word of ``text`` but is a method of a dict, or Jinja's own, is no word."""
    words = {word: word for word in re.findall(r"text(?:\.|\[\")(\w+)", asset(f"{name}.html"))}
    once = {"sides": [0], "panels": [{"local": True}, {"local": False}]}
    page = fill(asset(f"{name}.html"), {"text": words, **once})
    assert "built-in method" not in page
    assert "None" not in page
    assert all(word in page for word in words)


def test_command_line_writes_a_site(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("analysis.report.publish.publish", partial(publish, short_side=64))
    assert cli.main(["publish", str(PHOTO), "-o", str(tmp_path / "site")]) == 0
    assert (tmp_path / "site" / f"{PHOTO.stem}.html").is_file()
    assert "index.html" in capsys.readouterr().out
    assert cli.main(["publish", str(tmp_path / "gone.jpg"), "-o", str(tmp_path / "site")]) == 1
    assert "gone.jpg" in capsys.readouterr().err
