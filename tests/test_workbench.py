"""The workbench in a real browser: one picture, always in view; every answer a layer on it."""

import base64
import io

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from PIL import Image
from playwright.sync_api import expect
from visiting import Workbench, settle

from analysis import trace
from analysis.affinity.row_summary import affinity_row, row_statistics
from analysis.figures.palette import SAFE_COLORS, SEQUENTIAL
from ui.messages import page as text
from ui.service.examples import EXAMPLES, FOLDER
from uniformer import create_model, segment
from uniformer.engines import optimize_for_inference

pytestmark = pytest.mark.browser

PHOTO = FOLDER / "chelsea_cat.jpg"
FIRST = next(iter(EXAMPLES.values()))


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


@pytest.fixture(scope="module")
def traced():
    """What the library says about the rows of the first example, without the page."""
    return trace(create_model("nano"), FIRST.path)


@pytest.fixture(scope="module")
def labelled():
    """What the library says about the photo, without the page."""
    return segment(PHOTO, optimize_for_inference(create_model("nano")))


@pytest.fixture
def bench(visit):
    """Return a function that opens the page with its first example."""

    def open_bench(**options):
        page = visit(**options)
        settle(page)
        return Workbench(page)

    return open_bench


def painted(seen, pane=0):
    """Return what is painted over the picture, uint8 RGBA, as large as the layer."""
    seen.page.evaluate("() => new Promise(requestAnimationFrame)")
    canvas = seen.root.locator(".pane canvas:not(.brush)").nth(pane)
    data = canvas.evaluate("canvas => canvas.toDataURL('image/png')").split(",")[1]
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.array(image.convert("RGBA"))


def test_a_click_locks_one_pixel_and_only_escape_frees_it(bench):
    seen = bench()
    seen.hover(0.3, 0.3)
    before = seen.pixel()
    seen.hover(0.6, 0.7)
    assert seen.pixel() != before  # hovering previews
    seen.click(0.4, 0.5)
    locked = seen.pixel()
    for leave in (lambda: seen.hover(0.7, 0.2), seen.leave):
        leave()
        assert seen.pixel() == locked
        assert seen.state("place") == {"x": locked[0], "y": locked[1]}
    expect(seen.root.locator("[data-mark=locked]").first).to_be_visible()
    seen.stage.press("Escape")
    assert seen.state("place") is None
    expect(seen.root.locator("[data-mark=locked]")).to_have_count(0)


def test_leaving_an_unmarked_picture_keeps_no_exit_point(bench):
    seen = bench()
    home = seen.pixel()
    seen.hover(0.9, 0.9)
    assert seen.pixel() != home
    seen.leave()
    assert seen.pixel() == home


def test_hovering_redraws_all_four_stages_without_a_request(bench, traced):
    seen = bench()
    for stage in (1, 2, 3, 4):
        expect(seen.tile(stage).locator(".far b")).to_contain_text("px")
    seen.hover(0.2, 0.3)
    settle(seen.page)
    seen.page.sent.clear()
    before = [seen.tile(stage).get_attribute("data-of") for stage in (1, 2, 3, 4)]
    seen.hover(0.7, 0.8)
    x, y = seen.pixel()
    for stage, block in ((1, 1), (2, 2), (3, 5), (4, 1)):
        assert seen.tile(stage).get_attribute("data-of") != before[stage - 1]
        numbers = row_statistics(affinity_row(traced, stage, block, x, y)).of(None)
        far = float(seen.tile(stage).locator(".far b").inner_text().split()[0])
        assert far == pytest.approx(numbers["distance_picture_px"], rel=0.01)
    assert [url for url in seen.page.sent if "/block/" in url] == []


def test_the_brightest_token_is_the_one_attended_most(bench, traced):
    seen = bench()
    seen.mark(225, 205)
    seen.layer("stage-3")
    row = affinity_row(traced, 3, 5, 225, 205).weight.mean(0)
    pixels = painted(seen)
    assert pixels.shape[:2] == row.shape
    brightness = pixels[..., :3] @ [0.299, 0.587, 0.114]
    assert brightness[np.unravel_index(row.argmax(), row.shape)] == brightness.max()


