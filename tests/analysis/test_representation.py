from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from steps import told

from analysis import AnalysisError, trace
from analysis.core.progress import Progress, finish
from analysis.figures.representation import (
    correlogram_figure,
    gap_figure,
    representation_figure,
    spectrum_figure,
)
from analysis.profile.nulls import NULL_DRAWS, null_seeds, random_weights_trace
from analysis.questions.answer import Answer
from analysis.questions.parameters import parameters_of
from analysis.questions.representation import representation
from analysis.representation.block_cka import block_features, features_cka, token_cka
from analysis.representation.cka import cka_sums
from analysis.representation.streams import streams
from analysis.representation.survey import PARTS, survey


@pytest.fixture
def traced(tiny, picture):
    return trace(tiny("window", 3), picture(64, 96))


@pytest.fixture
def found(traced):
    found = finish(survey(traced))
    return found


def test_every_block_is_surveyed_in_order_and_nothing_changes(traced):
    steps, found = told(survey(traced))
    assert steps == [Progress(done, 7) for done in range(1, 8)]
    assert [block.name for block in found.blocks] == [
        "1.0",
        "2.0",
        "3.0",
        "3.1",
        "3.2",
        "3.3",
        "4.0",
    ]
    np.testing.assert_allclose(found.cka.cka, token_cka(traced).cka, rtol=1e-12)
    for block in found.blocks:
        rows, columns = traced.grid(block.stage).shape
        assert block.raw.neighbours.shape == (rows, columns)
        assert 1 <= block.rank <= block.rank_limit
        assert block.rank_limit == min(rows * columns, {1: 16, 2: 32}.get(block.stage, 64))
        assert (block.queries is None) == block.local == (block.stage <= 2)
        assert tuple(block.spectra) == PARTS


def test_the_spectrum_of_a_block_goes_on_where_that_of_the_last_one_ended(found):
    for before, after in zip(found.blocks[2:5], found.blocks[3:6], strict=True):
        np.testing.assert_array_equal(
            before.spectra["produced"].power, after.spectra["received"].power
        )
    block = found.blocks[0]
    total = block.spectra["produced"].high_over_low - block.spectra["received"].high_over_low
    assert sum(block.change(part) for part in PARTS[1:]) == pytest.approx(total)


def test_a_part_that_does_nothing_changes_no_frequency(tiny, picture):
    def silence(model):
        model.backbone.blocks1[0].pos_embed.weight.zero_()
        model.backbone.blocks1[0].pos_embed.bias.zero_()

    found = finish(survey(trace(tiny(edit=silence), picture())))
    assert found.blocks[0].change("encoded") == 0
    assert found.blocks[0].change("gathered") != 0


def test_the_figures_show_the_numbers(found, picture):
    across = features_cka(found.features)
    figure = representation_figure(
        found, [found] * 2, [across, replace(across, cka=0 * across.cka)]
    )
    own, other, alike, gap, rank, smooth = figure.axes[:6]
    np.testing.assert_array_equal(own.images[0].get_array(), found.cka.cka)
    np.testing.assert_array_equal(other.images[0].get_array(), across.cka / 2)  # of two draws
    np.testing.assert_array_equal(
        alike.lines[0].get_ydata(), [block.raw.all_pairs for block in found.blocks]
    )
    np.testing.assert_array_equal(
        gap.lines[0].get_ydata(), [block.raw.gap for block in found.blocks]
    )
    assert rank.lines[0].get_ydata()[0] == found.blocks[0].rank / found.blocks[0].rank_limit
    assert smooth.lines[1].get_ydata()[0] == found.blocks[0].change("gathered")
    # 2 x 3 cells say little of how alike blocks are.
    assert found.cka.samples == 6
    assert found.cka.grade == "heuristic"
    assert figure.get_supxlabel().startswith("[H · heuristic")
    maps = gap_figure(found, picture(64, 96), [found] * 2).axes
    np.testing.assert_array_equal(maps[0].images[1].get_array(), found.blocks[0].centered.gap_map)
    low, high = maps[0].images[1].get_clim()
    assert low == -high
    mean = f"{found.blocks[0].centered.gap:+.2f}"
    assert maps[0].get_xlabel() == f"mean {mean}, random weights\n{mean} to {mean}"
    assert [axes.get_title() for axes in maps[:4]] == [f"stage {n}" for n in range(1, 5)]
    raw, centered = correlogram_figure(found, [found]).axes
    assert len(raw.lines) == len(centered.lines) == 8
    np.testing.assert_array_equal(raw.lines[4].get_ydata(), raw.lines[0].get_ydata())
    assert len(raw.lines[0].get_ydata()) == len(found.blocks[0].raw.pairs) // 2
    panels = spectrum_figure(found, [found]).axes
    assert [len(axes.lines) for axes in panels] == [5, 5, 14, 5]
    amplitude = found.blocks[0].spectra["encoded"].log_amplitude
    np.testing.assert_array_equal(panels[0].lines[0].get_ydata(), amplitude)


