"""What the page once got wrong in front of visitors, each tried in a real browser."""

import pytest
from playwright.sync_api import expect
from visiting import Workbench, open_tab, settle

from ui.layout import TABS
from ui.service.examples import EXAMPLES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


WIDTHS = """(node) =>
  [node.scrollWidth, node.clientWidth, node.getBoundingClientRect().right]"""


def numbers_of(seen):
    return [seen.tile(stage).locator(".far").inner_text() for stage in (1, 2, 3, 4)]


@pytest.mark.parametrize("change", ["picture", "reach"])
def test_no_numbers_of_what_was_shown_before_stay_while_a_block_is_fetched(visit, change):
    page = visit()
    seen = Workbench(page)
    seen.layer("stage-3")
    seen.root.locator(".options [data-value='1']").last.click()
    expect(seen.result).to_contain_text("head 1")
    before = seen.state("picture.key")
    held, free = [], []
    page.route("**/block/**", lambda route: route.continue_() if free else held.append(route))
    if change == "picture":
        seen.example(list(EXAMPLES)[3])
    else:
        seen.reach("window")
    assert seen.state("picture.key") != before
    expect(seen.tile(3).locator(".far b")).to_have_text("…")
    assert all("…" in said for said in numbers_of(seen))
    expect(seen.result).not_to_contain_text("px")
    expect(seen.root.locator(".pane canvas").first).to_be_hidden()  # nor its map
    free.append(True)
    for route in held:
        route.continue_()
    expect(seen.tile(3).locator(".far b")).to_contain_text("px")
    expect(seen.result).to_contain_text("head 1")
    assert seen.tile(3).get_attribute("data-of").startswith(seen.state("picture.key"))


def test_a_block_that_cannot_be_had_is_a_sentence_and_not_for_ever_on_its_way(visit):
    page = visit()
    seen = Workbench(page)
    page.route("**/block/3/5", lambda route: route.abort())
    seen.layer("stage-3")
    seen.example(list(EXAMPLES)[2])
    expect(seen.result.locator(".problem")).to_contain_text("cannot be reached")
    page.unroute("**/block/3/5")
    seen.result.get_by_role("button", name="Try again").click()
    expect(seen.result.locator(".says")).to_be_visible()


def test_blocks_and_heads_are_counted_alike_everywhere(visit):
    seen = Workbench(visit())
    seen.layer("stage-3")
    blocks = seen.root.locator(".options .segmented").nth(0).locator("button")
    heads = seen.root.locator(".options .segmented").nth(1).locator("button")
    assert blocks.all_inner_texts() == [str(block) for block in range(6)]
    assert heads.all_inner_texts() == ["mean", *(str(head) for head in range(5))]
    blocks.nth(2).click()
    heads.nth(4).click()
    for said in (seen.result, seen.tile(3)):
        expect(said).to_contain_text("block 2")
        expect(said).to_contain_text("head 3")
    if seen.root.locator("[data-layer=whatif]").count():
        seen.layer("whatif")
        seen.root.locator(".options select").first.select_option(label="One head were silent")
        assert seen.root.evaluate("host => host.bench.slot().ask.parameters.block") == 2
        assert seen.root.evaluate("host => host.bench.slot().ask.parameters.head") == 3


def test_the_marked_pixel_is_what_every_tab_asks_about(visit):
    page = visit()
    seen = Workbench(page)
    seen.click(0.3, 0.6)
    x, y = seen.pixel()
    settle(page)
    page.wait_for_timeout(400)
    open_tab(page, TABS["fields"].NAME)
    expect(page.locator(".block.place-line:visible")).to_contain_text(f"({x}, {y})")
    seen.click(0.6, 0.4)
    x, y = seen.pixel()
    expect(page.locator(".block.place-line:visible")).to_contain_text(f"({x}, {y})")


