"""The command line answers about photos and folders, and tells every failure in one sentence."""

from __future__ import annotations

import csv
import hashlib
import json

import numpy as np
import pytest
import torch
from PIL import Image

from analysis.cli import main as cli
from analysis.cli.options import add_parameters, values_of
from analysis.questions.answer import Answer
from analysis.questions.parameters import Parameter, parameters_of
from uniformer.options import Parser

QUICK = ["--short-side", "64", "--formats", "csv,npz,json"]
PIXEL = ["--pixel", "30,40"]


@pytest.fixture
def photos(tmp_path):
    """A folder of three pictures of noise."""
    folder, rng = tmp_path / "photos", np.random.default_rng(0)
    folder.mkdir()
    for name in "abc":
        noise = rng.integers(0, 256, (64, 80, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{name}.png")
    return folder


def digests(folder):
    """Return a digest per file, which a failing test can print, by its name."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_one_photo_gets_figure_arrays_tables_and_json(photos, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["affinity", str(photos / "a.png"), *PIXEL, "--stage", "1", "--short-side", "64"]
    assert cli.main([*arguments, "-o", str(out)]) == 0
    assert set(digests(out)) == {
        f"a.affinity.{end}"
        for end in ("png", "npz", "json", "terms.csv", "position_encoding.csv", "classes.csv")
    }
    report = json.loads((out / "a.affinity.json").read_text())
    assert report["settings"]["parameters"]["x"] == 30
    assert report["settings"]["parameters"]["y"] == 40
    assert report["numbers"]["attended"] in capsys.readouterr().out
    assert cli.main([*arguments, "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == report


def test_a_folder_cut_short_and_begun_again_gives_the_same_files(
    photos, tmp_path, monkeypatch, capsys
):
    ask = ["probe", str(photos), *PIXEL, *QUICK]
    assert cli.main([*ask, "-o", str(tmp_path / "whole")]) == 0
    save, saved = Answer.save, []

    def interrupted(answer, folder, stem, formats):
        saved.append(stem)
        if len(saved) == 2:
            save(answer, folder, stem, ("csv",))
            raise KeyboardInterrupt
        return save(answer, folder, stem, formats)

    monkeypatch.setattr(Answer, "save", interrupted)
    again = [*ask, "-o", str(tmp_path / "halves")]
    assert cli.main(again) == 130
    assert cli.main(again) == 0
    assert saved == ["a.probe", "b.probe", "b.probe", "c.probe"]
    assert digests(tmp_path / "halves") == digests(tmp_path / "whole")
    lines = (tmp_path / "whole" / "probe.manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["answer"] for line in lines] == [f"{n}.probe.json" for n in "abc"]
    # Another pixel is another question, and so is another reach, which is then known again.
    assert cli.main([*again[:2], "--pixel", "1,1", *again[4:]]) == 0
    assert len(saved) == 7
    assert [cli.main([*again, "--reach", "window"]) for _ in range(2)] == [0, 0]
    assert len(saved) == 10


def test_a_photo_that_cannot_be_answered_does_not_stop_the_others(photos, tmp_path, capsys):
    (photos / "b.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    assert cli.main(["affinity", str(photos), *PIXEL, *QUICK, "-o", str(out)]) == 1
    assert "b.png" in capsys.readouterr().err
    lines = (out / "affinity.manifest.jsonl").read_text().splitlines()
    assert ["error" in json.loads(line) for line in lines] == [False, True, False]
    assert "b.png" in (out / "b.affinity.error.txt").read_text()
    assert (out / "c.affinity.json").is_file()
    Image.new("RGB", (80, 64)).save(photos / "b.png")
    assert cli.main(["affinity", str(photos), *PIXEL, *QUICK, "-o", str(out)]) == 0
    assert not (out / "b.affinity.error.txt").exists()


def test_two_processes_write_what_one_does(photos, tmp_path, monkeypatch):
    (photos / "b.png").write_bytes(b"no picture")
    # Two runs agree to the last bit with equally many threads.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ask = ["affinity", str(photos), *PIXEL, *QUICK]
    assert cli.main([*ask, "-o", str(tmp_path / "one")]) == 1
    torch.set_num_threads(threads)
    assert cli.main([*ask, "-o", str(tmp_path / "two"), "--processes", "2"]) == 1
    assert digests(tmp_path / "two") == digests(tmp_path / "one")


def test_processes_share_the_photos_and_equal_names_stay_apart(photos, tmp_path, monkeypatch):
    other, answered = tmp_path / "other", []
    other.mkdir()
    Image.new("RGB", (80, 64)).save(other / "a.png")

    def one_after_another(share, processes):
        return sum(share(rank, processes) for rank in range(processes))

    def note(args, model, photo, stem):
        answered.append((model, model.window_size, photo.parent.name, stem))

    monkeypatch.setattr(cli, "run_sharded", one_after_another)
    monkeypatch.setattr(cli, "_answer", note)
    ask = ["profile", str(photos), str(other), "--formats", "png", "--window-size", "2"]
    assert cli.main([*ask, "--processes", "2", "-o", str(tmp_path / "out")]) == 0
    models, sizes, *names = zip(*answered, strict=True)
    assert models[0] == models[1] != models[2] == models[3]
    assert set(sizes) == {2}
    assert list(zip(*names, strict=True)) == [
        ("photos", "a.profile"), ("photos", "c.profile"),
        ("photos", "b.profile"), ("other", "a-2.profile"),
    ]  # fmt: skip


def test_what_is_not_given_is_what_it_is_in_python():
    given = {"x": 3, "y": 5, "kind": "window"}
    for name, ask in cli.QUESTIONS.items():
        defaults = {one.name: one.default for one in parameters_of(ask)}
        pixel = ["--pixel", "3,5"] if "x" in defaults else []
        kind = ["--kind", "window"] if "kind" in defaults else []
        args = cli.build_parser().parse_args([name, "photo.jpg", *pixel, *kind])
        wanted = {key: given.get(key, default) for key, default in defaults.items()}
        assert values_of(args, parameters_of(ask)) == wanted


def test_switches_go_on_and_off_and_formats_come_once():
    def read(*options):
        return cli.build_parser().parse_args(["profile", "photo.jpg", *options])

    assert [read(option).nulls for option in ("--nulls", "--no-nulls")] == [True, False]
    assert read("--formats", "csv, png,csv").formats == ("csv", "png")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["probe", "PHOTO"], "--pixel"),
        (["probe", "PHOTO", "--pixel", "here"], "not a pixel like"),
        (["probe", "PHOTO", *PIXEL, "--formats", "exe"], "'exe' is not one of"),
        (["probe", "PHOTO", *PIXEL, "--colour", "red"], "--colour"),
        (["rollout", "PHOTO", *PIXEL, "--rule", "magic"], "relevance"),
        (["divine", "PHOTO"], "'divine'"),
        (["what-if", "PHOTO"], "--kind"),
    ],
)
def test_wrong_usage_is_told_in_one_line(arguments, words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["probe", "--pixel", "80,0"], "outside the picture"),
        (["rollout", *PIXEL, "--rule", "relevance", "--label", "unicorn"], "no class 'unicorn'"),
        (["affinity", *PIXEL, "--stage", "5"], "no stage 5"),
        (["affinity", *PIXEL, "--block", "77"], "no block 77"),
        (["profile", "--short-side", "1"], "short side"),
        (["rollout", *PIXEL, "--region", "mask"], "needs --mask FILE"),
        (["rollout", *PIXEL, "--region", "mask", "--mask", "none.png"], "none.png"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(arguments, words, photos, tmp_path, capsys):
    out = tmp_path / "out"
    photo = str(photos / "a.png")
    command = [arguments[0], photo, "--short-side", "64", *arguments[1:], "-o", str(out)]
    assert cli.main(command) == 1
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_untrained_weights_are_said(photos, tmp_path, capsys):
    ask = ["affinity", str(photos / "a.png"), *PIXEL, *QUICK, "--weights", "none"]
    assert cli.main([*ask, "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "untrained" in said.err
    assert "warning: These weights are random" in said.out


def test_names_may_be_spelt_with_underscores_and_capitals():
    ask = ["attribute", "photo.jpg", *PIXEL, "--method", "Integrated_Gradients"]
    assert cli.build_parser().parse_args(ask).method == "integrated-gradients"


def test_help_may_tell_of_percent():
    parser = Parser()
    add_parameters(parser, [Parameter("share", float, "at most 50 % of it", 0.5, False, None)])
    assert "at most 50 % of it" in " ".join(parser.format_help().split())


def test_help_of_every_question_can_be_printed(capsys):
    for question in cli.QUESTIONS:
        with pytest.raises(SystemExit):
            cli.main([question, "--help"])
        assert "usage" in capsys.readouterr().out


def test_a_painted_region_comes_from_a_file_and_is_part_of_the_question(
    photos, tmp_path, monkeypatch, capsys
):
    photo, out, painted = str(photos / "a.png"), tmp_path / "out", tmp_path / "painted.png"
    mask = np.zeros((64, 80, 3), dtype=np.uint8)
    mask[10:30, 20:50, 0] = 255  # any colour but black
    Image.fromarray(mask).save(painted)
    ask = ["rollout", photo, *PIXEL, *QUICK, "--region", "mask", "--mask", str(painted)]
    assert cli.main([*ask, "-o", str(out)]) == 0
    with np.load(out / "a.rollout.npz") as arrays:
        np.testing.assert_array_equal(arrays["region"], mask.any(2))
    report = json.loads((out / "a.rollout.json").read_text())
    assert report["settings"]["mask_sha256"] == hashlib.sha256(mask.any(2)).hexdigest()
    with monkeypatch.context() as patch:
        patch.delattr(Answer, "save")  # what is answered already needs none
        assert cli.main([*ask, "-o", str(out)]) == 0
    before = digests(out)
    mask[40:50] = 9
    Image.fromarray(mask).save(painted)
    assert cli.main([*ask, "-o", str(out)]) == 0
    assert digests(out) != before
    Image.fromarray(mask).save(painted, "JPEG")  # under the same name
    assert cli.main([*ask, "-o", str(out)]) == 0
    report = json.loads((out / "a.rollout.json").read_text())
    assert "does not keep values" in report["settings"]["picture"]["notes"][0]
    Image.fromarray(mask[:60]).save(painted)
    assert cli.main([*ask, "-o", str(out)]) == 1
    assert "64 x 80 pixels" in capsys.readouterr().err


@pytest.fixture
def masks(photos, tmp_path):
    """A folder of annotations: class 4, class 7 to the right of it, and unknown below."""
    folder = tmp_path / "masks"
    folder.mkdir()
    labels = np.full((64, 80), 4, dtype=np.uint8)
    labels[:, 40:] = 7
    labels[50:] = 255
    for photo in photos.iterdir():
        Image.fromarray(labels).save(folder / photo.name)
    return folder


def test_errors_of_a_folder_are_scored_named_and_mapped(photos, masks, tmp_path, capsys):
    out = tmp_path / "out"
    folders = ["--images", str(photos), "--annotations", str(masks), "--maps", "1"]
    assert cli.main(["errors", *folders, "--short-side", "64", "-o", str(out)]) == 0
    assert set(digests(out)) == {
        "errors.json", "confusions.csv", "reliability.png", "classes.png", "confusions.png",
        "a.errors.png",
    }  # fmt: skip
    found = json.loads((out / "errors.json").read_text())
    assert found["pixels"] == 3 * 50 * 80
    rows = (out / "confusions.csv").read_text().splitlines()[1:]
    wrong = sum(int(row.split(",")[2]) for row in rows)
    assert wrong == round((1 - found["aacc"]) * found["pixels"])
    assert "3 pictures" in capsys.readouterr().out


def test_ids_from_one_with_zero_as_other_are_scored_and_mapped_alike(
    photos, masks, tmp_path, monkeypatch
):
    maps = []
    monkeypatch.setattr(
        "analysis.figures.evaluation.error_map_figure", lambda found, picture: maps.append(found)
    )
    monkeypatch.setattr("analysis.cli.errors_command._save", lambda file, figure: None)
    ask = ["errors", "--images", str(photos), "--annotations", str(masks), "--short-side", "64"]
    assert cli.main([*ask, "--maps", "3", "-o", str(tmp_path / "zero")]) == 0
    for file in masks.iterdir():
        with Image.open(file) as annotation:
            labels = np.array(annotation) + np.uint8(1)  # 255, not annotated, becomes 0
        Image.fromarray(labels).save(file)
    ask += ["--zero-is-other", "--maps", "9"]
    assert cli.main([*ask, "-o", str(tmp_path / "one")]) == 0
    zero, one = (tmp_path / name / "confusions.csv" for name in ("zero", "one"))
    assert zero.read_bytes() == one.read_bytes()
    for before, after in zip(maps[:3], maps[3:], strict=True):
        np.testing.assert_array_equal(before.kind, after.kind)
    scored = json.loads((tmp_path / "one" / "errors.json").read_text())
    np.testing.assert_array_equal(sum(each.confusion for each in maps[3:]), scored["confusion"])
    names = [row["name"] for row in scored["classes"]]
    rows = list(csv.DictReader(zero.read_text().splitlines()))
    assert rows
    for row in rows:
        annotated, predicted = (names.index(row[key]) for key in ("annotated", "predicted"))
        assert scored["confusion"][annotated][predicted] == int(row["pixels"])