def test_the_question_answers_with_a_null_and_can_be_saved(tiny, picture, tmp_path):
    model, image = tiny(), picture()
    steps, answer = told(representation(model, image, seed=1))
    assert isinstance(answer, Answer)
    assert steps[-1].done == steps[-1].total
    assert answer.numbers["cka_first_last"] == answer.arrays["cka"][0, -1]
    random = answer.arrays["cka_random_weights"]
    assert len(random) == NULL_DRAWS
    assert len({drawn.tobytes() for drawn in random}) == NULL_DRAWS
    assert not np.allclose(answer.arrays["cka"], random.mean(0))
    assert len(answer.tables["blocks"]) == 7
    assert len(answer.tables["blocks_random_weights"]) == 7 * NULL_DRAWS
    for key in ("lowest_rank_share", "gathered_change_local_blocks"):
        low, mean, high = (answer.numbers[f"random_weights_{key}{end}"]
                           for end in ("_low", "", "_high"))  # fmt: skip
        assert low < mean < high
    # A grade follows from what came out: six cells are a guess, and it is said.
    assert answer.grade == "heuristic"
    assert "Over 6 cells" in answer.sentence
    assert "guess" in answer.sentence
    assert len(answer.tables["cka"]) == 49
    first = [row for row in answer.tables["frequency"] if row["name"] == "1.0"]
    assert first[0]["log_amplitude_produced"] == 0
    asked = {"peers": None, "show": "overview", "seed": 1, "short_side": None}
    assert answer.settings["parameters"] == asked
    files = answer.save(tmp_path, "photo", ("png", "npz", "csv", "json"))
    assert {file.name for file in files} >= {"photo.blocks.csv", "photo.frequency.csv"}
    assert [parameter.name for parameter in parameters_of(representation)] == list(asked)


@pytest.mark.parametrize(
    ("show", "title"),
    [
        ("frequencies", "Which spatial frequencies"),
        ("distance", "How far apart"),
        ("redundancy", "Where is a map redundant"),
        ("peers", "Which levels of other networks"),
    ],
)
def test_another_figure_can_be_asked_for(tiny, picture, monkeypatch, show, title):
    model, image = tiny(), picture()
    maps = {stream.name: stream.produced for stream in streams(trace(model, image))}

    def itself(name, size_px):
        assert size_px == (64, 96)
        return SimpleNamespace(name=name, trained=name == "resnet50", maps=lambda x: maps)

    monkeypatch.setattr(import_module(representation.__module__), "peer_network", itself)
    answer = finish(representation(model, image, peers="resnet50,Swin_T", show=show))
    assert title in answer.figure().get_suptitle()
    assert {row["network"] for row in answer.tables["cka_peers"]} == {
        "resnet50", "swin-t, random weights",
    }  # fmt: skip
    # A network that is the model itself is as like it as its own blocks are.
    np.testing.assert_allclose(answer.arrays["cka_resnet50"], answer.arrays["cka"], atol=1e-4)


def test_own_blocks_are_the_rows_and_what_they_are_compared_with_the_columns(
    tiny, picture, monkeypatch
):
    model, image = tiny(), picture()
    traced = trace(model, image)
    level = {stream.name: stream.produced for stream in streams(traced)}["3.1"]
    peer = SimpleNamespace(name="peer", trained=True, maps=lambda x: {"level": level})
    module = import_module(representation.__module__)
    monkeypatch.setattr(module, "peer_network", lambda name, size_px: peer)
    answer = finish(representation(model, image, peers="resnet50"))
    own, other = (
        block_features(one, (2, 3))
        for one in (traced, random_weights_trace(traced, image, seed=null_seeds(0)[1]))
    )
    (pair,) = cka_sums([own["1.0"]], [other["4.0"]]).cka.ravel()
    drawn = answer.arrays["cka_random_weights"][:, 0, 6]
    assert drawn[1] == pytest.approx(pair)
    row = {(row["first"], row["second"]): row for row in answer.tables["cka"]}["1.0", "4.0"]
    assert row["cka_random_weights"] == pytest.approx(drawn.mean())
    assert (
        row["cka_random_weights_low"] < drawn.min() <= drawn.max() < row["cka_random_weights_high"]
    )
    rows = answer.tables["cka_peers"]
    assert [(row["first"], row["second"]) for row in rows] == [(name, "level") for name in own]
    assert [row["first"] for row in rows if row["cka"] > 1 - 1e-4] == ["3.1"]


def test_peers_must_be_known_and_named(tiny, picture):
    with pytest.raises(AnalysisError, match="no network 'vgg'"):
        next(representation(tiny(), picture(), peers="vgg"))
    with pytest.raises(AnalysisError, match="Name the networks"):
        next(representation(tiny(), picture(), show="peers"))
