"""Comparisons of receptive fields: the table, the pictures, and that only networks differ."""

from __future__ import annotations

import copy
import csv
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image
from steps import told

from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, finish
from analysis.receptive_field.effective import effective_fields
from analysis.receptive_field.extent import energy_within
from analysis.receptive_field.networks import Level, Network, peer_network, uniformer_network
from analysis.receptive_field.networks.comparison import FieldComparison, compare_fields
from analysis.receptive_field.networks.picture_folder import PictureFolder, network_input
from analysis.receptive_field.theoretical import Sliding
from uniformer.dataset import DatasetError
from uniformer.preprocess import preprocess

SIZE = (64, 96)


def box_network(layers, scale=1.0, name="boxes"):
    """Return a network of uniform 3x3 convolutions, whose field is known."""
    kernel = torch.full((1, 3, 3, 3), scale / 9, dtype=torch.float64)

    def maps(x):
        for _ in range(layers):
            padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
            x = torch.nn.functional.conv2d(padded, kernel).expand(-1, 3, -1, -1) / 3
        return {"end": x[:, :1]}

    def readout(units):
        ((level, (row, column)),) = units.items()
        return lambda x: {level: maps(x)[level][:, :, row, column]}

    steps = (Sliding(3, 1, 1),) * layers
    return Network(name, SIZE, False, "random: boxes", (Level("end", steps, steps),), maps, readout)


def pictures(count, size=SIZE):
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(1, 3, *size, dtype=torch.float64, generator=generator) for _ in range(count)
    ]


def compare(*arguments, **options) -> FieldComparison:
    comparison = finish(compare_fields(*arguments, **options))
    return comparison


@pytest.fixture
def reaches(tiny):
    model = tiny(window_size=2)
    return [uniformer_network(model, SIZE, reach) for reach in ("global", "window", "local")]


def test_rows_describe_every_level_of_every_network_at_its_own_center(reaches):
    comparison = compare(reaches, pictures(1), (30, 40))
    assert [(f.network, f.level, f.stride_px) for f in comparison.fields[:5]] == [
        ("tiny (global)", "stage 1", 4),
        ("tiny (global)", "stage 2", 8),
        ("tiny (global)", "stage 3", 16),
        ("tiny (global)", "stage 4", 32),
        ("tiny (window 2)", "stage 1", 4),
    ]
    first, third = comparison.fields[0], comparison.fields[2]
    assert (first.unit, first.center_px) == ((7, 10), (29.5, 41.5))
    assert (third.theoretical_px, third.theoretical.width_px) == (None, 96)
    assert comparison.pixel == (30, 40)
    assert compare(reaches[:1], pictures(1)).pixel == (32, 48)


def test_what_lies_outside_the_theoretical_field_has_no_energy(reaches):
    for field in compare(reaches, pictures(2)).fields:
        box = field.theoretical
        inside = np.zeros(SIZE, dtype=bool)
        inside[box.top_px : box.bottom_px, box.left_px : box.right_px] = True
        assert np.array_equal(field.energy > 0, inside)


def test_a_smaller_reach_leaves_the_local_stages_as_they_are_and_shrinks_the_others(reaches):
    whole, window, local = np.split(np.array(compare(reaches, pictures(2)).fields), 3)
    for stage in (0, 1):
        np.testing.assert_array_equal(whole[stage].energy, window[stage].energy)
        np.testing.assert_array_equal(whole[stage].energy, local[stage].energy)
    for stage in (2, 3):
        assert local[stage].summary.radius_px < whole[stage].summary.radius_px


def test_fields_are_those_of_the_estimator_itself(reaches):
    network, inputs = reaches[0], pictures(3)
    units = {level.name: level.unit_at((32, 48), SIZE) for level in network.levels}
    expected = effective_fields(network.readout(units), inputs, probes=3, seed=5)
    for field in compare([network], inputs, probes=3, seed=5).fields:
        np.testing.assert_allclose(field.energy, expected[field.level].energy, rtol=1e-9)


@pytest.mark.parametrize("batch_size", [2, 3, 5])
def test_batches_equal_one_by_one(reaches, batch_size):
    alone = compare(reaches[:2], pictures(3), batch_size=1)
    together = compare(reaches[:2], pictures(3), batch_size=batch_size)
    for one, other in zip(alone.fields, together.fields, strict=True):
        np.testing.assert_allclose(one.energy, other.energy, rtol=1e-9, atol=1e-18)


def test_uniform_convolutions_spread_by_two_thirds_per_layer():
    (field,) = compare([box_network(9)], pictures(1)).fields
    gradient = np.sqrt(field.energy)
    rows = np.arange(64)[:, None]
    variance = (gradient * (rows - 32) ** 2).sum() / gradient.sum()
    assert variance == pytest.approx(2 * 9 / 3)
    assert (field.theoretical_px, field.theoretical.height_px) == (19, 19)
    assert field.summary.mass_center_px == pytest.approx(field.center_px)


def test_extents_do_not_depend_on_the_scale_of_the_output():
    fields = compare([box_network(6), box_network(6, 1e-3), box_network(6, 50.0)], pictures(1))
    first, *others = (field.summary for field in fields.fields)
    for other in others:
        assert [(one.side_px, one.area_share) for one in other.squares] == [
            (one.side_px, one.area_share) for one in first.squares
        ]
        assert other.sigma_px == pytest.approx(first.sigma_px)


