from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from steps import told

from analysis import AnalysisError, trace
from analysis.core.progress import finish
from analysis.figures.representation import peers_figure
from analysis.representation.block_cka import (
    block_features,
    features_cka,
    picture_cka,
    pooled,
    token_cka,
)
from analysis.representation.cka import cka_sums
from analysis.representation.streams import streams


def gaussian(samples, features, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, features, generator=generator, dtype=torch.float64)


def cka(x, y):
    return float(cka_sums([x], [y]).cka[0, 0])


def biased(x, y):
    """Kornblith's estimate, in feature form."""
    x, y = x - x.mean(0), y - y.mean(0)
    return float((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm()))


def hsic_of_features(x, y):
    """Song's unbiased estimate from sums over features: no Gram matrix at all."""
    n, a, b = len(x), x.square().sum(1), y.square().sum(1)
    trace_term = (x.T @ y).square().sum() - (a * b).sum()
    row_x, row_y = x @ x.sum(0) - a, y @ y.sum(0) - b
    total = row_x.sum() * row_y.sum() / ((n - 1) * (n - 2))
    return (trace_term + total - 2 * (row_x @ row_y) / (n - 2)) / (n * (n - 3))


def test_features_are_like_themselves_rotated_scaled_and_shifted():
    x = gaussian(30, 8)
    turn = torch.linalg.qr(gaussian(8, 8, seed=1)).Q
    assert cka(x, x) == pytest.approx(1, abs=1e-12)
    assert cka(x, 3.7 * x @ turn + 5) == pytest.approx(1, abs=1e-12)
    stretch = torch.diag(torch.logspace(-1, 1, 8, dtype=torch.float64))
    assert cka(x, x @ stretch) < 0.9


@pytest.mark.parametrize(("samples", "wrong"), [(49, 0.892), (196, 0.670)])
def test_unrelated_features_are_unlike_where_the_biased_estimate_says_alike(samples, wrong):
    pairs = [(gaussian(samples, 320, seed), gaussian(samples, 512, seed + 50)) for seed in range(4)]
    assert np.mean([biased(*pair) for pair in pairs]) == pytest.approx(wrong, abs=0.01)
    assert abs(np.mean([cka(*pair) for pair in pairs])) < 0.05


def test_the_gram_form_is_the_feature_form():
    x, y = gaussian(20, 6), gaussian(20, 9, seed=1)
    y = y + x[:, :1] + 3
    sums = cka_sums([x], [y])
    assert sums.cross[0, 0] == pytest.approx(float(hsic_of_features(x, y)), rel=1e-12)
    assert sums.first[0] == pytest.approx(float(hsic_of_features(x, x)), rel=1e-12)
    assert sums.second[0] == pytest.approx(float(hsic_of_features(y, y)), rel=1e-12)


def test_the_mean_of_all_mini_batches_is_the_whole():
    x, y = gaussian(7, 3), gaussian(7, 4, seed=1) + gaussian(7, 3)[:, :1]
    whole = cka_sums([x], [y])
    parts = [cka_sums([x[list(some)]], [y[list(some)]]) for some in combinations(range(7), 4)]
    summed = sum(parts[1:], parts[0])
    assert (summed.batches, summed.samples) == (35, 140)
    np.testing.assert_allclose(summed.cross / 35, whole.cross, rtol=1e-12)
    np.testing.assert_allclose(summed.first / 35, whole.first, rtol=1e-12)
    np.testing.assert_allclose(summed.cka, whole.cka, rtol=1e-12)


def test_constant_features_have_no_value_and_too_few_or_unequal_samples_are_refused():
    assert np.isnan(cka(torch.full((9, 3), 0.1), gaussian(9, 3)))
    with pytest.raises(AnalysisError, match="4 samples or more, not 3"):
        cka_sums([gaussian(3, 2)])
    with pytest.raises(AnalysisError, match="same samples"):
        cka_sums([gaussian(5, 2)], [gaussian(6, 2)])


@pytest.mark.parametrize("reach", ["global", "hybrid"])
def test_streams_are_those_of_the_pass(tiny, picture, reach):
    traced = trace(tiny(reach, 3), picture(70, 130))
    found = {tuple(stream.place): stream for stream in streams(traced)}
    assert len(found) == 7
    for (stage, block), stream in found.items():
        assert stream.received is traced.block_inputs[stage - 1][block]
        if (stage, block + 1) in found:
            assert torch.equal(stream.produced, found[stage, block + 1].received)
        else:
            norm = traced.model.backbone.stage(stage)[2]
            assert torch.equal(norm(stream.produced), traced.stage_outputs[stage - 1])
        layers = traced.block(stage, block)
        assert torch.equal(stream.encoded, stream.received + layers.pos_embed(stream.received))


