"""The workbench while one thing gives way to another: the last wish wins, nothing stays behind."""

import pytest
from playwright.sync_api import expect
from visiting import Workbench, settle

from ui.service.examples import EXAMPLES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


@pytest.fixture
def seen(visit):
    return Workbench(visit())


class Held:
    """Requests to addresses that match ``pattern``, held back until they are let go."""

    def __init__(self, page, pattern):
        self._page, self.routes, self.free = page, [], False
        page.route(pattern, self._take)

    def _take(self, route):
        if self.free:
            route.continue_()
        else:
            self.routes.append(route)

    def wait(self, count=1):
        for _ in range(400):
            if len(self.routes) >= count:
                return
            self._page.wait_for_timeout(25)
        raise AssertionError(f"{len(self.routes)} of {count} requests were sent")

    def let_go(self):
        self.free = True
        while self.routes:
            self.routes.pop(0).continue_()
        settle(self._page)


ADDRESSES = """() => {
  globalThis.addresses = { made: 0, given_back: [] };
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (what) => (addresses.made += 1, createObjectURL.call(URL, what));
  URL.revokeObjectURL = (address) => {
    addresses.given_back.push(address);
    revokeObjectURL.call(URL, address);
  };
}"""

CHANGES = """(part) => {
  globalThis.changes = 0;
  new MutationObserver((list) => { changes += list.length; }).observe(part, {
    childList: true, subtree: true, attributes: true, attributeFilter: ["d"],
  });
}"""

# Says a part of an answer and then nothing more, until it is stopped.
HALF = """(host, sentence) => {
  const { source, layer } = host.bench.slot();
  source.layer = (picture, ask, { signal, onPartial }) => new Promise((_, fail) => {
    onPartial({ done: 1, total: 3, ahead: 0, layer: { ...layer, sentence } });
    signal.addEventListener("abort", () => fail(signal.reason));
  });
}"""


RANDOM = "host => host.bench.relabel({ untrained: true })"


def test_random_weights_can_be_left_again(seen):
    labels = seen.state("picture.labels.join()")
    seen.root.evaluate(RANDOM)
    assert not seen.state("picture.model.trained")
    assert seen.state("picture.labels.join()") != labels
    seen.root.locator(".top [data-part=model]").click()
    seen.root.locator(".model[data-model=nano]").scroll_into_view_if_needed()
    seen.root.locator("[data-part=random]").uncheck()
    seen.root.locator(".model[data-model=nano]").click()
    seen.wait_for("!state.setting.untrained")
    assert seen.state("picture.model.trained")
    assert seen.state("picture.labels.join()") == labels


def test_random_weights_stand_beside_trained_ones_and_the_other_way_round(seen):
    seen.root.evaluate(RANDOM)
    seen.compare("reach-window")
    seen.wait_for("state.other")
    assert not seen.state("other.model.trained")
    seen.compare("model-nano")
    seen.wait_for("state.other?.model.trained")
    assert seen.state("other.setting.reach") == "global"


def test_a_part_of_an_answer_is_shown_before_the_rest_comes(seen):
    seen.mark(225, 205)
    seen.layer("whatif")
    expect(seen.result.locator(".says")).to_be_visible()
    settle(seen.page)
    seen.root.evaluate(HALF, "This much is known.")
    seen.mark(100, 300)
    expect(seen.result.locator(".says")).to_have_text("This much is known.")
    expect(seen.result.locator("progress")).to_be_visible()
    expect(seen.root.locator(".pane canvas").first).to_be_visible()
    assert seen.root.evaluate("host => host.bench.slot().status") == "running"


def test_another_language_stops_what_was_asked_in_the_old_one(seen):
    seen.mark(225, 205)
    seen.layer("whatif")
    expect(seen.result.locator(".says")).to_be_visible()
    held = Held(seen.page, "**/layer*")
    seen.mark(100, 300)
    held.wait()
    gone = []
    seen.page.on("requestfailed", lambda request: gone.append(request.url))
    seen.root.evaluate("host => host.bench.speak('zh')")
    held.wait(2)  # asked anew, in the new language
    assert any("/layer?" in url for url in gone)
    held.let_go()
    expect(seen.result.locator(".says")).to_be_visible()
    seen.page.sent.clear()
    seen.mark(225, 205)
    expect(seen.result.locator(".says")).to_be_visible()
    assert any("/layer?" in url for url in seen.page.sent)  # the English answer is not kept


def test_of_two_languages_the_last_one_wished_for_wins(seen):
    held = Held(seen.page, "**/catalog?*")
    seen.root.evaluate("host => void host.bench.speak('zh')")
    held.wait()
    held.free = True
    seen.root.evaluate("host => host.bench.speak('en')")
    held.let_go()
    expect(seen.root).to_have_attribute("lang", "en")
    expect(seen.root.locator("[data-layer=labels]")).to_have_text("Labels")


