"""The weights that ship with the package are the ones their card describes."""

import json
from importlib import resources
from pathlib import Path

import pytest

from uniformer import create_model, segment
from uniformer.checkpoint import sha256_of

DATA = resources.files("uniformer") / "data"
EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"

SHARES = {
    "kodim20_p51_mustang.jpg": {"sky": 50.87, "aeroplane": 33.54, "grass": 15.11},
    "china_summer_palace.jpg": {"sky": 45.86, "building": 25.93, "tree": 22.0},
}
"""Percent of the picture per class, the three largest, as recorded when the file was released."""


@pytest.fixture(scope="module")
def nano():
    return create_model("nano")


def test_bundled_file_has_the_sha256_of_its_card_and_fits_its_limits(nano):
    file = DATA / nano.config.bundled
    card = json.loads((DATA / f"{nano.config.bundled}.json").read_text())
    assert nano.weights.trained
    assert nano.weights.sha256 == card["sha256"] == sha256_of(file)
    assert file.stat().st_size < 10_000_000
    assert sum(p.numel() for p in nano.parameters()) <= 4_800_000


def test_card_describes_the_model_it_lies_beside(nano):
    card = json.loads((DATA / f"{nano.config.bundled}.json").read_text())
    assert [row["name"] for row in card["classes"]] == list(nano.classes.names)
    assert [row["color"] for row in card["classes"]] == list(nano.classes.colors)
    assert card["preprocessing"]["short_side"] == nano.config.short_side
    assert card["preprocessing"]["size_divisor"] == nano.config.size_divisor
    assert (card["reach"], card["window_size"]) == (nano.config.reach, nano.config.window_size)
    (scores,) = card["scores"]
    assert {"ordinary", "test"} == scores["domains"].keys()


@pytest.mark.parametrize("name", SHARES)
def test_two_pictures_get_the_recorded_class_shares(nano, name):
    table = segment(EXAMPLES / name, nano).table()
    found = {row.name: 100 * row.share for row in table[:3]}
    assert found == pytest.approx(SHARES[name], abs=0.3)
