"""Attribution, interventions, tour, links and report in a real browser."""

import re

import pytest
from playwright.sync_api import expect
from visiting import Workbench, open_tab, settle

from ui.messages import share, what_if, why
from ui.service.examples import EXAMPLES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


def answer_of(page, name):
    return page.locator(f"#{name}-card article.answer")


def test_a_method_answers_with_its_map_and_its_program(visit):
    page = visit()
    open_tab(page, why.TAB)
    expect(page.get_by_label(why.METHOD, exact=True)).to_be_visible()
    page.get_by_label(why.METHOD, exact=True).click()
    page.get_by_role("option", name="Gradient x activation").click()
    expect(page.get_by_text(why.STAGE, exact=True)).to_be_visible()
    page.locator("#attribute-ask").click()
    answer = answer_of(page, "attribute")
    expect(answer).to_be_visible()
    expect(answer.locator("h3")).to_contain_text("Gradient x activation")
    answer.locator(".program summary").click()
    expect(answer.locator(".program code")).to_contain_text("method='gradient-x-activation'")


def test_painted_region_is_what_is_asked_about(visit):
    page = visit(viewport={"width": 700, "height": 700})  # the editor draws without a graphics card
    open_tab(page, why.TAB)
    page.get_by_label(why.REGIONS["mask"], exact=True).check()
    canvas = page.locator("#why-brush canvas").first
    expect(canvas).to_be_visible()
    settle(page)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.55 * box["width"], box["y"] + 0.5 * box["height"], steps=8)
    page.mouse.up()
    settle(page)
    page.get_by_label(why.METHOD, exact=True).click()
    page.get_by_role("option", name="Grad-CAM", exact=True).click()
    page.locator("#attribute-ask").click()
    expect(answer_of(page, "attribute").locator("h3")).to_contain_text("painted region")


def test_an_intervention_shows_what_changed_beside_its_control(visit):
    page = visit()
    open_tab(page, what_if.TAB)
    expect(page.get_by_label(what_if.KIND, exact=True)).to_be_visible()
    page.get_by_label(what_if.KIND, exact=True).click()
    page.get_by_role("option", name=re.compile("a block were skipped")).click()
    expect(page.get_by_label(what_if.BLOCK, exact=True)).to_be_visible()
    page.locator("#what-if-ask").click()
    answer = answer_of(page, "what-if")
    expect(answer).to_be_visible()
    expect(answer).to_contain_text("control")
    expect(answer.locator(".grade").first).to_contain_text("causal")


def test_tour_sets_the_page_and_says_what_is_on_it(visit):
    page = visit()
    seen = Workbench(page)
    seen.root.locator("[data-part=tour-start]").click()
    tour = seen.root.locator("[data-part=tour]")
    first = max(seen.state("picture.classes"), key=lambda each: each["share"])
    expect(tour).to_contain_text(first["name"])
    tour.get_by_role("button", name="Next").click()
    seen.wait_for("state.layer === 'rows' && state.stage === 1")
    expect(seen.tile(1).locator(".far b")).to_contain_text("px")
    far = seen.tile(1).locator(".far b").inner_text().split()[0]
    expect(tour).to_contain_text(f"{far}\u00a0px")
    while (next_ := tour.locator(".primary")).inner_text() == "Next":
        next_.click()
        page.wait_for_timeout(50)
    seen.wait_for("state.picture.example === 'chelsea_cat.jpg'")
    largest = max(seen.state("picture.classes"), key=lambda each: each["share"])
    expect(tour).to_contain_text(largest["name"])
    next_.click()
    expect(tour).to_be_hidden()


def test_link_restores_what_it_was_made_of(visit, address):
    page = visit()
    example = list(EXAMPLES)[2]
    query = f"?example={example}&model=nano&reach=window&window=8&x=100&y=60"
    page.goto(f"{address}{query}&layer=rows&stage=3&block=2&head=1")
    page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
    seen = Workbench(page)
    assert seen.pixel() == (100, 60)
    assert seen.state("picture.example") == example
    assert seen.state("picture.setting.reach") == "window"
    assert seen.state("choices[3]") == {"block": 2, "head": 1}
    open_tab(page, share.TAB)
    field = page.locator("#share-link input")
    expect(field).to_have_value(re.compile(re.escape(query[1:]) + "$"))


def test_a_link_to_what_does_not_exist_says_so_and_opens_the_page(visit, address):
    page = visit()
    page.goto(f"{address}?example={next(iter(EXAMPLES))}&model=none-such&reach=window")
    page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
    seen = Workbench(page)
    expect(seen.message).to_be_visible()
    assert seen.state("picture.model.name") == "nano"


def test_report_answers_the_probe_with_the_network_off(visit, tmp_path):
    page, first = visit(), next(iter(EXAMPLES.values()))
    open_tab(page, share.TAB)
    with page.expect_download() as download:
        page.locator("#share-report").click()
    assert download.value.suggested_filename == f"{first.title.replace(' ', '_')}.html"
    report = tmp_path / "report.html"
    download.value.save_as(report)
    page.context.set_offline(True)
    page.goto(report.as_uri())
    page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
    seen = Workbench(page)
    said = seen.tile(3).locator(".far")
    expect(said).to_contain_text("px")
    before = said.inner_text()
    seen.hover(0.05, 0.05)
    expect(said).not_to_have_text(before)
