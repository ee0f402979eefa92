"""What the command line says: the finding in words, rounded numbers, and what it refuses early."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from analysis.cli import main as cli
from analysis.core.evidence import GRADES

PIXEL = ["--pixel", "30,40", "--short-side", "64"]


@pytest.fixture
def photo(tmp_path):
    """A picture of noise, 64 pixels high and 80 wide."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def test_the_finding_its_grade_and_rounded_numbers_are_printed(photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["rollout", photo, *PIXEL, "--formats", "json,csv", "-o", str(out)]) == 0
    said = capsys.readouterr().out
    report = json.loads((out / "photo.rollout.json").read_text())
    assert report["sentence"] in " ".join(said.split())
    assert GRADES[report["grade"]] in said
    assert f"conservation_error: {report['numbers']['conservation_error']:.4g}\n" in said
    # Nothing was compared, so there is no table of it.
    assert {file.name for file in out.iterdir()} == {
        f"photo.rollout.{end}" for end in ("json", "blocks.csv", "classes.csv")
    }


@pytest.mark.parametrize("place", ["photo.png", "photo.png/inside"])
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(
    place, photo, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(cli, "model_of", lambda *_, **__: pytest.fail("the work has begun"))
    assert cli.main(["probe", photo, *PIXEL, "-o", str(tmp_path / place)]) == 1
    assert capsys.readouterr().err == f"analysis: error: {photo}: Not a directory.\n"


def test_rows_are_told_one_by_one_unless_a_table_has_them():
    rows = [{"stage": 1, "share": 0.123456}, {"stage": 2, "share": None}]
    numbers = {"stages": rows, "label": "sky", "sizes": [1.5, 2.0], "found": True}
    assert cli._lines(numbers, {}) == [
        "  stages:", "    stage 1, share 0.1235", "    stage 2, share none",
        "  label: sky", "  sizes: 1.5, 2", "  found: yes",
    ]  # fmt: skip
    assert cli._lines(numbers, {"stages": rows})[0] == "  stages: 2 rows, see the table"


def test_help_is_for_people_who_do_not_program(capsys):
    for question in cli.QUESTIONS:
        with pytest.raises(SystemExit):
            cli.main([question, "--help"])
        said = capsys.readouterr().out
        assert not any(markup in said for markup in (":class:", "``", "Raises"))
