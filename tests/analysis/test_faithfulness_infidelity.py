"""Infidelity and max-sensitivity: known answers, and captum's own on the same perturbations."""

import captum.metrics
import numpy as np
import pytest
import torch
from steps import told

from analysis import AnalysisError
from analysis.core.progress import Progress, finish
from analysis.core.targets import RegionScore
from analysis.faithfulness.deletion_insertion import replacement_of
from analysis.faithfulness.infidelity import GreyNoise, Infidelity, Squares, infidelities
from analysis.faithfulness.sensitivity import max_sensitivity
from uniformer.preprocess import preprocess

SIZE = (48, 64)
KINDS = [Squares(cell_px=8), GreyNoise()]


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(1, 3, *SIZE, dtype=torch.float64)


@pytest.fixture
def weights():
    return torch.randn(3, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def linear(weights):
    return lambda x: (weights * x).sum(dim=(1, 2, 3))


def bent(weights):
    return lambda x: ((weights * x).sum(dim=(1, 2, 3)) / 50).tanh() + (x**2).mean(dim=(1, 2, 3))


def test_gradient_of_a_linear_model_has_no_infidelity_to_noise(x, weights):
    found = finish(infidelities(linear(weights), x, {"g": weights.sum(0).numpy()}, GreyNoise()))[
        "g"
    ]
    assert found.unexplained_share < 1e-20


def test_contributions_of_a_linear_model_have_no_infidelity_to_replacement(x, weights):
    parts = (weights * (x - replacement_of(x, "blur"))[0]).sum(0).numpy()
    found = finish(infidelities(linear(weights), x, {"ig": parts}, Squares(cell_px=8)))["ig"]
    assert found.unexplained_share < 1e-20


def test_the_error_of_the_unexplained_share_is_how_far_it_varies_with_the_seed(x, weights):
    values = {"noisy": weights.sum(0).numpy() + 10}
    found = [
        finish(infidelities(linear(weights), x, values, GreyNoise(), samples=32, seed=seed))[
            "noisy"
        ]
        for seed in range(20)
    ]
    scatter = np.std([one.unexplained_share for one in found])
    assert np.mean([one.unexplained_error for one in found]) == pytest.approx(scatter, rel=0.5)


def test_a_gradient_is_no_contribution_and_the_other_way_round(x, weights):
    gradient = weights.sum(0).numpy()
    parts = (weights * (x - replacement_of(x, "blur"))[0]).sum(0).numpy()
    for changes, wrong in zip(KINDS, (gradient, parts), strict=True):
        found = finish(infidelities(linear(weights), x, {"wrong": wrong}, changes))["wrong"]
        assert found.unexplained_share > 0.5


@pytest.mark.parametrize("changes", KINDS)
def test_infidelity_is_that_of_captum_on_the_same_changes(x, weights, changes):
    # Added to the gradient so that the best scale is above 0, where both must agree.
    noise = 0.5 * np.random.default_rng(2).standard_normal(SIZE)
    parts = weights.sum(0).numpy()
    if isinstance(changes, Squares):
        parts = (weights * (x - replacement_of(x, "blur"))[0]).sum(0).numpy()
    values = parts + noise
    rng = np.random.default_rng(3)

    def perturb(inputs):
        amounts, changed = changes.change(inputs[:1], len(inputs), rng)
        return torch.from_numpy(amounts)[:, None].expand_as(changed), changed

    expected = captum.metrics.infidelity(
        bent(weights), perturb, x, torch.from_numpy(values / 3).expand(1, 3, *SIZE),
        n_perturb_samples=20, normalize=True,
    )  # fmt: skip
    found = finish(infidelities(bent(weights), x, {"a": values}, changes, samples=20, seed=3))["a"]
    assert found.squared_error == pytest.approx(expected.item())
    assert 0 < found.unexplained_share < 1


@pytest.mark.parametrize("changes", KINDS)
def test_scale_of_a_map_does_not_matter_but_its_sign_does(x, weights, changes):
    values = weights.sum(0).numpy()
    maps = {"a": values, "scaled": 7 * values, "reversed": -values, "blank": 0 * values}
    found = finish(infidelities(bent(weights), x, maps, changes))
    assert found["a"].unexplained_share == pytest.approx(found["scaled"].unexplained_share)
    assert found["blank"].unexplained_share == pytest.approx(1)
    assert max(found["a"].unexplained_share, found["reversed"].unexplained_share) == 1
    assert min(found["a"].unexplained_share, found["reversed"].unexplained_share) < 1


def test_score_that_never_changes_leaves_nothing_to_explain(x):
    found = finish(infidelities(lambda x: torch.ones(len(x)), x, {"a": np.eye(6, 8)}, Squares()))
    assert found["a"].squared_error == 0
    assert np.isnan(found["a"].unexplained_share)


@pytest.mark.parametrize("changes", KINDS)
def test_batches_and_other_maps_change_nothing(x, weights, changes):
    values = weights.sum(0).numpy()
    runs = [
        finish(infidelities(bent(weights), x, maps, changes, samples=9, batch_size=size))["a"]
        for maps, size in (({"a": values}, 9), ({"b": -values, "a": values}, 2))
    ]
    assert runs[0].squared_error == pytest.approx(runs[1].squared_error)


def test_squares_replace_the_share_asked_for_in_whole_squares(x):
    changes = Squares("mean", cell_px=16, share=0.3)
    amounts, changed = changes.change(x, 50, np.random.default_rng(0))
    assert set(np.unique(amounts)) == {0, 1}
    assert amounts.mean() == pytest.approx(0.3, abs=0.06)
    blocks = amounts.reshape(50, 3, 16, 4, 16)
    np.testing.assert_array_equal(blocks.min(axis=(2, 4)), blocks.max(axis=(2, 4)))
    kept = torch.from_numpy(amounts == 0)[:, None].expand_as(changed)
    torch.testing.assert_close(changed[kept], x.expand_as(changed)[kept], rtol=0, atol=0)


def test_infidelity_counts_its_passes_stops_and_leaves_the_model_alone(tiny, picture):
    score = RegionScore(tiny(), np.ones((64, 96), bool), 1)
    inputs = preprocess(picture(), 64).double()
    steps, found = told(infidelities(score, inputs, {"a": np.eye(4, 6)}, Squares(), samples=5))
    assert steps == [Progress(4, 5), Progress(5, 5)]
    assert isinstance(found["a"], Infidelity)
    calls = []
    run = infidelities(
        lambda x: calls.append(len(x)) or x.mean(dim=(1, 2, 3)), inputs, {"a": np.eye(4, 6)},
        GreyNoise(), batch_size=2,
    )  # fmt: skip
    next(run)
    run.close()
    assert calls == [1, 2]


def gradient(model, x):
    x = x.clone().requires_grad_()
    score = RegionScore(model, np.ones((64, 96), bool), 1)
    return torch.autograd.grad(score(x).sum(), x)[0][0].sum(0).numpy()


def test_a_constant_map_is_insensitive(x):
    found = finish(max_sensitivity(None, x, lambda model, x: np.ones((3, 4)), samples=3))
    assert found.maximum == 0


def test_sensitivity_of_the_input_itself_is_the_size_of_the_noise(x):
    found = finish(
        max_sensitivity(None, x, lambda model, x: x[0, 0].numpy(), radius=0.1, samples=40)
    )
    expected = 0.1 / np.sqrt(3) * np.sqrt(x[0, 0].numel()) / np.linalg.norm(x[0, 0])
    np.testing.assert_allclose(found.relative_changes, expected, rtol=0.1)
    assert found.maximum == found.relative_changes.max()


def test_sensitivity_is_that_of_captum_with_the_same_noise(tiny, picture):
    model, inputs = tiny(), preprocess(picture(), 64).double()
    found = finish(max_sensitivity(model, inputs, gradient, radius=0.05, samples=3, seed=4))
    rng = np.random.default_rng(4)

    def explain(inputs):
        inputs = inputs[0] if isinstance(inputs, tuple) else inputs
        with torch.enable_grad():
            return (torch.stack([torch.from_numpy(gradient(model, x[None])) for x in inputs]),)

    expected = captum.metrics.sensitivity_max(
        explain,
        inputs,
        lambda x: x + torch.from_numpy(rng.uniform(-0.05, 0.05, tuple(x.shape))),
        n_perturb_samples=3,
    )
    assert found.maximum == pytest.approx(expected.item())
    assert found.maximum > 0


def test_closing_the_generator_stops_the_explanations(x):
    calls = []
    run = max_sensitivity(None, x, lambda model, x: calls.append(1) or np.ones((2, 2)))
    assert next(run) == Progress(1, 11)
    next(run)
    run.close()
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: infidelities(None, x, {"a": np.full((2, 2), np.inf)}, Squares()), "map a must"),
        (lambda x: infidelities(None, x, {}, Squares(), samples=0), "at least one sample"),
        (lambda x: infidelities(lambda x: x.sum()[None] / 0, x, {}, Squares()), "not finite"),
        (lambda x: iter([Squares(share=1)]), "share between"),
        (lambda x: iter([GreyNoise(0)]), "sigma above 0"),
        (lambda x: max_sensitivity(None, x, None, samples=0), "at least one sample"),
        (lambda x: max_sensitivity(None, x, lambda model, x: np.zeros((2, 2))), "is zero"),
    ],
)
def test_a_question_without_an_answer_is_refused_in_one_sentence(x, call, words):
    with pytest.raises(AnalysisError, match=words) as error:
        list(call(x))
    assert str(error.value).count(".") <= 2
