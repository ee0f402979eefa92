"""Numbers that are estimates come with their error, and it is the error that they have."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.core.progress import finish
from analysis.core.uncertainty import FEWEST, jackknife, with_error
from analysis.questions import QUESTIONS
from analysis.receptive_field.effective import MOST_PROBES, effective_field_steps
from analysis.receptive_field.extent import SHARES, Rings, errors_of, summarize, well_known

SIZE, CENTER = (41, 41), (20.0, 20.0)


def blurred(channels):
    """Return a readout of a unit with many channels that each see a patch near the centre."""
    generator = torch.Generator().manual_seed(3)
    rows, columns = np.indices(SIZE)
    envelope = np.exp(-((rows - 20) ** 2 + (columns - 20) ** 2) / (2 * 6.0**2))
    matrix = torch.randn(channels, 3, *SIZE, dtype=torch.float64, generator=generator)
    matrix = matrix * torch.from_numpy(envelope)
    return lambda x: {"unit": torch.einsum("bdhw,cdhw->bc", x, matrix)}


def mixed():
    """Return a readout of six channels that each see a mixture of a narrow and a wide patch."""
    rows, columns = np.indices(SIZE)
    square = torch.from_numpy((rows - 20.0) ** 2 + (columns - 20.0) ** 2)
    patches = torch.stack([torch.exp(-square / (2 * width**2)) / width for width in (2.5, 9.0)])
    shares = torch.tensor([[1, 1], [1, -1], [1, 1], [1, -1], [1, 1], [1, -1]]).double()
    matrix = torch.einsum("cp,phw->chw", shares, patches)
    return lambda x: {"unit": torch.einsum("bdhw,chw->bc", x, matrix)}


def measured(readout, seed, probes=MOST_PROBES, pictures=1, until_known=True):
    inputs = [torch.zeros(1, 3, *SIZE, dtype=torch.float64)] * pictures
    work = effective_field_steps(
        readout, inputs, probes=probes, seed=seed, centers={"unit": CENTER},
        until_known=until_known,
    )  # fmt: skip
    fields = finish(work)
    field = fields["unit"]
    return field, summarize(field.energy, CENTER, samples=field.samples)


def test_the_error_of_a_side_is_how_far_it_varies_with_the_seed():
    readout = mixed()
    values, errors = [], []
    for seed in range(60):
        _, summary = measured(readout, seed, probes=24, until_known=False)
        half = next(one for one in summary.squares if one.energy_share == 0.5)
        values.append([half.side_px, half.area_share, *summary.sigma_px, summary.radius_px])
        errors.append([half.side_error_px, half.area_share_error, *summary.sigma_error_px,
                       summary.radius_error_px])  # fmt: skip
    scatter = np.std(values, axis=0)
    assert scatter[0] > 1
    assert np.sqrt(np.mean(np.square(errors), axis=0)) == pytest.approx(scatter, rel=0.4)


def test_the_error_of_the_centre_is_how_far_it_varies_with_the_seed():
    found = [measured(blurred(8), seed, probes=8, until_known=False)[1] for seed in range(60)]
    scatter = np.std([one.mass_center_px for one in found], axis=0)
    errors = np.array([one.mass_center_error_px for one in found])
    assert np.sqrt(np.mean(np.square(errors), axis=0)) == pytest.approx(scatter, rel=0.3)


def test_what_is_computed_and_not_estimated_has_no_error():
    _, summary = measured(mixed(), 0, probes=2)
    assert np.isnan([summary.radius_error_px, *summary.sigma_error_px]).all()
    exact = summary.exact()
    assert exact.radius_error_px == 0
    assert exact.sigma_error_px == exact.mass_center_error_px == (0, 0)
    assert all(one.side_error_px == one.area_share_error == 0 for one in exact.squares)
    assert exact.radius_px == summary.radius_px


def test_probes_end_once_the_sides_are_known_and_not_before():
    for readout in (blurred(400), mixed()):
        field, summary = measured(readout, 0)
        known = all(one.well_known for one in summary.squares)
        assert known or field.probes == MOST_PROBES
    assert measured(blurred(400), 0)[0].probes < measured(mixed(), 0)[0].probes
    few, summary = measured(blurred(400), 0, probes=2)
    assert few.probes == 2
    assert all(np.isnan(one.side_error_px) and not one.well_known for one in summary.squares)


def test_the_error_of_a_mean_is_that_of_the_textbook_and_few_parts_tell_none():
    parts = np.random.default_rng(0).normal(size=(9, 4))
    left_out = (parts.sum(axis=0) - parts) / (len(parts) - 1)
    assert jackknife(left_out) == pytest.approx(parts.std(axis=0, ddof=1) / 3)
    assert np.isfinite(jackknife(left_out[:FEWEST])).all()
    assert np.isnan(jackknife(left_out[: FEWEST - 1])).all()
    left_out[3, 1] = np.nan  # nothing is left of it without this part
    assert np.isnan(jackknife(left_out)).tolist() == [False, True, False, False]


def test_parts_that_agree_have_no_error_and_more_parts_a_smaller_one():
    sides, shares = np.arange(1.0, 21, 2), (0.5, 0.9)

    def side_errors(samples):
        return errors_of(samples, lambda left: np.interp(shares, left / left[-1], sides))

    assert side_errors(np.tile(np.linspace(0.1, 1, 10), (8, 1))) == pytest.approx(0)
    rng = np.random.default_rng(0)
    parts = rng.uniform(0.5, 1.5, (64, 10)).cumsum(axis=1)
    few, many = side_errors(parts[:8]), side_errors(parts)
    assert (many < few).all()
    assert np.isnan(side_errors(parts[:7])).all()


def test_errors_hold_when_probes_end_as_soon_as_they_allow_it():
    """Energies of few channels vary by factors, and many draws in a row can be alike."""
    rng = np.random.default_rng(3)
    rings = Rings((65, 65), (32.0, 32.0))
    rows, columns = np.indices((65, 65))
    square = (rows - 32.0) ** 2 + (columns - 32.0) ** 2
    near, far = (rings.sums(np.exp(-square / (2 * width**2)) / width) for width in (3.0, 16.0))
    true = rings.sides_of(near + far, SHARES)

    def missed():
        draws = rng.chisquare(8, (32, 2)) @ np.stack([near, far])
        used = next((n for n in range(8, 32) if well_known(rings, draws[:n])), 32)
        errors = errors_of(draws[:used], lambda left: rings.sides_of(left, SHARES))
        return np.abs(rings.sides_of(draws[:used].sum(axis=0), SHARES) - true) > 1.96 * errors

    assert np.mean([missed() for _ in range(300)], axis=0).max() < 0.11


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (44, 4.2, "44 ± 4"), (238, 21, "240 ± 20"), (238, 12.3, "238 ± 12"),
        (0.6123, 0.0312, "0.61 ± 0.03"), (0.6123, 0.013, "0.612 ± 0.013"), (76, 0.0, "76"),
        (51, 0.4, "51.0 ± 0.4"), (150.2, float("nan"), "150 ± ?"),
    ],
)  # fmt: skip
def test_a_number_has_the_digits_that_its_error_allows(value, error, words):
    assert with_error(value, error) == words
    assert with_error(value, error, "px").replace(" px", "") == words


def test_fields_are_told_with_their_error_and_are_a_guess_without(tiny, picture):
    ask = {"x": 30, "y": 20}
    found = finish(QUESTIONS["receptive-field"](tiny(), picture(), **ask))
    assert "±" in found.sentence
    rows = found.numbers["fields"]
    known = [
        row[f"side_{share}_error_input_px"] <= max(0.1 * row[f"side_{share}_input_px"], 2)
        for row in rows
        for share in (20, 30, 50, 95, 99)
    ]
    assert found.grade == ("statistic" if all(known) else "heuristic")
    assert rows[-1]["level"] == "logits"
    assert {value for name, value in rows[-1].items() if "error" in name} == {0}
    assert all(row["radius_error_picture_px"] > 0 for row in rows[:-1])
    assert all(row["probes"] >= 4 for row in rows[:-1])
    guess = finish(QUESTIONS["receptive-field"](tiny(), picture(), probes=1, **ask))
    assert guess.grade == "heuristic"
    assert "± ?" in guess.sentence
    assert "take these for a guess" in guess.sentence
