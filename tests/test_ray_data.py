"""Labelling through Ray Data writes the files of a plain run."""

from __future__ import annotations

import errno
import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from uniformer.cli import main
from uniformer.ray_data import LabelPhotos


@pytest.fixture
def rows(tmp_path):
    """Three photos, the last of them broken."""
    (tmp_path / "photos").mkdir()
    for seed in range(2):
        pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"p{seed}.png")
    (tmp_path / "photos" / "p2.png").write_bytes(b"not a picture")
    return [{"photo": str(tmp_path / "photos" / f"p{n}.png"), "name": f"p{n}"} for n in range(3)]


def digests(folder):
    files = (file for file in folder.iterdir() if file.name.startswith("p"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture
def plain(rows, tmp_path):
    """The files of the command line, with one thread as Ray's workers have."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    out = tmp_path / "plain"
    assert main(["segment", str(tmp_path / "photos"), "-o", str(out), "--short-side", "64"]) == 1
    yield digests(out)
    torch.set_num_threads(threads)


def test_the_class_writes_the_files_of_the_command_and_tells_of_each_photo(rows, plain, tmp_path):
    label = LabelPhotos(tmp_path / "out", short_side=64)
    told = label({key: np.array([row[key] for row in rows]) for key in ("photo", "name")})
    assert digests(tmp_path / "out") == plain
    assert len(plain) == 6
    assert [bool(error) for error in told["error"]] == [False, False, True]
    assert "not a picture" in told["error"][2]
    assert all(0 < share <= 1 for share in told["largest_share"][:2])
    assert list(told["name"]) == ["p0", "p1", "p2"]


def told_of(label, rows):
    return label({key: np.array([row[key] for row in rows]) for key in ("photo", "name")})


def fail_with(monkeypatch, label, failures):
    """Let photos called so fail; the others are labelled."""
    plain = label._batch.label

    def labelled(photo, name):
        if name in failures:
            raise failures[name]
        return plain(photo, name)

    monkeypatch.setattr(label._batch, "label", labelled)


def test_whatever_one_row_does_the_others_are_labelled(rows, tmp_path, monkeypatch):
    label = LabelPhotos(tmp_path / "out", short_side=64)
    fail_with(monkeypatch, label, {"p0": RuntimeError("Out of memory.")})
    told = told_of(label, rows[:2])
    assert list(told["error"]) == ["RuntimeError: Out of memory.", ""]
    assert told["largest_share"][1] > 0


def test_a_full_disk_ends_the_job(rows, tmp_path, monkeypatch):
    label = LabelPhotos(tmp_path / "out", short_side=64)
    fail_with(monkeypatch, label, {"p1": OSError(errno.ENOSPC, "No space left on device", "p1")})
    with pytest.raises(OSError, match="No space"):
        told_of(label, rows)


def test_what_every_row_would_meet_ends_the_job_soon(rows, tmp_path, monkeypatch):
    label = LabelPhotos(tmp_path / "out", short_side=64)
    fail_with(monkeypatch, label, {f"p{n}": RuntimeError("No device.") for n in range(100)})
    many = [{"photo": rows[0]["photo"], "name": f"p{n}"} for n in range(100)]
    with pytest.raises(RuntimeError, match="No device"):
        told_of(label, many)


@pytest.mark.slow
def test_ray_data_writes_the_files_of_the_command(rows, plain, tmp_path):
    import ray

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        told = (
            ray.data.from_items(rows)
            .map_batches(
                LabelPhotos,
                fn_constructor_args=(str(tmp_path / "out"),),
                fn_constructor_kwargs={"short_side": 64},
                batch_size=2,
                concurrency=1,
            )
            .take_all()
        )
    finally:
        ray.shutdown()
    assert digests(tmp_path / "out") == plain
    assert sorted(row["name"] for row in told if row["error"]) == ["p2"]
