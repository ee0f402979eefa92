"""Commands over folders: nothing of the user's is replaced, nothing written here is read again."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import uniformer.batch
from analysis.cli.main import main as ask
from uniformer import create_model
from uniformer.cli import main
from uniformer.dataset import DatasetError
from uniformer.evaluate import evaluate

QUICK = ["--short-side", "64", "--device", "cpu"]


@pytest.fixture(autouse=True)
def one_model(monkeypatch):
    """Untrained and made once: what is labelled how does not matter here."""
    torch.manual_seed(0)
    model = create_model("nano", weights=None)
    monkeypatch.setattr("uniformer.commands.create_model", lambda *_, **__: model)
    monkeypatch.setattr("uniformer.commands.optimize_for_inference", lambda model, *_: model)
    return model


def photo(file, seed=0):
    file.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(values).save(file)
    return file


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_results_beside_the_photos_leave_everything_as_it_was(tmp_path, capsys):
    photo(tmp_path / "a.png")
    photo(tmp_path / "a.labels.png", 1)
    (tmp_path / "a.json").write_text('{"version": "5.0.1", "shapes": []}')
    before = contents(tmp_path)
    for _ in range(3):
        assert main(["segment", str(tmp_path), "-o", str(tmp_path), *QUICK]) == 0
        now = contents(tmp_path)
        assert {name: now[name] for name in before} == before
        assert {name.split(".")[0] for name in now} == {"a", "a-2"}
    assert "1 picture taken; left out: " in capsys.readouterr().err
    photo(tmp_path / "b.png", 2)
    assert main(["segment", str(tmp_path), "-o", str(tmp_path), *QUICK]) == 0
    rows = (tmp_path / "manifest.csv").read_text().splitlines()[1:]
    assert len(rows) == 2


def test_a_table_of_somebody_else_is_kept(tmp_path, capsys):
    for name in "ab":
        photo(tmp_path / f"{name}.png")
    (tmp_path / "manifest.csv").write_text("my,own\n")
    assert main(["segment", str(tmp_path), "-o", str(tmp_path), *QUICK]) == 1
    assert "manifest.csv was not written by this program" in capsys.readouterr().err
    assert (tmp_path / "manifest.csv").read_text() == "my,own\n"
    assert not list(tmp_path.glob("*.labels.png"))


def test_one_bad_photo_of_any_kind_is_one_line_and_the_rest_is_done(tmp_path, monkeypatch, capsys):
    long = "x" * 240
    for name in ("a", "b", "c", "d", long):
        photo(tmp_path / "in" / f"{name}.png", len(name) + ord(name[0]))
    (tmp_path / "in" / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    segment = uniformer.batch.segment
    troubles = iter([RuntimeError("not enough memory"), OSError(28, "No space left on device")])

    def sometimes(picture, *given, **options):
        if picture.pixels[0, 0, 0] % 3 == 0 and (trouble := next(troubles, None)):
            raise trouble
        return segment(picture, *given, **options)

    monkeypatch.setattr(uniformer.batch, "segment", sometimes)
    code = main(["segment", str(tmp_path / "in"), "-o", str(tmp_path / "out"), *QUICK])
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    done = len(list((tmp_path / "out").glob("*.json")))
    assert code == 1
    assert len(lines) == 5 - done
    assert any("c.png" in line and "damaged" in line for line in lines)
    assert (tmp_path / "out" / "manifest.csv").is_file()


def annotated(folder, name, value, seed=0):
    photo(folder / "i" / f"{name}.png", seed)
    truth = np.full((48, 64), value, dtype=np.uint8)
    (folder / "m").mkdir(exist_ok=True)
    Image.fromarray(truth).save(folder / "m" / f"{name}.png", compress_level=0)


def test_a_corrected_mask_of_equal_size_is_scored_anew(tmp_path, one_model):
    annotated(tmp_path, "a", 3)
    annotated(tmp_path, "b", 4, 1)
    folders, state = (tmp_path / "i", tmp_path / "m"), tmp_path / "r.json"
    first = evaluate(one_model, *folders, short_side=64, resume=state)
    size = (tmp_path / "m" / "a.png").stat().st_size
    annotated(tmp_path, "a", 7)
    assert (tmp_path / "m" / "a.png").stat().st_size == size
    again = evaluate(one_model, *folders, short_side=64, resume=state)
    assert again.confusion[7].sum() == 48 * 64
    assert first.confusion[7].sum() == 0
    assert "started again" in again.notes[0]
    assert "started again" in again.table()
    third = evaluate(one_model, *folders, short_side=64, resume=state)
    assert third == again
    assert third.notes == ()


def test_a_state_that_knew_sizes_alone_is_not_believed(tmp_path, one_model):
    annotated(tmp_path, "a", 3)
    folders, state = (tmp_path / "i", tmp_path / "m"), tmp_path / "r.json"
    evaluate(one_model, *folders, short_side=64, resume=state)
    content = json.loads(state.read_text())
    del content["read"]
    content["identity"]["files"] = "a digest of names and sizes"
    content["counts"][0][3][0] = 10**6
    state.write_text(json.dumps(content))
    found = evaluate(one_model, *folders, short_side=64, resume=state)
    assert found.pixels == 48 * 64
    content["identity"]["settings"] = {}
    state.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="another evaluation"):
        evaluate(one_model, *folders, short_side=64, resume=state)


def test_evaluation_tells_what_it_left_out_and_keeps_a_file_that_is_no_report(tmp_path, capsys):
    annotated(tmp_path, "a", 3)
    (tmp_path / "m" / "a.png").rename(tmp_path / "m" / "a_seg.PNG")
    (tmp_path / "i" / "sub").mkdir()
    report = tmp_path / "r.json"
    command = ["evaluate", "--images", str(tmp_path / "i"), "--annotations", str(tmp_path / "m"),
               "--annotation-suffix", "_seg.png", "-o", str(report), *QUICK]  # fmt: skip
    for _ in range(2):
        assert main(command) == 0
        assert "1 subfolder, which" in capsys.readouterr().out
    assert "subfolder" in json.loads(report.read_text())["notes"][0]
    report.write_text("{}")
    assert main(command) == 1
    assert report.read_text() == "{}"


def test_maps_of_errors_pass_over_what_is_not_annotated(tmp_path, capsys, monkeypatch, one_model):
    annotated(tmp_path, "a", 255)
    annotated(tmp_path, "b", 3, 1)
    monkeypatch.setattr("analysis.cli.main.open_model", lambda args: one_model)
    out = tmp_path / "out"
    command = ["errors", "--images", str(tmp_path / "i"), "--annotations", str(tmp_path / "m"),
               "-o", str(out), "--maps", "1", "--short-side", "64"]  # fmt: skip
    for _ in range(2):
        assert ask(command) == 0
        assert "a.png has no map of errors" in capsys.readouterr().err
    assert [file.name for file in out.glob("*.errors.png")] == ["b.errors.png"]
    Image.new("L", (8, 8)).save(out / "classes.png")
    before = contents(out)
    assert ask(command) == 1
    assert contents(out) == before


def test_a_site_in_the_folder_of_its_photos_keeps_the_photos(tmp_path, monkeypatch, one_model):
    Image.effect_noise((64, 48), 90).convert("RGB").save(tmp_path / "a.jpg")
    before = contents(tmp_path)
    monkeypatch.setattr("analysis.cli.main.open_model", lambda args: one_model)
    for _ in range(2):
        assert ask(["publish", str(tmp_path), "-o", str(tmp_path)]) == 0
        now = contents(tmp_path)
        assert now["a.jpg"] == before["a.jpg"]
        assert set(now) == {"a.jpg", "a-2.jpg", "a-2.html", "index.html"}