def test_uploaded_photo_has_the_labels_and_shares_of_the_library(bench, labelled):
    seen = bench()
    seen.upload(PHOTO)
    legend = seen.root.locator(".legend .class").all()
    assert len(legend) == len(labelled.table())
    for button, row in zip(legend, labelled.table(), strict=True):
        assert button.get_attribute("data-class") == str(row.index)
        expect(button).to_contain_text(row.name)
        share = float(button.locator("small").inner_text().removeprefix("< ").split("\u00a0")[0])
        assert share == pytest.approx(100 * row.share, abs=0.51 if row.share > 0.1 else 0.06)
    colors = painted(seen)[..., :3]
    safe = [tuple(round(255 * part) for part in to_rgb(color)) for color in SAFE_COLORS]
    for rank, row in enumerate(labelled.table()[:7]):
        inside = labelled.labels == row.index
        share = (colors[inside] == safe[rank]).all(-1).mean()
        assert share > 0.6  # all but the lines between classes


@pytest.mark.parametrize("kind", ["confidence", "entropy", "margin"])
def test_a_certainty_layer_has_its_values_its_colours_and_one_colour_bar(bench, labelled, kind):
    seen = bench()
    seen.upload(PHOTO)
    expect(seen.root.locator(".ramp")).to_be_hidden()
    seen.layer("sure")
    seen.root.locator(f".options [data-value='{kind}']").click()
    expect(seen.root.locator(".ramp")).to_be_visible()
    expect(seen.root.locator(".unit")).to_have_text("%")
    values = np.rint(100 * getattr(labelled, kind)).astype(int)
    palette = 255 * colormaps[SEQUENTIAL](np.linspace(0, 1, 101))[:, :3]
    apart = np.abs(painted(seen)[..., :3] - palette[values])
    assert apart.mean() < 1
    assert apart.max() < 8  # where rounding of a half differs
    seen.hover(0.5, 0.5)
    x, y = seen.pixel()
    expect(seen.root.locator(".tip")).to_contain_text(f"{values[y, x]} %")


def test_the_pointer_names_the_class_without_a_request(bench, labelled):
    seen = bench()
    seen.upload(PHOTO)
    for across, down in ((0.02, 0.5), (0.5, 0.5), (0.98, 0.9)):
        seen.hover(across, down)
        x, y = seen.pixel()
        name = labelled.classes.names[labelled.labels[y, x]]
        expect(seen.root.locator(".tip b")).to_contain_text(name)


def test_opacity_and_one_class_alone_repaint_at_once(bench, labelled):
    seen = bench()
    seen.upload(PHOTO)
    settle(seen.page)
    seen.page.sent.clear()
    slider = seen.root.locator(".opacity input")
    slider.fill("1")
    expect(seen.root.locator(".pane canvas").first).to_have_css("opacity", "1")
    second = seen.root.locator(".legend .class").nth(1)
    second.click()
    expect(second).to_have_attribute("aria-pressed", "true")
    alone = labelled.labels == labelled.table()[1].index
    colors = painted(seen)
    elsewhere = ~alone & ~np.roll(alone, -1, 0) & ~np.roll(alone, -1, 1)
    other = labelled.labels != np.roll(labelled.labels, -1, 0)
    other |= labelled.labels != np.roll(labelled.labels, -1, 1)
    assert colors[elsewhere & ~other][..., :3].max() < 40
    second.click()
    expect(second).to_have_attribute("aria-pressed", "false")
    assert seen.page.sent == []


def test_broken_file_is_one_sentence_and_the_result_stays(bench):
    seen = bench()
    key = seen.state("picture.key")
    broken = PHOTO.read_bytes()[:2000]
    seen.give({"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": broken})
    expect(seen.message).to_contain_text("is damaged or cut short and cannot be read.")
    assert seen.state("picture.key") == key
    seen.upload(PHOTO)
    expect(seen.message).to_be_hidden()


