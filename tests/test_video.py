import csv
import os
from fractions import Fraction

import cv2
import numpy as np
import pytest

import uniformer
from uniformer import create_model, files
from uniformer.cli import main
from uniformer.film import open_film
from uniformer.video import VideoError, label_video

FRAMES, SIZE, RATE = 4, (64, 48), 5.0
QUICK = {"short_side": 64}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "walk.mp4"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"mp4v"), RATE, SIZE)
    rng = np.random.default_rng(0)
    for _ in range(FRAMES):
        coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        writer.write(np.kron(coarse, np.ones((8, 8, 1), np.uint8)))
    writer.release()
    return path


@pytest.fixture(scope="module")
def nano():
    return create_model("nano")


def frames_of(path):
    film = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    found = []
    while True:
        read, frame = film.read()
        if not read:
            return found, film.get(cv2.CAP_PROP_FPS)
        found.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))


def test_every_frame_is_labelled_as_a_photo_of_it_is(film, nano, tmp_path):
    from uniformer import segment

    told = []
    target = tmp_path / "out" / "walk.webm"
    assert label_video(film, target, nano, progress=lambda *now: told.append(now), **QUICK) == 4
    assert told == [(number, FRAMES) for number in range(1, FRAMES + 1)]
    (labelled, rate), (given, _) = frames_of(target), frames_of(film)
    assert (len(labelled), rate) == (FRAMES, RATE)
    with target.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, (row, frame, shown) in enumerate(zip(rows, given, labelled, strict=True)):
        result = segment(frame, nano, **QUICK)
        assert (int(row["frame"]), float(row["time_s"])) == (number, number / RATE)
        shares = {name: float(row[f"share of {name}"]) for name in nano.classes.names}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        for found in result.table():
            assert shares[found.name] == pytest.approx(found.share, abs=1e-5)
        # VP8 keeps colours only roughly; the photo itself is much farther off.
        overlay = np.asarray(result.overlay(), dtype=float)
        assert np.abs(shown - overlay).mean() < 0.5 * np.abs(frame - overlay).mean()


@pytest.mark.parametrize("content", [b"", b"no film at all" * 100])
def test_what_is_no_film_is_told_in_one_sentence(nano, tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(VideoError, match=r"^a\.mp4 cannot be read as a film: convert it"):
        label_video(tmp_path / "a.mp4", tmp_path / "b.webm", nano)
    with pytest.raises(VideoError, match="There is no file"):
        label_video(tmp_path / "absent.mp4", tmp_path / "b.webm", nano)
    with pytest.raises(VideoError, match="name it that"):
        label_video(tmp_path / "a.mp4", tmp_path / "b.avi", nano)


def test_an_interrupted_run_leaves_no_half_film_and_keeps_the_old_one(film, nano, tmp_path):
    target = tmp_path / "walk.webm"
    target.write_bytes(b"old")
    target.with_suffix(".csv").write_text("frame,time_s,share of interior\n")

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_video(film, target, nano, progress=stop, **QUICK)
    assert {path.name for path in tmp_path.iterdir()} == {"walk.webm", "walk.csv"}
    assert target.read_bytes() == b"old"


def test_the_half_film_of_a_killed_run_goes_with_the_next(film, nano, tmp_path):
    target = tmp_path / "walk.webm"

    def leave_what_a_killed_process_would(done, total):
        (part,) = tmp_path.glob(".*")
        gone = 2**22 + 1  # more than any process is called
        (tmp_path / part.name.replace(str(os.getpid()), str(gone))).touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_video(film, target, nano, progress=leave_what_a_killed_process_would, **QUICK)
    assert len(list(tmp_path.iterdir())) == 1
    files._remove_orphans.cache_clear()  # as in another process
    label_video(film, target, nano, **QUICK)
    assert {path.name for path in tmp_path.iterdir()} == {"walk.webm", "walk.csv"}


def test_command_line_labels_a_film(film, tmp_path, capsys):
    target = tmp_path / "walk.webm"
    command = ["video", str(film), "-o", str(target), "--short-side", "64", "--device", "cpu"]
    assert main(command) == 0
    assert f"4 frames -> {target}" in capsys.readouterr().out
    assert target.with_suffix(".csv").is_file()
    assert main(["video", str(tmp_path / "absent.mp4")]) == 1
    assert capsys.readouterr().err.startswith("uniformer: error: There is no file")


def write_film(path, times, size=SIZE, codec="mpeg4"):
    """A film whose frames are shown at any times, which OpenCV cannot write."""
    av = pytest.importorskip("av")
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=1000)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for time in times:
            coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            pixels = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path


