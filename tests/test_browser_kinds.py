"""Models of another kind on the workbench: those that prune tokens."""

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
