import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import uniformer.batch
import uniformer.commands
import uniformer.model_table
from uniformer import create_model, list_classifiers, list_models
from uniformer.cli import build_parser, main
from uniformer.files import file_names

ROOT = Path(__file__).parents[1]
QUICK = ["--weights", "none", "--short-side", "64", "--device", "cpu"]
KINDS = ["json", "labels.png", "overlay.png"]


def photo(file, seed=0, size=(48, 64)):
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    return file


def run(*arguments):
    return main([str(argument) for argument in arguments])


def only_error(capsys):
    """What the command said, without the warning that weights are untrained."""
    lines = capsys.readouterr().err.strip().splitlines()
    return [line for line in lines if not line.startswith("uniformer: warning: ")]


@pytest.fixture
def data(tmp_path):
    """Two annotated pictures."""
    for index in range(2):
        photo(tmp_path / "images" / f"p{index}.jpg", index)
        truth = np.random.default_rng(index).integers(0, 22, (48, 64), dtype=np.uint8)
        (tmp_path / "annotations").mkdir(exist_ok=True)
        Image.fromarray(truth).save(tmp_path / "annotations" / f"p{index}.png")
    return ["--images", tmp_path / "images", "--annotations", tmp_path / "annotations"]


def test_a_photo_is_labelled_and_told_of_in_one_line(tmp_path, capsys):
    file, out = photo(tmp_path / "cat.jpg"), tmp_path / "out"
    assert run("segment", file, "-o", out, *QUICK) == 0
    assert sorted(path.name for path in out.iterdir()) == [f"cat.{kind}" for kind in KINDS]
    assert Image.open(out / "cat.labels.png").size == (64, 48)
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1
    assert said.out.startswith(f"{file}: ")
    assert "%" in said.out
    assert said.err == (
        "uniformer: warning: These weights are random and untrained: the labels mean nothing.\n"
    )


def test_the_files_asked_for_are_written_and_the_json_always(tmp_path, capsys):
    file, out = photo(tmp_path / "cat.jpg"), tmp_path / "out"
    assert run("segment", file, "-o", out, *QUICK, "--files", "npz,colors") == 0
    assert sorted(path.name for path in out.iterdir()) == ["cat.colors.png", "cat.json", "cat.npz"]
    with pytest.raises(SystemExit):
        run("segment", file, "-o", out, *QUICK, "--files", "npz,mask")
    assert "there is no file 'mask' (labels, colors, overlay, npz, json)" in capsys.readouterr().err


def test_settings_reach_the_prediction(tmp_path):
    file = photo(tmp_path / "a.png")
    options = ["--reach", "window", "--window-size", 2, "--mode", "slide", "--flip"]
    assert run("segment", file, "-o", tmp_path, *QUICK, *options, "--scales", "0.75,1") == 0
    settings = json.loads((tmp_path / "a.json").read_text())["settings"]
    assert settings["reach"] == "window"
    assert settings["window_size"] == 2
    assert settings["mode"] == "slide"
    assert settings["flip"] is True
    assert list(settings["scales"]) == [0.75, 1.0]
    assert settings["short_side"] == 64


@pytest.mark.parametrize("extra", [[], ["--exact"], ["--precision", "bfloat16"]])
def test_every_form_of_the_model_gives_the_same_labels_but_for_rounding(
    tmp_path, extra, monkeypatch
):
    torch.manual_seed(0)
    model = create_model("nano", weights=None)
    monkeypatch.setattr(uniformer.commands, "create_model", lambda *_, **__: model)
    file = photo(tmp_path / "a.png")
    assert run("segment", file, "-o", tmp_path, *QUICK, *extra) == 0
    labels = np.asarray(Image.open(tmp_path / "a.labels.png"))
    expected = uniformer.segment(file, model, short_side=64).labels
    assert (labels == expected).mean() >= (0.9 if "bfloat16" in extra else 0.999)


def test_a_folder_with_a_broken_file_finishes_the_others_and_names_it(tmp_path, capsys):
    folder, out = tmp_path / "photos", tmp_path / "out"
    for name in ("a.jpg", "c.jpg"):
        photo(folder / name)
    (folder / "b.jpg").write_bytes(b"not a picture")
    (folder / "notes.txt").write_text("not meant")
    assert run("segment", folder, "-o", out, *QUICK) == 1
    assert {path.name.split(".")[0] for path in out.iterdir()} == {"a", "c", "manifest"}
    (line,) = only_error(capsys)
    assert line.startswith(f"uniformer: error: {folder / 'b.jpg'} is not a picture")


