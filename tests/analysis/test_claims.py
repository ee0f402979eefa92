"""The claims put to the test: known intervals, a run on random pictures, and its resumption."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from steps import told

from analysis.core.errors import AnalysisError
from analysis.interventions import Neighbourhood, attention, elsewhere
from benchmarks.claims import findings as finding
from benchmarks.claims import measuring
from benchmarks.claims import study as studying
from benchmarks.claims.__main__ import add_claims_options, run_claims
from benchmarks.claims.conditions import CONTROL, CONTROL_DRAWS, Condition, window_groups
from benchmarks.claims.findings import UNTESTED, findings
from benchmarks.claims.hypotheses import HYPOTHESES, stage_3
from benchmarks.claims.intervals import holm, interval
from benchmarks.claims.measuring import TRACED, measure
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
    progress, result = told(steps)
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
    assert "window stage 3" + CONTROL in found.effects
    assert "near 3.0" + CONTROL not in found.effects  # 4 x 6 tokens have no room for it
    assert set(found.spread) == {"traced", "random weights", "shuffled pixels"}
    assert found.accuracy.pictures == 3
    for test in found.tests:
        assert set(test.over_nulls) == {"random weights", "shuffled pixels"}
        assert np.isfinite(test.difference.mean) == (test.verdict != UNTESTED)
        assert test.p_value <= test.corrected or test.verdict == UNTESTED

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


@pytest.mark.parametrize("between", [0.0, 1.0, 5.0])
def test_an_interval_is_as_wide_as_pictures_and_their_draws_scatter(between):
    """Neither narrower, as without the variance of draws, nor wider, as with it counted twice."""
    rng = np.random.default_rng(0)
    pictures, draws, within = 40, 4, 2.0
    widths = []
    for _ in range(40):
        truth = rng.normal(0, between, (pictures, 1))
        found = interval((truth + rng.normal(0, within, (pictures, draws))).tolist())
        widths.append(found.high - found.low)
    wanted = 2 * 1.96 * np.sqrt((between**2 + within**2 / draws) / pictures)
    assert np.mean(widths) == pytest.approx(wanted, rel=0.08)


def test_draws_that_agree_have_no_width_and_pictures_without_any_are_left_out():
    fixed = [[1.0] * 4] * 30
    assert interval(fixed).low == interval(fixed).high == 1
    assert interval([[], None, [2.0, 2.0]]).pictures == 1


def test_p_values_are_uniform_without_an_effect_and_small_with_one():
    rng = np.random.default_rng(0)
    p_values = [interval(rng.normal(0, 1, 40)).p_value for _ in range(200)]
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=0.06)
    assert interval(rng.normal(1, 1, 40)).p_value < 0.001


def test_holm_corrects_step_by_step():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, np.nan, 0.02])[::2] == pytest.approx([0.9, 0.04])
    assert np.isnan(holm([0.9, np.nan])[1])


def test_controls_are_drawn_anew_for_every_picture_and_change_apart_from_what_is_kept(
    tiny, picture, monkeypatch
):
    def near_only(traced):
        for name in ("one", "two"):
            yield Condition(name, (Neighbourhood(3, 0, 2),), controlled=True)

    drawn = []
    offsets = elsewhere.offsets_apart
    monkeypatch.setattr(measuring, "conditions", near_only)
    monkeypatch.setattr(
        attention, "offsets_apart", lambda *args: drawn.append(offsets(*args)) or drawn[-1]
    )
    model = tiny()
    images = [picture(192, 288, seed=seed) for seed in (0, 1)]
    for image in images:
        found = measure(model, model, image, None, short_side=192, seed=0)["effects"][TRACED]
        for one in found.values():
            assert len(set(one["control_kl_nats"])) == CONTROL_DRAWS
    assert len({tuple(each) for each in drawn}) == len(drawn) == 4
    for down, across in (step for each in drawn for step in each):
        assert max(min(down, 12 - down), min(across, 18 - across)) >= 5
    again = measure(model, model, images[1], None, short_side=192, seed=0)["effects"][TRACED]
    assert again == found


def test_stages_are_compared_by_equally_many_windowed_blocks():
    for depth in ({3: 6, 4: 2}, {3: 8, 4: 3}, {3: 2, 4: 4}):
        groups = window_groups(depth)
        sizes = {len(blocks) for named in groups.values() for blocks in named.values()}
        assert sizes == {min(depth.values())}
        for stage, named in groups.items():
            blocks = [block for each in named.values() for block in each]
            assert len(set(blocks)) == len(blocks) >= depth[stage] - min(depth.values()) + 1
            assert max(blocks) < depth[stage]


def test_every_hypothesis_takes_the_difference_that_it_names():
    """What a claim predicts is planted, so that every difference is above 0."""
    for source in (TRACED, "shuffled pixels"):
        found = [hypothesis.value(planted(), source) for hypothesis in HYPOTHESES]
        assert found[4] == [2, 3]
        found[4] = 2
        shift = 0 if source == TRACED else 0.05
        wanted = np.array([0.4, 0.2, 0.2, 1, 2, 1, 1, 1]) - shift * np.isin(range(8), (0, 1, 2))
        assert found == pytest.approx(list(wanted))
    assert stage_3(planted()) == ("3.0", "3.2")


def planted():
    """Return a record in which the claims hold; with shuffled pixels they hold a little less."""
    kl_nats = {
        "near early": 1, "near late": 2, "mean stage 3": 1, "silent stage 3": 2,
        "window stage 3": 9, "window 3.0 to 3.1": 1, "window 3.2 to 3.3": 2,
        "window 4.0 to 4.1": 2.5, "reach hybrid, half": 1, "reach padded window, half": 2,
    }  # fmt: skip
    effects = {name: {"kl_nats": value} for name, value in kl_nats.items()}
    effects["near early"]["control_kl_nats"] = [3, 4]
    near = {"3.0": 0.5, "3.1": 0.4, "3.2": 0.3, "4.0": 0.9}

    def spread(shift):
        return {
            block: {
                "mass_5x5": value - shift * (block == "3.0"), "uniform_mass_5x5": 0.1,
                "distance_over_uniform": 1.2 - shift * (block == "3.0"),
            }
            for block, value in near.items()
        }  # fmt: skip

    return {
        "effects": {TRACED: effects, "shuffled pixels": effects},
        "spread": {TRACED: spread(0), "shuffled pixels": spread(0.05)},
    }


def judged(values, nulls, others=()):
    """Return the verdict on values of pictures beside those of a null, among other p-values."""
    hypothesis = replace(
        HYPOTHESES[0], value=lambda record, source: record["value"][source], above="yes", below="no"
    )
    records = [
        {"spread": {TRACED: {"3.0": 0, "3.1": 0}, "null": 0}, "value": {TRACED: one, "null": other}}
        for one, other in zip(values, nulls, strict=True)
    ]
    test = finding._test(hypothesis, records, 0)
    return finding._verdict(hypothesis, test, holm([test.p_value, *others])[0])


def test_a_verdict_needs_a_difference_from_zero_and_from_the_null_and_after_the_correction():
    rng = np.random.default_rng(0)
    values, none = rng.normal(1, 0.5, 20), np.zeros(20)
    assert judged(values, none) == "yes"
    assert judged(-values, none) == "no"
    assert judged(values - 1, none) == finding.UNDECIDED
    assert "null do not differ enough" in judged(values, values + rng.normal(0, 0.1, 20))
    assert "null do not differ enough" in judged(values, 2 * values)
    noise = rng.normal(0, 1, 20)
    weak = (noise - noise.mean()) / noise.std() + 2.3 / np.sqrt(20)  # 2.3 standard errors
    assert judged(weak, none) == "yes"
    assert judged(weak, none, others=[0.01] * 7) == finding.TOO_MANY