def test_a_film_cut_anywhere_opens_or_is_told_in_one_sentence(tmp_path):
    whole = write_film(tmp_path / "whole.mkv", (0, 0.4)).read_bytes()
    cut = tmp_path / "cut.mkv"
    told = []
    for length in range(50, len(whole), max(1, len(whole) // 40)):
        cut.write_bytes(whole[:length])
        try:
            open_film(cut)
        except VideoError as error:
            told.append(str(error))
    assert len(told) > 1
    assert all(sentence.startswith("cut.mkv cannot be read as a film") for sentence in told)


def csv_times(target):
    with target.with_suffix(".csv").open(newline="") as file:
        return [float(row["time_s"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("reader", ["opencv", "av"])
@pytest.mark.parametrize(
    "times", [(0, 0.4, 0.5, 0.8, 1), (0, 2, 4, 6), (0, 0.033, 0.067, 0.1)], ids=str
)
def test_times_are_those_of_the_container(nano, tmp_path, monkeypatch, times, reader):
    film = write_film(tmp_path / "a.mp4", times)
    if reader == "av":
        monkeypatch.setattr("uniformer.film._OpenCVFilm.is_readable", lambda film: False)
    target = tmp_path / "b.webm"
    assert label_video(film, target, nano, **QUICK) == len(times)
    assert csv_times(target) == pytest.approx(times, abs=0.002)
    monkeypatch.undo()
    shown, rate = frames_of(target)
    starts = [0, *(n for n in range(1, len(shown)) if np.abs(
        shown[n].astype(float) - shown[n - 1]).mean() > 8)]  # fmt: skip
    assert [start / rate for start in starts] == pytest.approx(times, abs=0.06)


@pytest.mark.parametrize("size", [(97, 65), (96, 65), (97, 64)])
def test_odd_sides_are_kept_whole(nano, tmp_path, size):
    film = write_film(tmp_path / "a.mkv", (0, 0.1), size, "ffv1")
    label_video(film, tmp_path / "b.webm", nano, **QUICK)
    from uniformer.film import open_film

    first = next(open_film(film).frames())
    assert first.shape[1::-1] == size
    (shown, _), overlay = frames_of(tmp_path / "b.webm"), uniformer.segment(first, nano, **QUICK)
    expected = np.asarray(overlay.overlay(), dtype=float)
    cut = shown[0][: size[1], : size[0]]
    assert cut.shape == expected.shape
    assert np.abs(cut - expected)[-3:].mean() < 30
    assert np.abs(cut - expected)[:, -3:].mean() < 30


def test_nothing_of_the_users_is_replaced_and_own_films_are(film, nano, tmp_path):
    copy = tmp_path / "a.webm"
    copy.write_bytes(film.read_bytes())
    with pytest.raises(VideoError, match="is the film itself"):
        label_video(copy, copy, nano, **QUICK)
    (tmp_path / "b.csv").write_text("my,own\n")
    with pytest.raises(VideoError, match=r"b\.csv was not written by this program"):
        label_video(copy, tmp_path / "b.webm", nano, **QUICK)
    (tmp_path / "c.webm").write_bytes(b"mine")
    with pytest.raises(VideoError, match=r"c\.webm was not written by this program"):
        label_video(copy, tmp_path / "c.webm", nano, **QUICK)
    assert copy.read_bytes() == film.read_bytes()
    assert (tmp_path / "b.csv").read_text() == "my,own\n"
    assert (tmp_path / "c.webm").read_bytes() == b"mine"
    for _ in range(2):
        assert label_video(copy, tmp_path / "d.webm", nano, **QUICK) == FRAMES


def test_codecs_keep_quiet(film, nano, tmp_path, capfd):
    label_video(film, tmp_path / "a.webm", nano, **QUICK)
    (tmp_path / "cut.mp4").write_bytes(film.read_bytes()[:200])
    with pytest.raises(VideoError):
        label_video(tmp_path / "cut.mp4", tmp_path / "b.webm", nano)
    assert capfd.readouterr() == ("", "")
