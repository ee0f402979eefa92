"""A short film on the workbench, in a real browser."""

import csv

import cv2
import pytest
from playwright.sync_api import expect

from ui.service.examples import FOLDER
from uniformer.film import open_film

pytestmark = pytest.mark.browser

FRAMES, RATE = 6, 3.0


@pytest.fixture(scope="module")
def address(bundled):
    return bundled


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A film that goes across a photo."""
    path = tmp_path_factory.mktemp("film") / "walk.mp4"
    photo, size = cv2.imread(str(FOLDER / "coffee.jpg")), (240, 160)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"mp4v"), RATE, size)
    for number in range(FRAMES):
        left = 20 * number
        writer.write(photo[: size[1], left : left + size[0]])
    writer.release()
    return path


def panel(bench):
    return bench.root.locator("[data-part=film]")


def test_a_film_is_labelled_to_watch_and_to_take_away(bench, walk, tmp_path):
    key = bench.state("picture.key")
    bench.give(walk)
    expect(panel(bench)).to_have_attribute("data-state", "done")
    video = panel(bench).locator("video")
    expect(video).to_be_visible()
    length = video.evaluate(
        """(video) => new Promise((done) => {
          const told = () => done([video.duration, video.videoWidth, video.error?.message]);
          if (video.readyState || video.error) told();
          else for (const name of ["loadedmetadata", "error"]) video.addEventListener(name, told);
        })"""
    )
    assert length == [pytest.approx(FRAMES / RATE, abs=1 / RATE), 240, None]
    for name, ending in (("take", "webm"), ("table", "csv")):
        with bench.page.expect_download() as download:
            panel(bench).locator(f"[data-do={name}]").click()
        assert download.value.suggested_filename == f"walk-labels.{ending}"
        download.value.save_as(tmp_path / f"walk.{ending}")
    assert len(list(open_film(tmp_path / "walk.webm").frames())) == FRAMES
    with (tmp_path / "walk.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == FRAMES
    assert bench.state("picture.key") == key  # the picture stays
    panel(bench).locator("[data-do=close]").click()
    expect(panel(bench)).to_be_hidden()


def test_it_can_be_stopped_and_photos_go_on_meanwhile(bench, walk):
    bench.page.route("**/api/film", lambda route: None)  # no answer comes
    bench.give(walk)
    expect(panel(bench)).to_have_attribute("data-state", "working")
    bench.upload(FOLDER / "coffee.jpg")
    with bench.page.expect_event("requestfailed", lambda request: "/film" in request.url):
        panel(bench).locator("[data-do=stop]").click()
    expect(panel(bench)).to_be_hidden()


def test_what_cannot_be_labelled_is_one_sentence(bench):
    bench.give({"name": "walk.mp4", "mimeType": "video/mp4", "buffer": b"no film"})
    expect(panel(bench).locator(".failures")).to_have_text(
        "Give a film as MP4, MOV, WebM, MKV or AVI."
    )