def test_maps_are_pooled_by_area_to_the_coarsest_grid(tiny, picture):
    x = gaussian(4 * 6, 3).T.reshape(1, 3, 4, 6)
    wanted = x.reshape(3, 2, 2, 3, 2).mean((2, 4)).flatten(1).T
    torch.testing.assert_close(pooled(x, (2, 3)), wanted)
    traced = trace(tiny(), picture(64, 96))
    found = token_cka(traced)
    assert (found.samples, found.samples_are) == (2 * 3, "tokens")
    assert found.first == ("1.0", "2.0", "3.0", "3.1", "3.2", "3.3", "4.0")
    np.testing.assert_allclose(np.diag(found.cka), 1, rtol=1e-12)
    np.testing.assert_allclose(found.cka, found.cka.T, rtol=1e-12)
    first, last = (block_features(traced, (2, 3))[name] for name in ("1.0", "4.0"))
    assert found.cka[0, -1] == pytest.approx(cka(first, last))
    assert len(found.rows()) == 49


def test_the_grid_is_never_larger_than_16_by_16(tiny, picture):
    traced = trace(tiny(), picture(64, 17 * 32))
    assert token_cka(traced).samples == 2 * 16


def test_two_models_are_compared_on_one_picture(tiny, picture):
    image = picture()
    whole, windows = trace(tiny(), image), trace(tiny("window", 2), image)
    found = token_cka(whole, windows)
    # Windows first matter in stage 3.
    assert found.cka[0, 0] == pytest.approx(1)
    assert found.cka[1, 1] == pytest.approx(1)
    assert found.cka[2, 2] < 1 - 1e-6
    with pytest.raises(AnalysisError, match="one picture"):
        token_cka(whole, trace(tiny(), picture(96, 64)))


def test_pictures_are_compared_by_their_means_in_batches(tiny, picture, monkeypatch):
    model, pictures = tiny(), [picture(64, 64 + 32 * (seed % 2), seed=seed) for seed in range(9)]
    means = [block_features(trace(model, one)) for one in pictures]
    columns = [torch.cat([one[name] for one in means]) for name in means[0]]
    monkeypatch.setattr("analysis.representation.block_cka.BATCH", 4)
    steps, found = told(picture_cka(model, pictures))
    assert [step.done for step in steps] == list(range(1, 10))
    parts = cka_sums([c[:5] for c in columns]) + cka_sums([c[5:] for c in columns])
    np.testing.assert_allclose(found.cka, parts.cka, rtol=1e-10)
    assert (found.samples, found.batches, found.samples_are) == (9, 2, "pictures")
    with pytest.raises(AnalysisError, match="4 pictures or more, not 2"):
        next(picture_cka(model, pictures[:2]))


def test_another_model_sees_the_same_pictures(tiny, picture):
    pictures = [picture(seed=seed) for seed in range(4)]
    found = finish(picture_cka(tiny(), pictures, tiny("window", 2)))
    assert found.cka[0, 0] == pytest.approx(1)
    assert found.cka[2, 2] < 1 - 1e-6


def test_the_figure_of_peers_has_a_panel_each_and_says_what_the_samples_are(tiny, picture):
    cka = token_cka(trace(tiny(), picture()))
    figure = peers_figure({"one": cka, "two, random weights": cka}, "tiny")
    assert "6 cells of one common grid" in figure.get_supxlabel()
    assert [axes.get_title() for axes in figure.axes[:2]] == ["one", "two\nrandom weights"]
    assert figure.axes[0].get_ylabel() == "blocks of tiny"
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), cka.cka)


def test_the_error_of_a_cka_is_how_far_it_varies_from_sample_to_sample():
    """Of features whose samples are independent: what blocks of a picture have at the least."""
    rng = np.random.default_rng(0)
    mix = torch.from_numpy(rng.normal(size=(6, 6)))
    values, errors = [], []
    for _ in range(80):
        first = torch.from_numpy(rng.normal(size=(64, 6)))
        second = first @ mix + 2 * torch.from_numpy(rng.normal(size=(64, 6)))
        found = features_cka({"1.0": first}, {"1.1": second})
        values.append(found.cka[0, 0])
        errors.append(found.error[0, 0])
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.35)


def test_cells_that_say_the_same_have_no_error_and_too_few_cells_no_known_one():
    rng = np.random.default_rng(0)
    features = torch.from_numpy(rng.normal(size=(64, 6)))
    found = features_cka({"1.0": features}, {"1.0": 3 * features})
    assert found.error[0, 0] == pytest.approx(0, abs=1e-9)
    assert found.grade == "statistic"
    few = features_cka({"1.0": features[:4]})
    assert np.isnan(few.error).all()
    assert few.grade == "heuristic"