def test_a_new_picture_takes_mark_and_comparison_with_it(visit):
    seen = Workbench(visit())
    seen.click(0.3, 0.6)
    seen.compare("photo")
    expect(seen.root.locator(".pane").nth(1)).to_be_visible()
    seen.example(list(EXAMPLES)[2])
    assert seen.state("place") is None
    assert seen.state("compare") is None
    expect(seen.root.locator(".pane").nth(1)).to_be_hidden()
    seen.root.locator(".top [data-part=picture]").click()
    current = seen.root.locator("[data-example][aria-current=true]")
    expect(current).to_have_count(1)  # and the right one is highlighted
    assert current.get_attribute("data-example") == list(EXAMPLES)[2]


def test_a_comparison_with_the_same_is_not_offered(visit):
    seen = Workbench(visit())
    seen.root.locator("[data-part=compare]").click()
    offered = seen.root.locator("[data-compare^=reach-]").all()
    assert {each.get_attribute("data-compare") for each in offered} == {
        "reach-hybrid",
        "reach-window",
    }


def test_an_answer_is_on_the_first_screen_of_a_small_laptop(visit):
    seen = Workbench(visit(viewport={"width": 1280, "height": 720}))
    seen.mark(225, 205)
    seen.layer("stage-3")
    expect(seen.result.locator(".says")).to_be_in_viewport(ratio=1)
    expect(seen.root.locator(".ramp")).to_be_in_viewport()
    seen.compare("reach-window")
    seen.wait_for("state.other")
    seen.root.locator("[data-part=compare]").click()
    seen.root.locator("[data-compare=beside]").click()
    seen.page.keyboard.press("Escape")
    for pane in seen.root.locator(".pane").all():
        expect(pane).to_be_in_viewport(ratio=1)
    expect(seen.root.locator(".ramp")).to_have_count(1)  # one scale for both


