"""A checkpoint of one's own on the workbench, in a real browser."""

import pytest
from playwright.sync_api import expect
from safetensors.torch import load_file, save_file

from uniformer.weights import DATA

pytestmark = pytest.mark.browser

FILE = DATA / "nano.safetensors"


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


def give(bench, part, file):
    """Open a menu and give its box for checkpoints a file."""
    bench.root.locator(f"[data-part={part}]").click()
    box = bench.root.locator(".menu:popover-open .own")
    box.locator("input").set_input_files(file)
    return box


def test_own_checkpoint_labels_the_picture_shown_and_stays_to_choose(bench):
    before = bench.state("picture.key")
    give(bench, "model", FILE)
    bench.wait_for("state.setting.model.startsWith('own:')")
    assert bench.state("picture.key") != before
    chip = bench.root.locator(".top [data-part=model]")
    expect(chip).to_contain_text("Your checkpoint nano.safetensors")
    expect(chip).to_contain_text("50 classes, read as UniFormer nano")
    chip.click()
    expect(bench.root.locator(".menu:popover-open [data-model^='own:']")).to_have_attribute(
        "aria-current", "true"
    )
    bench.root.locator("[data-model=nano]").click()
    bench.wait_for("state.setting.model === 'nano'")
    bench.root.locator("[data-part=compare]").click()
    bench.root.locator("[data-compare^='model-own:']").click()
    bench.wait_for("state.other?.setting.model.startsWith('own:')")


def test_own_checkpoint_stands_beside_the_picture(bench):
    give(bench, "compare", FILE)
    bench.wait_for("state.other?.setting.model.startsWith('own:')")
    assert bench.state("setting.model") == "nano"
    title = bench.root.locator(".pane-title").nth(1)
    expect(title).to_contain_text("Your checkpoint nano.safetensors")


def test_keys_that_are_missing_are_listed_beside_the_box_and_nothing_changes(bench, tmp_path):
    state = load_file(FILE)
    gone = ["decode_head.conv_seg.bias", "backbone.norm3.weight"]
    for key in gone:
        del state[key]
    save_file(state, tmp_path / "mine.safetensors")
    before = bench.state("picture.key")
    box = give(bench, "model", tmp_path / "mine.safetensors")
    expect(box.locator(".problem")).to_contain_text("mine.safetensors comes nearest to nano")
    for key in gone:
        expect(box.locator("[data-keys=missing] li", has_text=key)).to_be_visible()
    assert bench.state("picture.key") == before
    box.locator("input").set_input_files(FILE)  # it can be put right at once
    bench.wait_for("state.setting.model.startsWith('own:')")


def test_a_link_tells_nobody_the_name_of_ones_model(bench):
    give(bench, "model", FILE)
    bench.wait_for("state.setting.model.startsWith('own:')")
    bench.root.locator("[data-part=take-away]").click()
    expect(bench.root.locator(".menu:popover-open")).to_contain_text("nobody else has yours")
