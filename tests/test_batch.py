"""Many photos: the same files whether or not the work was stopped, and by however many hands."""

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from PIL import Image

from uniformer import batch as batches
from uniformer import create_model, manifest
from uniformer.batch import PhotoBatch
from uniformer.cli import main
from uniformer.segmentation import Segmentation
from uniformer.sharding import run_sharded

ROOT = Path(__file__).parents[1]
PHOTOS = 6
QUICK = ["--short-side", "64", "--device", "cpu"]
PREDICTION = {"mode": "whole", "flip": False, "scales": (1.0,), "short_side": 64}
PREDICTION["precision"] = "float32"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """As in the processes started here: the last bit of a sum depends on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch") / "photos"
    folder.mkdir()
    for seed in range(PHOTOS):
        pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"photo{seed}.png")
    return folder


@pytest.fixture(scope="module")
def undisturbed(photos):
    out = photos.parent / "undisturbed"
    assert main(["segment", str(photos), "-o", str(out), *QUICK]) == 0
    return contents(out)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def digests(files):
    """A failure then names the files that differ, where pytest would compare megabytes by line."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def start(photos, out, *options, launcher=()):
    command = [sys.executable, "-m", *launcher, "uniformer", "segment", str(photos)]
    return subprocess.Popen(
        [*command, "-o", str(out), *QUICK, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80"},
    )


def kill_once_begun(process, out):
    """Kill a run as soon as it has finished something, and return how many photos it finished."""
    give_up = time.monotonic() + 120
    while not list(out.glob("*.json")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < give_up
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return len(list(out.glob("*.json")))


def test_a_killed_run_started_again_ends_with_the_bytes_of_an_undisturbed_one(
    photos, undisturbed, tmp_path
):
    done = kill_once_begun(start(photos, tmp_path / "out"), tmp_path / "out")
    assert 0 < done < PHOTOS
    again = start(photos, tmp_path / "out")
    assert again.wait(timeout=180) == 0, again.stderr.read()
    assert digests(contents(tmp_path / "out")) == digests(undisturbed)


def test_what_is_done_is_not_done_again(photos, undisturbed, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    for name, data in undisturbed.items():
        (out / name).write_bytes(data)
    labelled = []
    segment = batches.segment
    monkeypatch.setattr(batches, "segment", lambda *a, **k: labelled.append(a) or segment(*a, **k))
    command = ["segment", str(photos), "-o", str(out), *QUICK]
    assert main(command) == 0
    assert labelled == []
    (out / "photo1.overlay.png").unlink()
    keys = ("picture", "model", "weights", "settings")  # by which this program knows its files
    (out / "photo2.json").write_text(json.dumps(dict.fromkeys(keys)))
    (out / "photo3.json").write_text(json.dumps({key: {} for key in keys}))
    assert main(command) == 0
    assert len(labelled) == 3
    assert digests(contents(out)) == digests(undisturbed)


@pytest.mark.parametrize("change", ["settings", "weights", "versions", "picture"])
def test_another_question_is_answered_anew(photos, tmp_path, monkeypatch, change):
    model, photo = create_model("nano"), photos / "photo0.png"
    PhotoBatch(model, tmp_path, PREDICTION).label(photo, "x")
    before = (tmp_path / "x.json").read_bytes()
    prediction = PREDICTION | ({"flip": True} if change == "settings" else {})
    if change == "weights":
        model = create_model("nano", weights=None)
    if change == "versions":
        monkeypatch.setattr(batches, "versions", lambda: {"torch": "0"})
    if change == "picture":
        photo = photos / "photo1.png"
    ran = []
    segment = batches.segment
    monkeypatch.setattr(batches, "segment", lambda *a, **k: ran.append(a) or segment(*a, **k))
    PhotoBatch(model, tmp_path, prediction).label(photo, "x")
    assert ran
    assert ((tmp_path / "x.json").read_bytes() == before) == (change == "versions")


ALL_BUT_MAPS = ("labels.png", "colors.png", "overlay.png", "json")


def test_a_file_of_another_run_is_never_taken_for_one_of_this(photos, tmp_path):
    photo = photos / "photo0.png"
    old, new = create_model("nano", weights=None), create_model("nano")
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    PhotoBatch(old, out, PREDICTION, ALL_BUT_MAPS).label(photo, "x")
    (out / "x.npz").write_bytes(b"somebody's")
    PhotoBatch(new, out, PREDICTION, ["labels.png"]).label(photo, "x")
    assert set(contents(out)) == {"x.labels.png", "x.json", "x.npz"}
    for files in (["overlay.png"], ALL_BUT_MAPS):
        PhotoBatch(new, out, PREDICTION, files).label(photo, "x")
        assert "x.labels.png" in contents(out)  # of the same run, so it stays
    PhotoBatch(new, fresh, PREDICTION, ALL_BUT_MAPS).label(photo, "x")
    assert digests(contents(out) | {"x.npz": b""}) == digests(contents(fresh) | {"x.npz": b""})
    assert (out / "x.npz").read_bytes() == b"somebody's"


def test_a_run_killed_over_the_files_of_another_leaves_none_that_is_believed(
    photos, tmp_path, monkeypatch
):
    photo = photos / "photo0.png"
    old, new = create_model("nano"), create_model("nano", weights=None)
    PhotoBatch(old, tmp_path, PREDICTION).label(photo, "x")
    before = contents(tmp_path)

    def stop(result, folder, name, files):
        save(result, folder, name, files[:1])
        raise KeyboardInterrupt

    save = Segmentation.save
    monkeypatch.setattr(Segmentation, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        PhotoBatch(new, tmp_path, PREDICTION).label(photo, "x")
    monkeypatch.undo()
    assert contents(tmp_path) != before
    PhotoBatch(old, tmp_path, PREDICTION).label(photo, "x")
    assert digests(contents(tmp_path)) == digests(before)


def test_two_processes_write_what_one_does(photos, undisturbed, tmp_path):
    run = start(photos, tmp_path / "out", "--processes", "2")
    assert run.wait(timeout=240) == 0, run.stderr.read()
    assert digests(contents(tmp_path / "out")) == digests(undisturbed)


@pytest.mark.slow
def test_torchrun_shares_the_photos(photos, undisturbed, tmp_path):
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
    run = start(photos, tmp_path / "out", launcher=launcher)
    assert run.wait(timeout=240) == 0, run.stderr.read()
    assert digests(contents(tmp_path / "out")) == digests(undisturbed)


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them(photos, tmp_path):
    run = start(photos, tmp_path / "out", "--processes", "2")
    give_up = time.monotonic() + 120
    while not list((tmp_path / "out").glob("*.json")):
        assert time.monotonic() < give_up
        time.sleep(0.01)
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    run.kill()
    run.wait()
    give_up = time.monotonic() + 30
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_the_manifest_has_a_row_per_photo_with_shares_that_sum_to_one(undisturbed, tmp_path):
    for name in ("manifest.parquet", "manifest.csv"):
        (tmp_path / name).write_bytes(undisturbed[name])
    rows = pyarrow.parquet.read_table(tmp_path / "manifest.parquet").to_pylist()
    with (tmp_path / "manifest.csv").open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [f"photo{n}" for n in range(PHOTOS)]
    for row, words in zip(rows, written, strict=True):
        record = json.loads(undisturbed[f"{row['name']}.json"])
        assert row["sha256"] == record["picture"]["sha256"]
        assert (row["height_px"], row["width_px"]) == (48, 64)
        shares = {name: value for name, value in row.items() if name.startswith("share of ")}
        assert len(shares) == record["classes"]["count"]
        assert sum(shares.values()) == pytest.approx(1, abs=1e-12)
        assert {entry["name"]: entry["share"] for entry in record["table"]} == {
            name.removeprefix("share of "): value for name, value in shares.items() if value
        }
        assert {name: float(words[name]) for name in shares} == shares


def test_names_that_are_no_text_stop_nothing_and_every_photo_is_told_on_one_line(
    photos, tmp_path, capfd
):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in (b"bad\xff.png", b"two\nlines.png"):
        shutil.copy(photos / "photo0.png", folder / os.fsdecode(name))
    assert main(["segment", str(folder), "-o", str(tmp_path), *QUICK, "--format", "coco"]) == 0
    told = capfd.readouterr().out.splitlines()
    assert sum("-> " in line for line in told) == 3  # the photos, and what is about both
    with (tmp_path / "manifest.csv").open(newline="", encoding="utf-8") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["bad_", "two_lines"]


def test_the_manifest_holds_few_rows_at_a_time(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "ROWS_AT_ONCE", 2)
    batch = PhotoBatch(create_model("nano"), tmp_path, PREDICTION)
    batch.label(photos / "photo0.png", "x")
    rows, most = manifest._rows, []

    def watched(*given):
        for number, row in enumerate(rows(*given)):
            most.append(number)
            yield row

    monkeypatch.setattr(manifest, "_rows", watched)
    manifest.write_manifest(batch, [(photos / "photo0.png", "x")] * 5 + [(Path("absent"), "y")])
    table = pyarrow.parquet.ParquetFile(tmp_path / "manifest.parquet")
    assert table.metadata.num_rows == 5
    assert [table.metadata.row_group(n).num_rows for n in range(3)] == [2, 2, 1]


def test_a_failure_in_a_process_is_told_in_its_own_sentence(photos, tmp_path):
    run = start(photos, tmp_path / "out", "--processes", "2", "--weights", "absent.pth")
    _, said = run.communicate(timeout=240)
    assert run.returncode == 1
    (line,) = said.splitlines()
    assert line.startswith("uniformer: error: There is no file absent.pth")


@pytest.mark.parametrize("processes", [0, -1, 100000])
def test_an_impossible_number_of_processes_is_refused(processes):
    with pytest.raises(ValueError, match="must be from 1 to 256"):
        run_sharded(lambda rank, count: 0, processes)
