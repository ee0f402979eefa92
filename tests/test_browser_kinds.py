"""Models of another kind on the workbench: those that prune tokens or name whole pictures."""

import re

import pytest
from playwright.sync_api import expect
from visiting import Workbench, settle

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


def relabelled(seen, model):
    """Label the picture by a model with random weights, and wait until that is shown."""
    setting = f"{{model: '{model}', reach: 'global', untrained: true}}"
    seen.root.evaluate(f"host => host.bench.relabel({setting})")
    seen.wait_for(f"state.picture.model.name === '{model}'")


def test_a_stage_that_prunes_shows_the_tokens_it_kept(visit):
    page = visit()
    seen = Workbench(page)
    seen.layer("stage-3")
    relabelled(seen, "xxs-fpn")
    settle(page)
    assert seen.state("layer") == "kept"
    expect(seen.result).to_contain_text("keeps 50% of the tokens")
    expect(seen.root.locator("[data-layer=stage-3]")).to_have_attribute("aria-pressed", "true")
    kept = "host => Array.from(host.bench.slot().layer.map)"
    page.sent.clear()
    seen.tile(4).click()
    expect(seen.tile(4)).to_have_attribute("aria-pressed", "true")
    seen.root.locator(".options [data-value='1']").click()
    seen.wait_for("state.parameters.kept.block === 1")
    settle(page)
    page.wait_for_function("() => document.querySelector('.lens-workbench').bench.slot().layer")
    found = seen.root.evaluate(kept)
    stage = seen.state("picture.stages[3]")
    assert len(found) == stage["rows"] * stage["columns"]
    assert set(found) == {0, 1}
    assert sum(found) == len(found) // 2
    assert [url for url in page.sent if "/block/3/" in url or "/block/4/" in url] == []
    for local in (1, 2):
        expect(seen.tile(local).locator(".far b")).to_contain_text("px")
    relabelled(seen, "nano")
    assert (seen.state("layer"), seen.state("stage")) == ("rows", 4)
    expect(seen.result).to_contain_text("px away on average")


def test_a_link_to_rows_that_are_not_there_leads_to_the_kept_tokens(visit, address):
    page = visit()
    query = "example=coffee.jpg&model=xxs-fpn&reach=global&untrained=1&layer=rows&stage=3&block=1"
    page.goto(f"{address}?{query}")
    page.wait_for_function("() => document.querySelector('.lens-workbench')?.bench")
    seen = Workbench(page)
    assert seen.state("picture.model.name") == "xxs-fpn"
    assert seen.state("layer") == "kept"
    expect(seen.result).to_contain_text("keeps 50% of the tokens")


def test_a_classifier_ranks_classes_of_the_whole_picture_and_has_the_same_lens(visit):
    page = visit()
    seen = Workbench(page)
    seen.layer("sure")
    seen.root.locator(".top [data-part=model]").click()
    choice = seen.root.locator("[data-model=xxs-cls]")
    expect(choice).to_be_disabled()  # its weights are elsewhere
    seen.root.locator("[data-part=random]").check()
    choice.click()
    seen.wait_for("state.picture.model.name === 'xxs-cls'")
    expect(seen.root.locator("[data-layer=sure]")).to_have_count(0)
    assert seen.state("layer") == "labels"
    expect(seen.answer).not_to_have_class(re.compile("waiting"))
    settle(page)
    page.sent.clear()
    said = []
    for place in ((0.2, 0.2), (0.8, 0.7)):
        seen.hover(*place)
        names = seen.answer.locator(".bar .name").all_inner_texts()
        said.append((names, seen.answer.locator(".bar .value").all_inner_texts()))
        expect(seen.tile(2).locator(".far b")).to_contain_text("px")
    assert said[0] == said[1]
    assert len(set(said[0][0])) == 5
    assert page.sent == []
    assert seen.answer.locator(".where").inner_text().startswith("The whole picture.")
    seen.answer.locator(".bar").nth(1).click()
    expect(seen.result).to_contain_text("Score of the region")
    assert seen.state("against") is not None
    expect(seen.root.locator(".regions")).to_be_hidden()
    seen.layer("whatif")
    expect(seen.root.locator("[data-region=segment]")).to_be_disabled()
    expect(seen.root.locator("[data-region=pixel]")).to_have_attribute("aria-pressed", "true")
    seen.layer("labels")
    seen.root.locator(".top [data-part=model]").click()
    expect(choice).to_have_attribute("aria-current", "true")
    page.keyboard.press("Escape")
    seen.root.locator("[data-part=take-away]").click()
    kinds = seen.root.locator(".kinds [data-take]").evaluate_all(
        "all => all.map(e => e.dataset.take)"
    )
    assert kinds == ["json", "python", "command"]


def test_random_weights_of_a_model_that_has_its_own_are_left_by_choosing_it(visit):
    seen = Workbench(visit())
    relabelled(seen, "nano")
    seen.wait_for("state.setting.untrained === true")
    seen.root.locator(".top [data-part=model]").click()
    expect(seen.root.locator("[data-part=random]")).not_to_be_checked()
    seen.root.locator("[data-model=nano]").click()
    seen.wait_for("state.picture.model.trained && !state.setting.untrained")
