"""A report is one file that asks for nothing: it is opened from disk with the network off."""

import base64
import json
import re
import zlib
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from javascript import base64_of, with_modules
from PIL import Image
from playwright.sync_api import expect
from steps import told
from visiting import Workbench
from workbench import read_frames

from analysis import AnalysisError, global_affinity, row_statistics, trace
from analysis.cli import main as cli
from analysis.core.progress import Progress, finish
from analysis.report import embedded, stored
from analysis.report.page import Caption, report_html
from analysis.report.publish import publish
from analysis.report.template import fill
from analysis.report.workbench_data import block_content
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
    page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
    return page


@pytest.mark.browser
def test_the_pointer_is_answered_with_the_network_off(opened, site, traced):
    page = open_report(opened, site)
    seen = Workbench(page)
    seen.layer("stage-3")
    seen.hover(0.7, 0.75)
    x, y = seen.pixel()
    row = global_affinity(traced, 3, 5, traced.grid(3).token_at(x, y))
    numbers = row_statistics(row).of(None)
    far = f"{numbers['distance_picture_px']:.3g} px"
    expect(seen.tile(3).locator(".far b")).to_have_text(far)
    numbers_shown = seen.result.locator(".numbers dd")
    expect(numbers_shown.first).to_have_text(far)
    likely = traced.probabilities(x, y)
    bars = seen.answer.locator(".bar")
    expect(bars).to_have_count(5)
    assert [int(bar.get_attribute("data-class")) for bar in bars.all()] == [
        *np.argsort(-likely, kind="stable")[:5]
    ]
    seen.root.locator(".options [data-value='0']").first.click()  # another block
    expect(numbers_shown.first).not_to_have_text(far)
    assert [url for url in page.sent if not url.startswith("data:")] == [page.url]


@pytest.mark.browser
def test_a_report_offers_what_works_without_the_app(opened, site):
    page = open_report(opened, site)
    seen = Workbench(page)
    layers = seen.root.locator("[data-layer]").evaluate_all("all => all.map(e => e.dataset.layer)")
    assert layers == ["labels", "sure", *(f"stage-{stage}" for stage in (1, 2, 3, 4))]
    assert seen.root.locator("input[type=file], [data-part=tour-start]").count() == 0
    expect(seen.root.locator(".regions")).to_be_hidden()
    seen.root.locator("[data-part=compare]").click()
    offered = seen.root.locator("[data-compare]:visible")
    assert offered.evaluate_all("all => all.map(e => e.dataset.compare)") == ["photo", "hold"]
    seen.root.locator("[data-compare=photo]").click()
    seen.root.locator("[data-part=take-away]").click()
    with page.expect_download() as download:
        seen.root.locator("[data-take=npz]").click()
    with np.load(download.value.path()) as held:
        size = seen.state("picture.height"), seen.state("picture.width")
        assert held["labels"].shape == size


@pytest.mark.browser
def test_keyboard_alone_marks_a_pixel_and_chooses_a_class(opened, site):
    page = open_report(opened, site)
    seen = Workbench(page)
    seen.stage.focus()
    before = seen.pixel()
    page.keyboard.press("Shift+ArrowDown")
    assert seen.pixel() != before
    page.keyboard.press("Enter")
    assert seen.state("place.y") == seen.pixel()[1]
    chip = seen.root.locator(".legend button").first
    chip.focus()
    page.keyboard.press("Enter")
    assert seen.state("isolated") is not None