def test_a_picture_is_pasted_anywhere(bench):
    seen = bench()
    data = base64.b64encode(PHOTO.read_bytes()).decode()
    seen.page.evaluate(
        """async (data) => {
          const bytes = await (await fetch(`data:image/jpeg;base64,${data}`)).arrayBuffer();
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([bytes], "pasted.jpg", { type: "image/jpeg" }));
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
        }""",
        data,
    )
    seen.wait_for("state.picture.title.includes('pasted')")
    assert (seen.state("picture.width"), seen.state("picture.height")) == (451, 300)


def test_example_and_reach_are_changed_and_blocks_and_pixel_follow(bench):
    seen = bench()
    seen.mark(100, 100)
    example = list(EXAMPLES)[1]
    seen.example(example)
    assert seen.state("place") is None  # it belonged to the other picture
    seen.mark(50, 60)
    seen.reach("window")
    assert seen.state("place") == {"x": 50, "y": 60}  # the same picture, in another reach
    expect(seen.root.locator(".chip[data-part=picture]")).to_contain_text(EXAMPLES[example].title)
    expect(seen.root.locator(".credit")).to_contain_text(EXAMPLES[example].credit)


def test_the_size_the_network_sees_is_chosen_and_compared(bench):
    seen = bench()
    rows = seen.state("picture.stages")[2]["rows"]
    own = bench().root.locator("[data-part=short-side] option").first.inner_text()
    seen.root.locator("[data-part=short-side]").select_option("512")
    seen.wait_for("state.picture.setting.shortSide === 512")
    assert seen.state("picture.stages")[2]["rows"] == 2 * rows
    seen.compare("short-256")
    seen.wait_for("state.other && !state.other.setting.shortSide")
    left, right = seen.root.locator(".pane-title").all()
    expect(left).to_contain_text("512 px")
    expect(right).to_contain_text("256 px")
    assert own == "256 px"


def test_dark_or_light_is_one_button(bench):
    seen = bench(color_scheme="light")
    ink = "host => getComputedStyle(host.shadowRoot.querySelector('h1')).color"
    light = seen.root.evaluate(ink)
    for dark in (True, False):
        seen.root.locator("[data-part=theme]").click()
        assert seen.root.evaluate("host => host.classList.contains('is-dark')") == dark
        assert (seen.root.evaluate(ink) != light) == dark


def test_models_that_cannot_be_had_say_so_before_they_are_chosen(bench):
    seen = bench()
    seen.root.locator(".top [data-part=model]").click()
    models = seen.root.locator(".model")
    for model in models.all():
        if model.is_disabled():
            expect(model.locator("small")).not_to_be_empty()
    assert models.first.is_enabled()
    assert models.last.is_disabled()


def test_comparison_is_linked_and_shares_one_scale(bench, traced):
    seen = bench()
    seen.mark(225, 205)
    seen.layer("stage-3")
    seen.compare("reach-window")
    seen.wait_for("state.other?.setting.reach === 'window'")
    left, right = seen.root.locator(".pane").all()
    expect(right).to_be_visible()
    expect(left.locator(".pane-title")).to_contain_text("Global")
    expect(right.locator(".pane-title")).to_contain_text("Window 8")
    expect(right.locator("canvas:not(.brush)")).to_be_visible()
    row = affinity_row(traced, 3, 5, 225, 205).weight.mean(0)
    assert (painted(seen, 0)[..., 3] > 0).sum() == row.size
    assert 0 < (painted(seen, 1)[..., 3] > 0).sum() <= 64  # its window alone
    seen.page.mouse.move(*seen.at(0.3, 0.3))
    seen.page.mouse.wheel(0, -400)
    worlds = [pane.locator(".world").evaluate(SCALE) for pane in (left, right)]
    assert worlds[0] == worlds[1] > 1.2
    divider = seen.root.locator(".divider")
    divider.focus()
    divider.press("ArrowRight")
    assert seen.state("divider") == pytest.approx(0.52)
    seen.root.locator("[data-part=compare]").click()
    seen.root.locator("[data-compare=end]").click()
    expect(right).to_be_hidden()


SCALE = "(node) => new DOMMatrix(getComputedStyle(node).transform).a"