def test_a_picture_on_its_way_outlives_a_change_of_language_and_gives_way_to_a_newer(seen):
    names = list(EXAMPLES)
    held = Held(seen.page, "**/open")
    seen.root.evaluate("(host, example) => void host.bench.open({ example })", names[1])
    held.wait()
    seen.root.evaluate("host => host.bench.speak('zh')")
    expect(seen.root.locator(".busy")).to_be_visible()
    seen.root.evaluate("(host, example) => void host.bench.open({ example })", names[2])
    held.wait(2)
    held.routes.pop().continue_()
    seen.wait_for(f"state.picture.example === '{names[2]}'")
    held.let_go()
    assert seen.state("picture.example") == names[2]
    expect(seen.root.locator(".busy")).to_be_hidden()


@pytest.mark.parametrize("instead", ["end", "photo"])
def test_a_comparison_that_was_left_does_not_come_back(seen, instead):
    held = Held(seen.page, "**/relabel")
    seen.compare("reach-window")
    held.wait()
    seen.compare(instead)
    held.let_go()
    assert seen.state("other") is None
    assert seen.state("compare") == (None if instead == "end" else {"kind": "photo"})
    expect(seen.root.locator(".busy")).to_be_hidden()


def test_photos_that_are_shown_no_more_are_given_back(seen):
    first = seen.state("picture.image")
    seen.page.evaluate(ADDRESSES)
    seen.reach("window")
    seen.compare("reach-global")
    seen.wait_for("state.other")
    assert seen.state("picture.image") == seen.state("other.image") == first
    assert seen.page.evaluate("addresses") == {"made": 0, "given_back": []}
    seen.example(list(EXAMPLES)[1])
    assert seen.page.evaluate("addresses") == {"made": 1, "given_back": [first]}
    photo = seen.root.locator(".pane img").first
    seen.page.wait_for_function("(photo) => photo.complete", arg=photo.element_handle())
    assert photo.evaluate("photo => photo.naturalWidth") > 0


def test_what_has_not_changed_is_not_drawn_anew(seen):
    seen.mark(225, 205)
    settle(seen.page)
    for part in (".over g >> nth=0", ".depth"):
        seen.root.locator(part).first.evaluate(CHANGES)
        for across in (0.2, 0.4, 0.6):
            seen.hover(across, 0.5)
        seen.root.evaluate("host => host.bench.slot().changed()")
        seen.page.wait_for_timeout(100)
        if part == ".depth":  # hovering moves nothing while a pixel is marked
            seen.page.evaluate("changes = 0")
            seen.root.evaluate("host => host.bench.slot().changed()")
            seen.page.wait_for_timeout(100)
        assert seen.page.evaluate("changes") == 0, part


@pytest.mark.parametrize("layer", ["nothing", "__proto__"])
def test_a_link_to_a_layer_that_is_not_there_shows_the_labels(visit, address, layer):
    page = visit()
    example = next(iter(EXAMPLES))
    page.goto(f"{address}?example={example}&x=20&y=30&layer={layer}")
    page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
    seen = Workbench(page)
    assert seen.state("layer") == "labels"
    assert seen.state("place") == {"x": 20, "y": 30}
    expect(seen.root.locator(".pane canvas").first).to_be_visible()


def test_blocks_nobody_looks_at_wait_while_a_picture_is_labelled(seen):
    page = seen.page
    blocks, opening = Held(page, "**/block/**"), Held(page, "**/api/open*")
    opening.free = True
    shown, coming = list(EXAMPLES)[1:3]
    seen.example(shown)
    blocks.wait()
    opening.free = False
    seen.root.evaluate(f"host => void host.bench.open({{ example: '{coming}' }})")
    opening.wait()
    asked = [url for url in page.sent if "/block/" in url]
    blocks.free = True
    while blocks.routes:
        blocks.routes.pop(0).continue_()
    while any("/block/" in request.url for request in page.unanswered):
        page.wait_for_timeout(25)
    page.wait_for_timeout(500)
    assert [url for url in page.sent if "/block/" in url] == asked
    opening.let_go()
    seen.wait_for(f"state.picture.example === '{coming}'")
    settle(page)
    loaded = {url for url in page.sent if f"{seen.state('picture.key')}/block/" in url}
    assert len(loaded) == seen.state("picture.stages.reduce((sum, { depth }) => sum + depth, 0)")


# Marks a pixel while a live layer is shown; returns how often Gradio was asked in half a second.
TOLD = """async (host) => {
  performance.clearResourceTimings();
  const start = performance.now();
  host.bench.store.set({ place: { x: 9, y: 8 } });
  await new Promise((done) => setTimeout(done, 500));
  const asked = performance.getEntriesByType("resource").map(({ name }) => name);
  const told = asked.filter((name) => name.includes("/queue/join")).length;
  return performance.now() - start < 900 ? told : "too slow to tell";
}"""


def test_the_tabs_follow_once_a_live_layer_is_there(seen):
    seen.root.evaluate("host => host.bench.store.set({ layer: 'similarity' })")
    settle(seen.page)
    layers = Held(seen.page, "**/layer?*")
    assert seen.root.evaluate(TOLD) in (0, "too slow to tell")
    layers.wait()
    with seen.page.expect_request("**/queue/join*"):
        layers.let_go()
