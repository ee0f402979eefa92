import csv

import cv2
import numpy as np
import pytest

from uniformer import create_model
from uniformer.cli import main
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

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_video(film, target, nano, progress=stop, **QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["walk.webm"]
    assert target.read_bytes() == b"old"


def test_command_line_labels_a_film(film, tmp_path, capsys):
    target = tmp_path / "walk.webm"
    command = ["video", str(film), "-o", str(target), "--short-side", "64", "--device", "cpu"]
    assert main(command) == 0
    assert f"4 frames -> {target}" in capsys.readouterr().out
    assert target.with_suffix(".csv").is_file()
    assert main(["video", str(tmp_path / "absent.mp4")]) == 1
    assert capsys.readouterr().err.startswith("uniformer: error: There is no file")