def test_another_head_stands_beside_one_that_is_held(bench):
    seen = bench()
    seen.layer("stage-3")
    seen.compare("hold")
    seen.root.locator(".options [data-value='1']").last.click()
    left, right = seen.root.locator(".pane-title").all()
    expect(left).to_have_text("Stage 3 · block 5 · all heads")
    expect(right).to_have_text("Stage 3 · block 5 · head 1")
    assert (painted(seen, 0) != painted(seen, 1)).any()


def test_a_brush_paints_the_region_asked_about(bench):
    seen = bench()
    seen.root.locator("[data-region=mask]").click()
    seen.page.mouse.move(*seen.at(0.4, 0.5))
    seen.page.mouse.down()
    seen.page.mouse.move(*seen.at(0.5, 0.5), steps=4)
    seen.page.mouse.up()
    width, height = seen.state("picture.width"), seen.state("picture.height")
    count = seen.state("mask.reduce((sum, on) => sum + on, 0)")
    assert 0.002 < count / (width * height) < 0.05
    place = seen.state("place")
    assert place["x"] == pytest.approx(0.45 * width, abs=0.03 * width)
    expect(seen.root.locator(".line.region").first).to_be_attached()


def test_every_head_names_itself_and_becomes_the_layer(bench):
    seen = bench()
    dots = seen.root.locator("[data-part=depth] circle")
    expect(dots).to_have_count(2 + 3 + 6 * 5 + 2 * 8)
    dot = seen.root.locator("[data-place='3.2.1']")
    dot.focus()
    expect(seen.root.locator("[data-part=depth] .hint")).to_contain_text(
        "Stage 3 · block 2 · head 1"
    )
    dot.press("Enter")
    assert seen.state("layer") == "rows"
    assert seen.state("choices[3]") == {"block": 2, "head": 1}
    expect(seen.result).to_contain_text("Stage 3 · block 2 · head 1")


@pytest.mark.parametrize("width", [390, 1280, 1440])
def test_the_picture_is_on_the_first_screen_and_nothing_sticks_out(bench, width):
    height = {390: 844, 1280: 720, 1440: 900}[width]
    seen = bench(viewport={"width": width, "height": height}, has_touch=width == 390)
    assert seen.page.evaluate("document.documentElement.scrollWidth") == width
    box = seen.stage.bounding_box()
    assert box["width"] > (0.85 if width == 390 else 0.55) * width
    assert box["y"] + box["height"] < height
    expect(seen.answer).to_be_in_viewport()
    if width > 390:  # every layer, without scrolling the row of them
        row = seen.root.locator(".tabs").first.bounding_box()
        last = seen.root.locator("[data-layer]").last.bounding_box()
        assert last["x"] + last["width"] <= row["x"] + row["width"] + 0.5
    seen.page.mouse.wheel(0, 500)
    seen.page.wait_for_timeout(200)
    assert seen.stage.bounding_box()["y"] >= 0 or width > 390  # it stays in sight on a phone


def test_a_tap_marks_and_one_finger_scrolls(bench):
    seen = bench(viewport={"width": 390, "height": 844}, has_touch=True)
    seen.page.touchscreen.tap(*seen.at(0.5, 0.5))
    assert seen.state("place") is not None
    expect(seen.stage).to_have_css("touch-action", "pan-y")
    seen.layer("stage-3")  # whose colour bar has the width of the picture
    assert seen.root.locator(".ramp").first.bounding_box()["width"] > 150


def test_no_request_leaves_this_machine(bench, address):
    seen = bench()
    seen.upload(PHOTO)
    seen.layer("stage-4")
    settle(seen.page)
    assert seen.page.sent
    local = (address, "data:", "blob:")
    assert [url for url in seen.page.sent if not url.startswith(local)] == []
    assert seen.page.title() == text.TITLE


def test_what_the_page_carries_for_the_server_is_not_seen(bench):
    seen = bench()
    seen.mark(100, 100)
    seen.page.wait_for_timeout(600)  # the selection has been told
    expect(seen.page.get_by_text("short_side")).to_be_hidden()