def test_nothing_is_cut_on_a_phone(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    seen = Workbench(page)
    seen.mark(225, 205)
    seen.layer("stage-3")
    expect(seen.result.locator(".says")).to_be_visible()
    for part in ("h2", "h3", ".says", ".numbers dd", ".tile-head b", ".sentence"):
        for shown in seen.root.locator(f".right {part}").all():
            needs, has, right = shown.evaluate(WIDTHS)
            assert needs <= max(has, 1) or has == 0, part
            assert right <= 390, part


def test_the_link_of_a_view_restores_all_of_it(visit, address):
    page = visit()
    seen = Workbench(page)
    seen.mark(225, 205)
    seen.layer("stage-3")
    seen.root.locator(".options [data-value='2']").last.click()
    seen.root.locator("[data-part=take-away]").click()
    seen.root.locator("[data-take=link]").click()
    page.wait_for_function("() => location.search.includes('layer=rows')")
    names = ("place", "layer", "stage", "choices[3]", "picture.example", "region")
    before = [seen.state(name) for name in names]
    page.goto(page.url)
    page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
    assert [seen.state(name) for name in names] == before


def test_a_long_answer_blocks_nobody_and_stops_when_told(visit):
    asking, other = Workbench(visit()), None
    asking.mark(225, 205)
    asking.layer("why")
    asking.root.locator(".options select").first.select_option(label="Occlusion")
    asking.result.locator("[data-part=start]").click()
    expect(asking.result.locator("[data-part=stop]")).to_be_visible()
    other = Workbench(visit())
    other.example(list(EXAMPLES)[1])  # labelled while the other answer is made
    other.layer("why")
    expect(other.result.locator(".says")).to_be_visible()
    if asking.root.evaluate("host => host.bench.slot().status") == "running":
        asking.result.locator("[data-part=stop]").click()
        expect(asking.result.locator("[data-part=start]")).to_be_visible()


def test_a_rival_is_asked_about_and_a_method_without_classes_says_nothing_of_it(visit):
    seen = Workbench(visit())
    seen.mark(225, 205)
    rival = seen.answer.locator(".bar").nth(1)
    expect(rival).to_be_visible()
    rival.click()
    against = int(rival.get_attribute("data-class"))
    assert seen.root.evaluate("host => host.bench.slot().ask.against") == against
    expect(seen.result.locator(".says")).to_be_visible()
    plain = seen.result.locator(".says").inner_text()
    seen.root.locator(".options select").first.select_option(label="EigenCAM")
    assert seen.root.evaluate("host => host.bench.slot().ask.against ?? null") is None
    expect(seen.result.locator("h3")).to_have_text("EigenCAM")
    expect(seen.result.locator(".says")).to_be_visible()
    assert plain
    expect(seen.result.locator(".says")).not_to_contain_text("rather than")


def test_a_layer_of_the_place_before_is_never_shown_as_that_of_the_new_one(visit):
    seen = Workbench(visit())
    seen.mark(225, 205)
    seen.layer("why")
    expect(seen.result.locator(".says")).to_be_visible()
    first = seen.root.evaluate("host => host.bench.slot().key")
    at_once = seen.root.evaluate(
        """(host) => {
          host.bench.store.set({ place: { x: 60, y: 400 } });
          const { key, layer } = host.bench.slot();
          return { key, layer };
        }"""
    )
    assert at_once["key"] != first
    assert at_once["layer"] is None
    expect(seen.result.locator(".says")).to_be_visible()
    assert seen.root.evaluate("host => host.bench.slot().ask.x") == 60


def test_a_map_of_why_opens_the_check_whether_it_is_faithful(visit):
    seen = Workbench(visit())
    seen.mark(225, 205)
    seen.layer("why")
    expect(seen.result.locator(".says")).to_be_visible()
    method = seen.state("layer")
    seen.result.locator("[data-part=faithful]").click()
    assert seen.state("layer") == "faithfulness"
    assert seen.root.evaluate("host => host.bench.slot().ask.parameters.methods") == method
    assert seen.state("place") == {"x": 225, "y": 205}
    expect(seen.result.locator("[data-part=start]")).to_be_visible()  # it takes its time
    expect(seen.result.locator("[data-part=faithful]")).to_have_count(0)
    seen.root.evaluate("host => host.bench.store.set({layer: 'rollout'})")
    expect(seen.result.locator("h3")).to_have_text("Rollout")
    expect(seen.result.locator("[data-part=faithful]")).to_have_count(0)  # no map of a score


# Notes when a layer has come, and how long the page then keeps the browser busy with drawing it.
DRAWN = """host => {
  const { source } = host.bench.slot();
  const ask = source.layer.bind(source);
  globalThis.drawn = [];
  source.layer = async (...given) => {
    const layer = await ask(...given);
    const start = performance.now();
    const tasks = [];
    const watch = new PerformanceObserver((list) => tasks.push(...list.getEntries()));
    watch.observe({ type: "longtask" });
    setTimeout(() => {
      watch.disconnect();
      const late = tasks.filter((task) => task.startTime >= start - 1);
      const busy = late.reduce((sum, task) => sum + task.duration, 0);
      drawn.push({ seconds: layer.seconds, busy: busy / 1000 });
    }, 600);
    return layer;
  };
}"""

LEAST_SECONDS = 0.15
"""Of drawing that a visitor does not feel, on a machine with other work."""


def test_drawing_a_live_layer_costs_no_more_than_computing_it(visit):
    """Of several places one is enough: what a busy machine takes away is no cost of drawing."""
    seen = Workbench(visit())
    seen.layer("why")
    expect(seen.result.locator(".says")).to_be_visible()
    settle(seen.page)
    seen.root.evaluate(DRAWN)
    for count, x in enumerate((60, 150, 250), start=1):
        seen.mark(x, 205)
        seen.page.wait_for_function(f"drawn.length === {count}")
    found = seen.page.evaluate("drawn")
    assert any(each["busy"] <= max(each["seconds"], LEAST_SECONDS) for each in found), found