@pytest.mark.browser
def test_phone_does_not_scroll_sideways_and_dark_is_dark(opened, site):
    page = open_report(opened, site, viewport={"width": 390, "height": 844}, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", ground)[:3]) < 60


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_grave(opened, site, scheme):
    page = open_report(opened, site, color_scheme=scheme)
    Workbench(page).layer("stage-3")
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.browser
def test_it_speaks_chinese(opened, site):
    page = open_report(opened, site, locale="zh-CN")
    expect(page.locator("#settings h2")).to_have_text(embedded.words("zh")["report.settings"])
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    Workbench(page).root.locator("select.language").select_option("en")
    expect(page.locator("#settings h2")).to_have_text(embedded.words("en")["report.settings"])


@pytest.mark.browser
def test_without_scripts_and_on_paper_there_is_the_labelled_picture(opened, site):
    plain = opened(site[-1].pages[0], java_script_enabled=False)
    still = plain.locator("#still")
    expect(still.locator("img")).to_be_visible()
    expect(still.locator("li").first).to_contain_text("%")
    page = open_report(opened, site)
    expect(page.locator("#still")).to_be_hidden()
    page.emulate_media(media="print")
    expect(page.locator("#still img")).to_be_visible()
    expect(page.locator("#workbench")).to_be_hidden()


@pytest.mark.browser
def test_a_block_that_was_left_out_says_so(opened, model, traced, tmp_path, monkeypatch):
    kept = partial(stored.blocks_kept, max_bytes=1)
    monkeypatch.setattr("analysis.report.page.blocks_kept", kept)
    result = segment(PHOTO, model, short_side=SIDE)
    (tmp_path / "a.html").write_text(report_html(result, traced, Caption("a")), "utf-8")
    page = opened(tmp_path / "a.html")
    page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
    seen = Workbench(page)
    expect(seen.tile(1).locator(".far b")).to_contain_text("px")
    seen.layer("stage-3")
    expect(seen.result).to_contain_text(embedded.words()["report.left-out"])


def test_what_is_kept_of_blocks_is_what_a_server_sends(traced):
    kept = list(stored.blocks_kept(traced))
    depths = [len(windows) for windows in traced.windows]
    order = [(facts["stage"], facts["block"]) for facts, _ in kept]
    assert order[:4] == [(stage, depth - 1) for stage, depth in enumerate(depths, start=1)]
    assert len(set(order)) == len(order) == sum(depths)
    for facts, arrays in kept:
        wanted_facts, wanted = block_content(traced, facts["stage"], facts["block"])
        assert facts == wanted_facts
        for name, values in wanted.items():
            if name not in stored.AXES:
                assert np.array_equal(arrays[name], values)
                continue
            axis = stored.AXES[name]
            scale = np.expand_dims(arrays[f"{name}Scale"], axis)
            error = np.abs(arrays[name] * scale - values)
            most = np.abs(values).max(axis, keepdims=True)
            assert (error <= most * (0.5 / stored.STEPS + 1e-6)).all()


def test_only_as_many_blocks_are_kept_as_bytes_allow(traced):
    sizes = [sum(a.nbytes for a in arrays.values()) for _, arrays in stored.blocks_kept(traced)]
    assert len(list(stored.blocks_kept(traced, sum(sizes[:5])))) == 5
    assert len(list(stored.blocks_kept(traced, sum(sizes[:5]) - 1))) == 4
    assert len(list(stored.blocks_kept(traced, 1))) == 1


@pytest.mark.parametrize("unlikely", [0.0, 1e-4, 0.2])
def test_probabilities_are_those_of_the_network(traced, monkeypatch, unlikely):
    monkeypatch.setattr(stored, "UNLIKELY", unlikely)
    facts, arrays = stored.logits_kept(traced)
    kept = facts["indices"]
    assert len(kept) + 1 == len(arrays["depth"])
    assert (unlikely < 0.1) == (len(kept) == traced.logits.shape[1])
    height, width = traced.picture_size_px
    spots = [(0, 0), (width - 1, height - 1), (width // 2, height // 3)]
    program = """
      const { indices, step, depth, size, spots, ...grid } = given;
      const codes = new Uint16Array(bytes(depth).buffer);
      const data = Float32Array.from(codes, (each) => -step * each);
      const logits = { ...grid, data, classes: indices.length + 1 };
      return spots.map(([x, y]) => [...softmax(logitsAt(logits, ...size, x, y))]);
    """
    given = {**facts, "depth": base64_of(arrays["depth"]), "size": [height, width], "spots": spots}
    for (x, y), found in zip(spots, with_modules(["label.js"], program, given), strict=True):
        wanted = traced.probabilities(x, y)[kept]
        assert np.abs(np.array(found)[:-1] - wanted).max() < (0.02 if unlikely > 0.1 else 4e-4)
        assert sum(found) == pytest.approx(1, abs=1e-5)


def test_every_module_is_found_within_the_file():
    modules = json.loads(embedded.import_map())["imports"]
    assert f"lens/{embedded.START}" in modules
    assert not {"lens/server_source.js", "lens/browser_source.js"} & set(modules)
    for address in modules.values():
        text = base64.b64decode(address.partition(",")[2]).decode()
        for name in re.findall(r'(?:^import|\bfrom) "([^"]+)";$', text, re.M):
            assert name in modules
    styles = re.search(r"STYLES = \[(.*?)\]", embedded.asset("web/workbench.js"), re.S).group(1)
    assert tuple(re.findall(r'"(\w+)"', styles)) == embedded.STYLES
    languages = {file.stem for file in (embedded.WEB / "words").glob("*.json")}
    assert languages == set(embedded.LANGUAGES)


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
    page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
    title = Workbench(page).root.locator("[data-part=picture] b")
    expect(title).to_have_text("<b>50%25 & #1< b>")
    page.get_by_role("link", name=embedded.words()["report.all"]).click()
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
    page = report_html(result, traced, Caption(evil, evil, evil), home=evil)
    assert "<script>alert" not in page
    packed = re.search(r'data-frame="picture">(.*?)</script>', page, re.S).group(1)
    ((facts, _),) = read_frames(zlib.decompress(base64.b64decode(packed)))
    assert facts["title"] == evil


def test_templates_escape_what_is_put_in_and_leave_empty_what_is_not_there():
    template = "{% for row in rows %}{{ row.name }}/{{ unit }} {% endfor %}{{ gone.too }}."
    assert fill(template, {"rows": [{"name": "<1>"}], "unit": "px"}) == "&lt;1&gt;/px ."


def test_command_line_writes_a_site(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("analysis.report.publish.publish", partial(publish, short_side=64))
    assert cli.main(["publish", str(PHOTO), "-o", str(tmp_path / "site")]) == 0
    assert (tmp_path / "site" / f"{PHOTO.stem}.html").is_file()
    assert "index.html" in capsys.readouterr().out
    assert cli.main(["publish", str(tmp_path / "gone.jpg"), "-o", str(tmp_path / "site")]) == 1
    assert "gone.jpg" in capsys.readouterr().err
