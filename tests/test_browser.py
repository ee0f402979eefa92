"""The page in a real browser: what a visitor sees and what goes over the wire."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image
from playwright.sync_api import expect

from analysis.figures.palette import color_steps
from analysis.report.viewer_data import SAFE_COLORS
from ui.messages import page as text
from ui.service.examples import EXAMPLES, FOLDER
from uniformer import create_model, segment
from uniformer.engines import optimize_for_inference
from uniformer.factory import find_config

pytestmark = pytest.mark.browser

PHOTO = FOLDER / "chelsea_cat.jpg"

READ_CANVAS = """() => document.querySelector('[data-part="paint"]').toDataURL("image/png")"""


@pytest.fixture(scope="module")
def address(untrained):
    return untrained


@pytest.fixture(scope="module")
def direct():
    """What the library says about the photo, without the page."""
    torch.manual_seed(0)  # as the page has it
    return segment(PHOTO, optimize_for_inference(create_model("nano", weights=None)))


def key_of(page):
    return page.get_attribute("[data-shown]", "data-shown")


def upload(page, file):
    before = key_of(page)
    page.set_input_files("#photo input[type=file]", file)
    page.wait_for_selector(f'[data-shown]:not([data-shown="{before}"])', state="attached")


def canvas_of(page):
    """Return what is painted over the picture, uint8 RGBA."""
    page.evaluate("() => new Promise(requestAnimationFrame)")
    data = page.evaluate(READ_CANVAS).split(",")[1]
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.array(image.convert("RGBA"))


def legend_of(page):
    rows = page.locator(".class-row")
    return [
        {name: row.locator(f".{name}").inner_text() for name in ("name", "share", "sure", "detail")}
        for row in rows.all()
    ]


def test_page_opens_labelled_and_warns_of_untrained_weights(visit):
    page = visit()
    first = next(iter(EXAMPLES.values()))
    expect(page.locator(".viewer figcaption")).to_contain_text(first.title)
    expect(page.get_by_alt_text(first.alt)).to_have_count(2)  # its thumbnail and the picture
    expect(page.locator(".notice")).to_contain_text("untrained")
    assert page.title() == text.TITLE
    assert canvas_of(page)[..., 3].max() > 0


def test_uploaded_photo_has_the_legend_of_the_library(visit, direct):
    page = visit()
    upload(page, PHOTO)
    expected = [
        {
            "name": row.name,
            "share": f"{100 * row.share:.1f} %" if row.share >= 0.0005 else "< 0.1 %",
            "sure": f"{100 * row.mean_confidence:.0f} % {text.VIEWER['sure']}",
            "detail": f"{text.VIEWER['class_number']} {row.index} · {row.color}",
        }
        for row in direct.table()
    ]
    assert legend_of(page) == expected


def test_opacity_repaints_at_once_without_a_request(visit):
    page = visit()
    before = canvas_of(page)
    page.sent.clear()
    slider = page.locator('[data-part="opacity"]')
    slider.focus()
    slider.press("End")
    expect(page.locator('[data-part="opacity-value"]')).to_have_text("100 %")
    after = canvas_of(page)
    assert (before[..., 3] == 255).mean() < 0.01
    assert (after[..., 3] == 255).all()
    slider.press("Home")
    assert (canvas_of(page)[..., 3] == 0).all()
    assert page.sent == []


@pytest.mark.parametrize("kind", ["confidence", "entropy", "margin"])
def test_a_map_has_its_colour_bar_its_sentence_and_its_values(visit, direct, kind):
    page = visit()
    upload(page, PHOTO)
    page.sent.clear()
    expect(page.locator('[data-part="ramp"]')).to_be_hidden()
    page.get_by_text(text.VIEWER[f"show_{kind}"], exact=True).click()
    expect(page.locator('[data-part="ramp"]')).to_be_visible()
    expect(page.locator('[data-part="says"]')).to_have_text(text.VIEWER[f"says_{kind}"])
    page.locator('[data-part="opacity"]').fill("100")
    values = np.rint(100 * getattr(direct, kind)).astype(int)
    palette = np.array([to_rgb(color) for color in color_steps(101)])
    expected = np.rint(255 * palette[values])
    page.wait_for_function("new Promise(requestAnimationFrame)")
    assert np.abs(canvas_of(page)[..., :3] - expected).max() <= 1
    page.locator('[data-part="stage"]').hover(position={"x": 20, "y": 20})
    expect(page.locator('[data-part="tip-percent"]')).to_have_text(
        re.compile(rf"^{text.VIEWER[f'show_{kind}']} \d+ %$")
    )
    assert page.sent == []


def test_before_and_after_share_the_picture_at_the_line(visit):
    page = visit()
    divide = page.locator('[data-part="divide"]')
    divide.fill("40")
    expect(page.locator('[data-part="divider"]')).to_be_visible()
    expect(page.locator('[data-part="paint"]')).to_have_css("clip-path", "inset(0px 0px 0px 40%)")
    divide.fill("0")
    expect(page.locator('[data-part="divider"]')).to_be_hidden()


def test_safe_colours_are_those_of_the_legend_and_all_differ(visit):
    page = visit()
    upload(page, PHOTO)
    page.get_by_label(text.VIEWER["safe"]).check()
    page.locator('[data-part="opacity"]').fill("100")
    named = [row["detail"].split(" · ")[1] for row in legend_of(page)]
    assert named[:7] == list(SAFE_COLORS[: len(named)])
    assert len(set(SAFE_COLORS)) == 7
    page.wait_for_function("new Promise(requestAnimationFrame)")
    painted = {tuple(color) for color in canvas_of(page)[..., :3].reshape(-1, 3)}
    shown = {tuple(round(255 * part) for part in to_rgb(color)) for color in named}
    assert painted <= shown | {(255, 255, 255)}  # the lines between classes


def test_probe_names_the_class_under_the_cursor_without_a_request(visit, direct):
    page = visit()
    upload(page, PHOTO)
    page.sent.clear()
    box = page.locator('[data-part="stage"]').bounding_box()
    height, width = direct.labels.shape
    for x, y in ((10, 10), (width // 2, height // 2), (width - 5, height - 5)):
        page.mouse.move(
            box["x"] + (x + 0.5) * box["width"] / width,
            box["y"] + (y + 0.5) * box["height"] / height,
        )
        expect(page.locator('[data-part="tip-name"]')).to_have_text(
            direct.classes.names[direct.labels[y, x]]
        )
        expect(page.locator('[data-part="tip-percent"]')).to_have_text(
            f"{np.rint(100 * direct.confidence[y, x]):.0f} %"
        )
    assert page.sent == []


def test_arrow_keys_move_the_probe(visit, direct):
    page = visit()
    upload(page, PHOTO)
    stage = page.locator('[data-part="stage"]')
    stage.focus()
    for key in ("ArrowRight", "Shift+ArrowDown"):
        stage.press(key)
    height, width = direct.labels.shape
    label = direct.labels[height // 2 + 10, width // 2 + 1]
    expect(page.locator('[data-part="tip-name"]')).to_have_text(direct.classes.names[label])
    stage.press("Escape")
    expect(page.locator('[data-part="tip"]')).to_be_hidden()


def test_enter_on_a_legend_row_isolates_its_class(visit, direct):
    page = visit()
    upload(page, PHOTO)
    row = page.locator(".class-row").nth(1)
    row.focus()
    row.press("Enter")
    expect(row).to_have_attribute("aria-pressed", "true")
    colors = canvas_of(page)[..., :3]
    index = direct.table()[1].index
    own = direct.labels == index
    inside = own & np.roll(own, -1, 0) & np.roll(own, -1, 1)
    inside[-1], inside[:, -1] = False, False
    # Colours under partial opacity come back rounded by the canvas.
    distance = np.abs(colors.astype(int) - direct.classes.palette[index]).max(axis=-1)
    assert distance[inside].max() <= 2
    elsewhere = ~own & ~np.roll(own, -1, 0) & ~np.roll(own, -1, 1)
    assert colors[elsewhere].max() < 30
    row.press("Enter")
    expect(row).to_have_attribute("aria-pressed", "false")


def test_broken_file_is_one_sentence_and_the_result_stays(visit):
    page = visit()
    legend, key = legend_of(page), key_of(page)
    page.set_input_files(
        "#photo input[type=file]",
        {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": PHOTO.read_bytes()[:2000]},
    )
    alert = page.get_by_role("alert")
    expect(alert).to_have_text("broken.jpg is damaged or cut short and cannot be read.")
    assert (legend_of(page), key_of(page)) == (legend, key)
    upload(page, PHOTO)
    expect(alert).to_have_count(0)


def test_class_ids_are_downloaded_exactly(visit, direct):
    page = visit()
    upload(page, PHOTO)
    with page.expect_download() as download:
        page.locator('[data-kind="labels"]').click()
    assert download.value.suggested_filename == "chelsea_cat.labels.png"
    with Image.open(io.BytesIO(download.value.path().read_bytes())) as image:
        np.testing.assert_array_equal(image, direct.labels)


def test_example_and_reach_are_changed_on_the_same_page(visit):
    page = visit()
    key = key_of(page)
    example = list(EXAMPLES.values())[1]
    page.get_by_title(example.title).click()
    page.wait_for_selector(f'[data-shown]:not([data-shown="{key}"])', state="attached")
    expect(page.locator('[data-part="credit"]')).to_contain_text(example.credit)
    expect(page.get_by_title(example.title)).to_have_attribute("aria-pressed", "true")
    key = key_of(page)
    page.get_by_label(text.REACH_NAMES["window"], exact=True).check()
    page.wait_for_selector(f'[data-shown]:not([data-shown="{key}"])', state="attached")
    facts = f"window reach, window {find_config('nano').window_size}"
    expect(page.locator('[data-part="facts"]')).to_contain_text(facts)
    expect(page.locator('[data-part="title"]')).to_have_text(example.title)


def test_model_without_weights_is_one_sentence_and_the_result_stays(visit):
    page = visit()
    key = key_of(page)
    choice = page.get_by_role("combobox")
    shown = choice.input_value()
    choice.click()
    page.get_by_role("option").filter(has_text="small-fpn-h14").click()
    expect(page.get_by_role("alert")).to_contain_text("small-fpn-h14")
    expect(choice).to_have_value(shown)
    assert key_of(page) == key


def test_phone_has_no_sideways_scroll(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    picture = page.locator('[data-part="stage"]').bounding_box()
    assert picture["width"] > 340
    assert picture["y"] + picture["height"] < 844


def test_no_request_leaves_this_machine(visit, address):
    page = visit()
    upload(page, PHOTO)
    assert page.sent
    local = (address, "data:", "blob:")
    assert [url for url in page.sent if not url.startswith(local)] == []
