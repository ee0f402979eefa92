"""A film on the workbench's address: frame by frame, within bounds, and never in anybody's way."""

from __future__ import annotations

import csv
import io
import json
import threading

import cv2
import numpy as np
import pytest
from workbench import last, read_frames, served

import uniformer
from ui.host.settings import Settings
from ui.messages import web as text
from ui.service import films
from uniformer.engines import optimize_for_inference
from uniformer.film import open_film
from uniformer.video import LabelledFrame

RATE = 5.0
SETTING = json.dumps({"shortSide": 64, "reach": "window", "windowSize": 7})


@pytest.fixture(scope="module")
def page():
    """The addresses, for frames of up to 0.1 million pixels."""
    with served(Settings(picture_pixels=100_000)) as visitor:
        yield visitor


def written(path, frames=4, size=(64, 48), rate=RATE):
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
    rng = np.random.default_rng(0)
    for _ in range(frames):
        coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        writer.write(cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST))
    writer.release()
    return path


def given(page, content, **options):
    files = {"file": ("walk.mp4", content)}
    return page.post("api/film", data={"setting": SETTING}, files=files, **options)


def test_a_film_is_labelled_as_its_frames_are_in_the_setting_asked_for(page, tmp_path):
    path = written(tmp_path / "walk.mp4")
    *steps, (facts, parts) = read_frames(given(page, path.read_bytes()).content)
    assert [step["done"] for step, _ in steps if step["total"] == 4] == [1, 2, 3, 4]
    shown = next(arrays["preview"] for _, arrays in steps if arrays)
    assert cv2.imdecode(shown, cv2.IMREAD_COLOR).shape == (48, 64, 3)
    assert facts["notices"] == []
    shares = [one["share"] for one in facts["classes"]]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    model = uniformer.create_model("nano")
    model.set_reach("window", 7)
    fast = optimize_for_inference(model)
    rows = list(csv.DictReader(io.StringIO(parts["table"].tobytes().decode())))
    first = facts["classes"][0]
    assert first["color"] == fast.classes.colors[fast.classes.names.index(first["name"])]
    mean = np.mean([float(row[f"share of {first['name']}"]) for row in rows])
    assert first["share"] == pytest.approx(mean)
    for row, frame in zip(rows, open_film(path).frames(), strict=True):
        result = uniformer.segment(frame, fast, short_side=64)
        counted = np.bincount(result.labels.ravel(), minlength=50) / result.labels.size
        told = [float(row[f"share of {name}"]) for name in fast.classes.names]
        np.testing.assert_allclose(told, counted, atol=2e-3)
    (tmp_path / "labelled.webm").write_bytes(parts["film"].tobytes())
    assert len(list(open_film(tmp_path / "labelled.webm").frames())) == 4


def test_what_is_too_long_or_too_large_is_refused_before_anything_is_labelled(
    page, tmp_path, monkeypatch
):
    monkeypatch.setattr(films, "MOST_FRAMES", 3)
    monkeypatch.setattr(films, "MOST_SECONDS", 2)
    for frames, rate in ((4, RATE), (3, 0.5)):
        content = written(tmp_path / "long.mp4", frames, rate=rate).read_bytes()
        *steps, (told, _) = read_frames(given(page, content).content)
        assert told["error"] == text.FILM_TOO_LONG.format(frames=3, seconds=2)
        assert not any(step["total"] for step, _ in steps)
    large = written(tmp_path / "large.mp4", 1, size=(400, 300)).read_bytes()
    assert "400 x 300" in last(given(page, large))[0]["error"]


def test_large_frames_are_made_smaller_and_that_is_said(page, tmp_path, monkeypatch):
    monkeypatch.setattr(films, "FRAME_PIXELS", 64 * 48)
    content = written(tmp_path / "large.mp4", 2, size=(128, 96)).read_bytes()
    facts, parts = last(given(page, content))
    (tmp_path / "labelled.webm").write_bytes(parts["film"].tobytes())
    assert next(open_film(tmp_path / "labelled.webm").frames()).shape == (48, 64, 3)
    assert facts["notices"] == [text.FILM_SMALLER.format(shown="64 × 48", whole="128 × 96")]


def test_a_model_that_labels_no_pixels_says_so(page, tmp_path):
    content = written(tmp_path / "walk.mp4").read_bytes()
    setting = json.dumps({"model": "xxs-cls", "untrained": True})
    files = {"file": ("walk.mp4", content)}
    told, _ = last(page.post("api/film", data={"setting": setting}, files=files))
    assert told["error"] == text.FILM_NEEDS_SEGMENTER


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "content",
    [b"", b"no film", PLAYLIST, b"ffconcat version 1.0\nfile /etc/passwd\n", b"GIF89a", b"<MPD/>"],
)
def test_what_is_no_film_of_a_usual_kind_is_never_opened(page, content, monkeypatch):
    """Some of what is read as a film names files of this machine, or addresses, to be read."""
    monkeypatch.setattr(films, "open_film", None)
    assert last(given(page, content))[0]["error"] == text.NO_FILM


def test_a_film_that_breaks_off_is_one_sentence_without_a_path(page, tmp_path):
    content = written(tmp_path / "walk.mp4").read_bytes()[:64]
    assert last(given(page, content))[0]["error"] == text.FILM_UNREADABLE


def test_a_film_is_in_nobodys_way_and_stops_when_nobody_waits(page, tmp_path, monkeypatch):
    closed = threading.Event()

    def endless(*_, **__):
        try:
            while not closed.wait(0.05):
                yield LabelledFrame(np.zeros((8, 8, 3), np.uint8), 10)
        finally:
            closed.set()

    monkeypatch.setattr("ui.service.gpu_calls.label_film", endless)
    content = written(tmp_path / "walk.mp4").read_bytes()
    files = {"file": ("walk.mp4", content)}
    with page.stream("POST", "api/film", data={"setting": SETTING}, files=files) as answer:
        parts = answer.iter_bytes()  # let go of, it would end the answer
        next(parts)
        photo = page.post("api/open", data={"setting": "{}", "example": "coffee.jpg"})
        assert last(photo)[0]["title"]
        with page.stream("POST", "api/film", data={"setting": SETTING}, files=files) as second:
            waiting = second.iter_bytes()
            ((told, _),) = read_frames(next(waiting))
        assert told["ahead"] == 1  # one long thing of a visitor at a time
        assert not closed.is_set()
    assert closed.wait(10)


def test_without_a_film_nothing_is_done(page):
    assert page.post("api/film", data={"setting": "{}"}).status_code == 400
    foreign = given(page, b"x", headers={"origin": "https://example.org"})
    assert foreign.status_code == 403