def test_the_table_can_be_read_back(reaches):
    comparison = compare([*reaches, box_network(3)], pictures(2), probes=1)
    rows = list(csv.DictReader(io.StringIO(comparison.csv())))
    assert len(rows) == len(comparison.fields) == 13
    for row, field in zip(rows, comparison.fields, strict=True):
        assert (row["network"], row["level"]) == (field.network, field.level)
        assert (row["trained"], row["weights"]) == ("no", field.weights)
        assert row["theoretical_input_px"] == str(field.theoretical_px or "")
        assert int(row["theoretical_width_input_px"]) == field.theoretical.width_px
        assert (row["pictures"], row["probes"]) == ("2", "1")
        assert float(row["radius_input_px"]) == field.summary.radius_px
        assert float(row["sigma_row_input_px"]) == field.summary.sigma_px[0]
        for square in field.summary.squares:
            percent = f"{100 * square.energy_share:g}"
            assert float(row[f"side_{percent}_input_px"]) == square.side_px
            assert float(row[f"area_share_{percent}"]) == square.area_share
    for row in rows:  # every estimate has its error beside it
        numbers = [name for name in row if re.match("(side|area_share|mass|sigma|radius)_", name)]
        for name in (each for each in numbers if "error" not in each):
            assert re.sub("(_input_px|_picture_px|)$", r"_error\1", name, count=1) in numbers
    assert {f"side_{share}_input_px" for share in (20, 30, 50, 95, 99)} <= set(rows[0])


def test_progress_counts_batches_of_all_networks_and_can_be_left(reaches):
    steps, found = told(compare_fields(reaches[:2], pictures(3), batch_size=2))
    assert list(dict.fromkeys(steps)) == [Progress(done, 4) for done in (1, 2, 3, 4)]
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert isinstance(found, FieldComparison)
    stopped = compare_fields(reaches, pictures(3))
    assert isinstance(next(stopped), Progress)
    stopped.close()


def test_curves_grow_to_all_the_energy_and_cross_where_the_squares_say(reaches):
    field = compare(reaches[:1], pictures(1)).fields[2]
    sides, shares = energy_within(field.energy, field.center_px)
    assert (np.diff(sides) > 0).all()
    assert (np.diff(shares) >= 0).all()
    assert shares[-1] == 1
    for square in field.summary.squares:
        at = np.flatnonzero(sides == square.side_px)[0]
        assert shares[at] >= square.energy_share > (shares[at - 1] if at else 0)


def test_networks_of_different_kinds_go_through_the_same_protocol(tiny):
    model = uniformer_network(copy.deepcopy(tiny()).float(), (64, 64))
    networks = [model, peer_network("deit-s", (64, 64), weights=None)]
    inputs = [picture.float() for picture in pictures(2, (64, 64))]
    comparison = compare(networks, inputs)
    assert [field.network for field in comparison.fields] == ["tiny (global)"] * 4 + ["DeiT-S"] * 4
    assert not any(field.trained for field in comparison.fields)
    for field in comparison.fields:
        assert field.weights.startswith("random")
        assert field.energy.any()


def test_a_folder_is_read_one_picture_at_a_time_and_equals_a_list(tiny, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name, shape in (("b.png", (70, 90, 3)), ("a.png", (200, 120, 3)), ("c.png", (64, 96, 3))):
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    folder = PictureFolder(tmp_path, SIZE)
    assert len(folder) == 3
    assert [file.name for file in folder.files] == ["a.png", "b.png", "c.png"]
    network = uniformer_network(copy.deepcopy(tiny()).float(), SIZE)
    together, listed = (compare([network], each, batch_size=2) for each in (folder, list(folder)))
    for one, other in zip(together.fields, listed.fields, strict=True):
        np.testing.assert_array_equal(one.energy, other.energy)
    opened = []
    monkeypatch.setattr(
        "analysis.receptive_field.networks.picture_folder.open_picture",
        lambda file: opened.append(file),
    )
    monkeypatch.setattr(
        "analysis.receptive_field.networks.picture_folder.network_input",
        lambda picture, size: picture,
    )
    next(iter(folder))
    assert opened == [tmp_path / "a.png"]


def test_pictures_are_cut_from_the_middle_and_never_stretched():
    picture = np.zeros((64, 256, 3), dtype=np.uint8)
    picture[:, 80:176] = 200
    expected = preprocess(np.full((64, 96, 3), 200, np.uint8), 64)
    torch.testing.assert_close(network_input(picture, SIZE), expected)
    tall = np.repeat(np.arange(200, dtype=np.uint8)[:, None, None], 96, 1).repeat(3, 2)
    torch.testing.assert_close(network_input(tall, SIZE), preprocess(tall[68:132], 64))
    exact = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    torch.testing.assert_close(network_input(exact, SIZE), preprocess(exact, 64))
    assert network_input(exact[:10, :10], (96, 32)).shape == (1, 3, 96, 32)


def test_what_cannot_be_compared_is_refused_in_one_sentence(tiny, reaches, tmp_path):
    other = uniformer_network(tiny(), (64, 64))
    for networks, inputs, options, sentence in (
        ([*reaches, other], pictures(1), {}, "must be made for one size"),
        ([], pictures(1), {}, "at least one network"),
        (reaches, pictures(1, (64, 64)), {}, "made for 64 x 96 pixels and the pictures have 64 x"),
        (reaches, [], {}, "no pictures"),
        (reaches, pictures(1), {"pixel": (64, 0)}, "outside the picture"),
        (reaches, pictures(1), {"probes": 0}, "at least 1"),
        (reaches, pictures(1), {"batch_size": 0}, "at least 1"),
    ):
        with pytest.raises(AnalysisError, match=sentence):
            compare(networks, inputs, **options)
    with pytest.raises(DatasetError, match="no pictures"):
        PictureFolder(tmp_path, SIZE)
