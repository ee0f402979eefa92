"""The folder of the live edition, as far as no browser and no package of npm is needed to tell."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnxruntime
import pytest
import yaml

from analysis.affinity.local_rows import contribution_norms
from analysis.cli.main import main
from analysis.core.activation_cache import trace
from analysis.core.errors import AnalysisError
from analysis.core.progress import finish
from analysis.live import folder, write_folder
from analysis.live.facts import EXAMPLES, examples, model_facts, with_app
from analysis.live.graphs import terms_onnx
from analysis.live.runtime import LOCK
from scripts import space
from uniformer import create_model
from uniformer.export.steerable import LOCAL, Steerable
from uniformer.preprocess import preprocess

PICTURE = np.random.default_rng(4).integers(0, 256, (64, 96, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return create_model("nano")


def test_the_small_graph_has_the_lengths_of_the_terms(model):
    run = onnxruntime.InferenceSession(terms_onnx(), providers=["CPUExecutionProvider"])
    steerable = Steerable(model)
    x = preprocess(PICTURE, 64, 32)
    inputs = steerable.example(*x.shape[-2:]) | {"image": x}
    found = dict(zip(steerable.names(), steerable(**inputs), strict=True))
    values, kernel, mix = (found[f"stage1.block1.{name}"].detach().numpy() for name in LOCAL)
    given = {"values": values.reshape(len(mix), -1), "taps": kernel[12], "mix": mix}
    expected = contribution_norms(trace(model, PICTURE, short_side=64), 1, 1)[12]
    np.testing.assert_allclose(run.run(None, given)[0], expected.flatten(), rtol=1e-4, atol=1e-6)


def test_a_folder_of_somebody_else_is_left_alone(model, tmp_path):
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(AnalysisError, match=r"diary\.txt, which was not written here"):
        finish(write_folder(model, tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["diary.txt"]


def test_a_file_added_to_a_folder_of_ours_is_not_thrown_away(model, tmp_path):
    (tmp_path / "live.json").write_text(json.dumps({"written": ["live.json", "index.html"]}))
    (tmp_path / "index.html").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AnalysisError, match=r"notes\.txt"):
        finish(write_folder(model, tmp_path))


def test_without_npm_one_sentence_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert main(["live", "-o", str(tmp_path / "site")]) == 1
    assert "install Node.js" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_npm_may_bring_is_pinned_by_its_hash():
    packages = json.loads((LOCK / "package-lock.json").read_text())["packages"]
    wanted = json.loads((LOCK / "package.json").read_text())["dependencies"]["onnxruntime-web"]
    assert packages["node_modules/onnxruntime-web"]["version"] == wanted
    hashes = [each.get("integrity", "") for name, each in packages.items() if name]
    assert hashes
    assert all(each.startswith("sha512-") for each in hashes)


def test_the_page_is_told_what_the_model_is(model):
    facts = json.loads(json.dumps(model_facts(model)))
    assert facts["depths"] == [2, 3, 6, 2]
    assert facts["heads"] == [1, 1, 5, 8]
    assert len(facts["classes"]) == len(facts["colors"]) == len(model.classes.names)
    for example in examples():
        assert (EXAMPLES / example["name"]).is_file()
        assert {"title", "alt", "credit"} <= example.keys()
    assert {"Integrated gradients", "EigenCAM"} <= set(with_app())
    assert "Occlusion" not in with_app()


def test_the_card_is_of_a_static_space_whose_pages_may_have_threads():
    text = (LOCK / "README.md").read_text(encoding="utf-8")
    card = yaml.safe_load(text.split("---")[1])
    assert card["sdk"] == "static"
    assert card["app_file"] == folder.AT_THE_ROOT["live.html"]
    assert len(card["short_description"]) <= 60
    headers = card["custom_headers"]
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"


def test_a_dry_run_lists_all_of_the_folder_and_nothing_else(tmp_path, monkeypatch, capsys):
    for name in ("live.json", "index.html", "web/live.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    monkeypatch.setattr(space, "HfApi", None)
    arguments = ["space.py", "ann/live", "--live", str(tmp_path), "--dry-run"]
    monkeypatch.setattr("sys.argv", arguments)
    assert space.main() == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines] == ["index.html", "live.json", "web/live.js"]
    assert "ann/live" in last
    (tmp_path / "live.json").unlink()
    assert space.main() == 1
    assert "python -m analysis live" in capsys.readouterr().err