def test_photos_of_one_name_do_not_overwrite_each_other(tmp_path):
    files = [photo(tmp_path / folder / "x.png", seed) for seed, folder in enumerate("abc")]
    assert run("segment", *files, tmp_path / "a", "-o", tmp_path / "out", *QUICK) == 0
    names = sorted(path.name for path in (tmp_path / "out").glob("*.json"))
    assert names == ["x-2.json", "x-3.json", "x.json"]
    pictures = {
        json.loads(path.read_text())["picture"]["sha256"]
        for path in (tmp_path / "out").glob("*.json")
    }
    assert len(pictures) == 3


def test_names_that_are_taken_are_counted_on():
    photos = [Path(name) for name in ("a/x.jpg", "x-2.jpg", "b/X.png", "x.jpg")]
    assert file_names(photos) == ["x", "x-2", "X-3", "x-4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segment", "absent.jpg"], "absent.jpg cannot be opened"),
        (["segment", "."], "no pictures in"),
        (["segment", "absent.jpg", "--short-side", "1"], "short side must be"),
        (["segment", "absent.jpg", "--scales", "0"], "scale"),
        (["segment", "absent.jpg", "--window-size", "0"], "window size must be"),
        (["segment", "absent.jpg", "--device", "toaster"], "no device 'toaster'"),
        (["segment", "absent.jpg", "--device", "meta"], "'meta' cannot be used"),
        (["segment", "absent.jpg", "--weights", "absent.pth"], "absent.pth"),
        (["inspect", "absent.pth"], "absent.pth"),
        (["convert", "absent.pth", "out.safetensors"], "absent.pth"),
        (["evaluate", "--images", "absent", "--annotations", "."], "no folder absent"),
        (["evaluate", "--images", ".", "--annotations", ".", "-o", "no/r.json"], "no folder no"),
    ],
)
def test_failures_are_one_sentence_and_exit_code_1(
    arguments, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    if arguments[0] in ("segment", "evaluate") and "--weights" not in arguments:
        arguments = [*arguments, "--weights", "none"]
    assert main(arguments) == 1
    (line,) = only_error(capsys)
    assert line.startswith("uniformer: error: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["paint"],
        ["segment"],
        ["segment", "a.jpg", "--model", "large"],
        ["segment", "a.jpg", "--scales", "big"],
        ["evaluate", "--images", "."],
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    (line,) = only_error(capsys)
    assert line.startswith("uniformer: error: ")
    assert line.endswith("--help")


def test_an_interrupt_is_one_line_and_exit_code_130(tmp_path, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(uniformer.batch, "segment", interrupt)
    assert run("segment", photo(tmp_path / "a.jpg"), *QUICK) == 130
    assert only_error(capsys) == ["uniformer: interrupted"]


@pytest.mark.parametrize("command", ["segment", "models", "inspect", "convert", "evaluate"])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert command in capsys.readouterr().out


def test_models_run_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "uniformer", "models"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows[1:-1]] == list_models() + list_classifiers()
    row = rows[1 + list_models().index("small-fpn")]
    assert row[:7] == ["small-fpn", "25.3", "M", "150", "global", "-", "46.6"]


def test_models_count_multiply_accumulates_when_asked(monkeypatch, capsys):
    models = {name: uniformer.model_table.MODELS[name] for name in ("nano", "small-fpn")}
    monkeypatch.setattr(uniformer.model_table, "MODELS", models)
    monkeypatch.setattr(uniformer.model_table, "CLASSIFIERS", {})
    assert main(["models", "--count"]) == 0
    row = capsys.readouterr().out.splitlines()[2].split()
    assert row[:4] == ["small-fpn", "25.3", "M", "44.92"]


def test_names_of_classes_are_given_as_a_list_or_a_file_and_what_was_taken_is_told(
    tmp_path, capsys
):
    state = create_model("nano", weights=None, num_classes=3).state_dict()
    weights, file = tmp_path / "run.ckpt", photo(tmp_path / "a.png")
    torch.save({"state_dict": {f"model.{key}": value for key, value in state.items()}}, weights)
    (tmp_path / "names.txt").write_text("wall\nopen sky\ntree\n")
    for number, names in enumerate(("wall,open sky,tree", tmp_path / "names.txt")):
        out = tmp_path / str(number)
        given = ("--weights", weights, "--class-names", names)
        assert run("segment", file, "-o", out, *given) == 0
        assert "Took the entry state_dict of run.ckpt without" in capsys.readouterr().err
        rows = json.loads((out / "a.json").read_text())["table"]
        assert {row["name"] for row in rows} <= {"wall", "open sky", "tree"}
    for wrong, message in (
        (["--class-names", "wall,sky"], "run.ckpt has 3 classes and the model 2"),
        (["--num-classes", "4"], "pass --num-classes 3"),
        (["--class-names", "wall,,sky"], "needs a name of its own"),
        (["--class-names", "wall,sky", "--num-classes", "3"], "2 names for 3 classes"),
    ):
        assert run("segment", file, "-o", tmp_path / "no", "--weights", weights, *wrong) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_checkpoint_is_inspected_and_converted(tmp_path, capsys):
    file, out = tmp_path / "nano.pth", tmp_path / "nano.safetensors"
    torch.save({"state_dict": create_model("nano", weights=None).state_dict()}, file)
    assert run("inspect", file) == 0
    assert "nano" in capsys.readouterr().out
    assert run("inspect", file, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["models"] == ["nano"]
    assert report["wrapper"] == "state_dict"
    assert run("convert", file, out) == 0
    assert run("segment", photo(tmp_path / "a.png"), "-o", tmp_path, "--weights", out) == 0
    assert json.loads((tmp_path / "a.json").read_text())["weights"]["source"] == str(out)


def test_an_evaluation_prints_a_table_and_writes_a_report(data, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert run("evaluate", *data, *QUICK, "-o", report) == 0
    table = capsys.readouterr().out
    written = json.loads(report.read_text())
    assert f"mIoU {100 * written['miou']:.2f} %" in table
    assert written["pictures"] == 2
    assert written["pixels"] == 2 * 48 * 64
    assert {path.name for path in tmp_path.iterdir()} == {"images", "annotations", "report.json"}


def test_an_evaluation_goes_on_from_its_state(data, tmp_path, monkeypatch, capsys):
    model = create_model("nano", weights=None)
    monkeypatch.setattr(uniformer.commands, "create_model", lambda *_, **__: model)
    state = ["--resume", tmp_path / "state.json"]
    broken = tmp_path / "images" / "p1.jpg"
    good = broken.read_bytes()
    broken.write_bytes(bytes(len(good)))
    assert run("evaluate", *data, *QUICK, *state) == 1
    assert "p1.jpg" in only_error(capsys)[0]
    broken.write_bytes(good)
    assert run("evaluate", *data, *QUICK, *state) == 0
    mended = capsys.readouterr().out
    assert run("evaluate", *data, *QUICK) == 0
    undisturbed = capsys.readouterr().out
    # The one that was left out counts as read: its mending starts all again, and is told.
    assert mended.startswith(undisturbed)
    (note,) = mended.removeprefix(undisturbed).splitlines()
    assert note.endswith("state.json had counted have changed since: it was started again.")
    assert run("evaluate", *data, *QUICK, *state) == 0
    assert capsys.readouterr().out == undisturbed


def test_ids_from_one_need_the_switch(data, tmp_path, capsys):
    truth = np.full((48, 64), 50, dtype=np.uint8)
    Image.fromarray(truth).save(tmp_path / "annotations" / "p0.png")
    assert run("evaluate", *data, *QUICK) == 1
    assert "p0.png holds the id 50" in only_error(capsys)[0]
    assert run("evaluate", *data, *QUICK, "--zero-is-other") == 0


def test_a_list_of_class_names_may_be_longer_than_the_name_of_a_file():
    names = [f"kind of thing {number}" for number in range(60)]
    args = build_parser().parse_args(["segment", "a.jpg", "--class-names", ",".join(names)])
    assert args.class_names == names
