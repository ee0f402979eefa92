"""Several photos at once on the workbench, in a real browser."""

import csv
import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from ui.service.examples import FOLDER
from uniformer import create_model, segment
from uniformer.engines import optimize_for_inference

pytestmark = pytest.mark.browser

PHOTOS = ["chelsea_cat.jpg", "coffee.jpg", "rocket.jpg"]


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes((FOLDER / PHOTOS[0]).read_bytes()[:2000])
    return path


def photo(bench, name):
    return bench.root.locator(f"[data-photo='{name}']")


def photos(folder, count):
    """Write ``count`` small photos of noise and return where they are."""
    noise = np.random.default_rng(0)
    files = []
    for number in range(count):
        files.append(folder / f"{number}.png")
        Image.fromarray(noise.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(files[-1])
    return files


def test_each_is_labelled_a_failure_is_its_own_line_and_one_table_has_all(bench, broken):
    bench.give([FOLDER / PHOTOS[0], broken, *(FOLDER / name for name in PHOTOS[1:])])
    expect(bench.root.locator("[data-part=batch] .batch-status")).to_have_text("3 of 4 labelled")
    for name in PHOTOS:
        expect(photo(bench, name)).to_have_attribute("data-state", "done")
    expect(photo(bench, "broken.jpg")).to_be_disabled()
    (line,) = bench.root.locator("[data-part=batch] .failures li").all()
    expect(line).to_contain_text("broken.jpg The picture is damaged or cut short")
    assert "chelsea" in bench.state("picture.title")  # the first is shown
    with bench.page.expect_download() as download:
        bench.root.locator("[data-part=batch] [data-do=table]").click()
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
    assert [row["file"] for row in table] == [PHOTOS[0], "broken.jpg", *PHOTOS[1:]]
    assert "is damaged" in table[1]["problem"]
    model = optimize_for_inference(create_model("nano"))
    result = segment(FOLDER / PHOTOS[2], model)
    counted = np.bincount(result.labels.ravel(), minlength=len(model.classes)) / result.labels.size
    told = [float(table[3][f"share of {name}"]) for name in model.classes.names]
    np.testing.assert_allclose(told, counted, atol=0.002)
    assert sum(told) == pytest.approx(1, abs=1e-4)


def test_a_photo_of_the_strip_is_shown_and_labelled_anew_only_if_it_was_forgotten(bench):
    bench.give([FOLDER / name for name in PHOTOS[:2]])
    expect(photo(bench, PHOTOS[1])).to_have_attribute("data-state", "done")
    bench.page.sent.clear()
    photo(bench, PHOTOS[1]).click()
    bench.wait_for("state.picture.title === 'coffee'")
    expect(photo(bench, PHOTOS[1])).to_have_attribute("aria-current", "true")
    photo(bench, PHOTOS[0]).click()
    bench.wait_for("state.picture.title === 'chelsea_cat'")
    shown = bench.root.locator(".pane img").first
    shown.evaluate("image => image.decode()")  # its memory was not let go of meanwhile
    assert not any("api/open" in url for url in bench.page.sent)
    photo(bench, PHOTOS[1]).click()
    bench.wait_for("state.picture.title === 'coffee'")
    bench.page.route("**/api/relabel", lambda route: route.fulfill(status=400, json=GONE))
    photo(bench, PHOTOS[0]).click()
    bench.wait_for("state.picture.title === 'chelsea_cat'")
    assert any("api/open" in url for url in bench.page.sent)
    expect(bench.message).to_be_hidden()


GONE = {"detail": "The server no longer holds this result: give it the picture again."}


def test_it_can_be_stopped_and_gone_on_with(bench, tmp_path):
    held = []
    bench.page.route("**/api/open", lambda route: held.append(route))  # no answer comes
    bench.give(photos(tmp_path, 3))
    expect(photo(bench, "0.png")).to_have_attribute("data-state", "working")
    expect(photo(bench, "1.png")).to_have_attribute("data-state", "waiting")
    bench.root.locator("[data-part=batch] [data-do=stop]").click()
    expect(photo(bench, "0.png")).to_have_attribute("data-state", "waiting")
    assert len(held) == 1  # one at a time
    bench.page.unroute("**/api/open")
    bench.root.locator("[data-part=batch] [data-do=on]").click()
    expect(bench.root.locator("[data-part=batch] .batch-status")).to_have_text("3 of 3 labelled")
    bench.root.locator("[data-part=batch] [data-do=close]").click()
    expect(bench.root.locator("[data-part=batch]")).to_be_hidden()


def test_all_are_labelled_anew_in_the_setting_of_the_picture_shown(bench, tmp_path):
    bench.give(photos(tmp_path, 2))
    expect(bench.root.locator("[data-part=batch] .batch-status")).to_have_text("2 of 2 labelled")
    expect(bench.root.locator("[data-part=batch] [data-do=again]")).to_have_count(0)
    bench.wait_for("state.picture.title === '0'")
    bench.reach("window")
    bench.root.locator("[data-part=batch] [data-do=again]").click()
    photo(bench, "1.png").click()  # before it is its turn, or after: it is what is shown
    bench.wait_for("state.picture.title === '1'")
    assert bench.state("setting.reach") == "window"
    expect(bench.root.locator("[data-part=batch] .batch-status")).to_have_text("2 of 2 labelled")
    expect(bench.root.locator("[data-part=batch] [data-do=again]")).to_have_count(0)
    assert bench.state("picture.title") == "1"


def test_more_than_are_taken_at_once_are_said_to_be_left_out(bench, tmp_path):
    bench.page.route("**/api/open", lambda route: None)
    bench.give(photos(tmp_path, 42))
    expect(bench.root.locator("[data-photo]")).to_have_count(40)
    expect(bench.root.locator("[data-part=batch] .failures")).to_contain_text(
        "2 more were left out"
    )


def test_several_are_dropped_on_the_page(bench):
    bench.page.evaluate(
        """() => {
          const dataTransfer = new DataTransfer();
          for (const name of ["a.png", "b.png"]) dataTransfer.items.add(new File(["x"], name));
          document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }"""
    )
    expect(bench.root.locator("[data-part=batch] .failures li")).to_have_count(2)
    assert bench.state("picture.example")
