"""The claims put to the test: known intervals, a run on random pictures, and its resumption."""

from __future__ import annotations

import json
from argparse import ArgumentParser

import numpy as np
import pytest
from PIL import Image

from analysis.core.errors import AnalysisError
from benchmarks.claims import __main__ as command
from benchmarks.claims import study as studying
from benchmarks.claims.__main__ import add_claims_options, run_claims
from benchmarks.claims.conditions import CONTROL
from benchmarks.claims.findings import findings
from benchmarks.claims.hypotheses import HYPOTHESES, stage_3
from benchmarks.claims.intervals import interval
from benchmarks.claims.report import write_report
from benchmarks.claims.study import Study, study


@pytest.fixture
def folder(tmp_path, picture):
    (tmp_path / "photos").mkdir()
    (tmp_path / "masks").mkdir()
    for seed in range(3):
        Image.fromarray(picture(seed=seed)).save(tmp_path / "photos" / f"{seed}.png")
        labels = np.full((64, 96), seed, dtype=np.uint8)
        Image.fromarray(labels).save(tmp_path / "masks" / f"{seed}.png")
    return tmp_path


def run(model, folder):
    steps = study(
        model, folder / "photos", folder / "out", annotations=folder / "masks", short_side=64
    )
    *progress, result = steps
    assert isinstance(result, Study)
    assert [(step.done, step.total) for step in progress] == [(1, 3), (2, 3), (3, 3)]
    return result


def test_a_study_measures_all_reports_in_full_and_resumes_to_the_same_figures(
    tiny, folder, monkeypatch
):
    model = tiny(reach="window")
    first = run(model, folder)
    found = findings(first)
    assert found.pictures == 3
    assert model.reach == "window"
    assert found.effects["silent 3.0"]["kl_nats"].mean > 0
    assert "near 3.0" + CONTROL in found.effects
    assert set(found.spread) == {"traced", "random weights", "shuffled pixels"}
    assert found.accuracy.pictures == 3
    assert all(np.isfinite(test.difference.mean) and test.verdict for test in found.tests)

    files = write_report(found, folder / "report", "the command")
    assert sorted(file.suffix for file in files) == [".csv", ".json", ".md", *[".png"] * 4]
    assert all(file.stat().st_size < 150_000 for file in files if file.suffix == ".png")
    json.loads((folder / "report" / "claims.json").read_text(), parse_constant=pytest.fail)
    text = (folder / "report" / "claims.md").read_text()
    assert "the command" in text
    assert all(test.verdict in text for test in found.tests)

    (folder / "out" / "pictures" / "1.json").write_text("{ half a rec")
    calls = []
    measure = studying.measure
    monkeypatch.setattr(
        studying, "measure", lambda *args, **given: calls.append(1) or measure(*args, **given)
    )
    assert findings(run(model, folder)) == found
    assert len(calls) == 1  # the broken record only


def test_the_command_writes_a_report_and_names_no_folder_of_the_user(tiny, folder, capsys):
    parser = ArgumentParser()
    add_claims_options(parser)
    parser.add_argument("--model", default="tiny")
    given = ["--data", str(folder / "photos"), "--pictures", "2", "--short-side", "64"]
    args = parser.parse_args([*given, "-o", str(folder / "new")])
    assert run_claims(tiny(), args) == 0
    text = (folder / "new" / "claims.md").read_text()
    assert "2 pictures" in text
    assert str(folder) not in text
    assert "C3" in capsys.readouterr().out


def test_one_picture_is_too_few(tiny, folder):
    with pytest.raises(AnalysisError, match="at least two"):
        next(study(tiny(), folder / "photos", folder / "out", pictures=1))


def test_an_interval_holds_the_mean_and_narrows_with_pictures():
    rng = np.random.default_rng(0)
    few, many = (interval(rng.normal(1, 1, count)) for count in (20, 2000))
    for found in (few, many):
        assert found.low < 1 < found.high
    width = 2 * 1.96 / np.sqrt(2000)
    assert many.high - many.low == pytest.approx(width, rel=0.1)
    assert few.high - few.low > 5 * width


def test_an_interval_decides_only_where_it_leaves_zero_out():
    assert [interval(values).sign for values in ([1, 2, 3], [-1, -2, -3], [-1, 0, 1])] == [1, -1, 0]
    assert interval([2.0, None, float("nan"), 2.0]).pictures == 2
    assert interval([None]).sign == 0


def test_every_hypothesis_takes_the_difference_that_it_names():
    """What a claim predicts is planted, so that every difference is above 0."""
    kl_nats = {
        "near early": 1, "near late": 2, f"near early{CONTROL}": 3, "mean stage 3": 1,
        "silent stage 3": 2, "window stage 3": 1, "window stage 4": 2, "reach hybrid, half": 1,
        "reach padded window, half": 2,
    }  # fmt: skip
    near = {"3.0": 0.5, "3.1": 0.4, "3.2": 0.3, "4.0": 0.9}
    record = {
        "effects": {name: {"kl_nats": value} for name, value in kl_nats.items()},
        "spread": {
            "traced": {
                block: {"mass_5x5": value, "uniform_mass_5x5": 0.1} for block, value in near.items()
            }
        },
    }
    found = [hypothesis.value(record) for hypothesis in HYPOTHESES]
    assert found == pytest.approx([0.4, 0.2, 1, 2, 1, 1, 1])
    assert stage_3(record) == ("3.0", "3.2")


def test_the_command_opens_the_model_and_refuses_in_one_line(tmp_path, monkeypatch, capsys):
    given = []
    monkeypatch.setattr(command, "run_claims", lambda *args: given.append(args) or 0)
    options = ["--data", str(tmp_path), "--pictures", "2"]
    assert command.main([*options, "--weights", "none"]) == 0
    ((model, args),) = given
    assert (model.config.name, args.data, args.pictures) == ("nano", tmp_path, 2)
    assert command.main([*options, "--weights", "nowhere.safetensors"]) == 1
    written = capsys.readouterr().err.splitlines()[-1]
    assert written.startswith("claims: error: ")
    assert "nowhere.safetensors" in written
