"""What goes to a Hugging Face Space: its card, its files, and that they start on their own."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from serving import serving

from scripts import space
from uniformer.config import MODELS

ROOT = Path(__file__).parent.parent
COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@pytest.fixture(scope="module")
def card():
    _, front_matter, _ = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front_matter)


def test_card_names_the_sdk_and_the_pinned_version(card):
    assert card["sdk"] == "gradio"
    lock = (ROOT / "requirements.lock").read_text()
    assert f"\ngradio=={card['sdk_version']} \\\n" in lock


def test_card_starts_this_app_with_a_python_that_the_space_has(card):
    assert (ROOT / card["app_file"]).is_file()
    assert card["python_version"] in {"3.10", "3.12"}  # ZeroGPU has these two
    assert isinstance(card["python_version"], str)  # 3.10 as a number would be 3.1


def test_card_is_within_the_limits_of_the_hub(card):
    assert card["title"]
    assert len(card["short_description"]) <= 60
    assert {card["colorFrom"], card["colorTo"]} <= COLORS
    assert len(card["emoji"]) == 1
    assert ord(card["emoji"]) > 0x2000
    assert card["license"] == "apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "image-segmentation" in card["tags"]
    assert all(isinstance(tag, str) for tag in card["tags"])
    assert card["suggested_hardware"] == "cpu-basic"


def test_card_preloads_the_files_that_the_models_ask_for_first(card):
    assert all(HUB_ID.fullmatch(name) for name in card["models"])
    asked = [config.hub[0] for config in MODELS.values() if config.hub]
    wanted = {f"{file.repo_id} {file.filename}" for file in asked}
    assert set(card["preload_from_hub"]) == wanted
    assert {file.repo_id for file in asked} == set(card["models"])


def test_listed_are_the_app_and_its_assets_and_nothing_private(tmp_path):
    for name in ("app.py", "ui/a.py", "ui/page/tabs/b.py", "assets/examples/c.jpg", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in (
        ".env",
        "ui/.env",
        "assets/.DS_Store",
        "ui/__pycache__/a.pyc",
        "notes.txt",
        "photo.jpg",
        "tests/t.py",
        ".git/config",
        ".venv/ui/x.py",
        "uniformer/data/.nano.json.1-2.part",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert space.listed(tmp_path) == [
        "README.md",
        "app.py",
        "assets/examples/c.jpg",
        "ui/a.py",
        "ui/page/tabs/b.py",
    ]


def test_dry_run_lists_every_file_with_its_size_and_asks_nobody(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["space.py", "ann/lens", "--dry-run"])
    monkeypatch.setattr(space, "HfApi", None)
    assert space.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[:-1]] == space.listed(ROOT)
    assert lines[-1].endswith(f"bytes in {len(lines) - 1} files would go to ann/lens")


def test_upload_sends_what_the_dry_run_lists(monkeypatch, tmp_path):
    calls = {}

    class Api:
        def create_repo(self, repo, **options):
            calls["repo"] = (repo, options)

        def upload_folder(self, **options):
            calls["folder"] = options

    monkeypatch.setattr(space, "HfApi", Api)
    assert space.upload("ann/lens", tmp_path) == "https://huggingface.co/spaces/ann/lens"
    assert calls["repo"][1]["space_sdk"] == "gradio"
    assert calls["folder"]["repo_type"] == "space"
    assert calls["folder"]["allow_patterns"] == list(space.PARTS)
    assert calls["folder"]["ignore_patterns"] == list(space.NEVER)


@pytest.mark.parametrize("repo", ["lens", "a/b/c", "../x", "ann/l ens", ""])
def test_impossible_name_is_one_sentence(monkeypatch, capsys, repo):
    monkeypatch.setattr("sys.argv", ["space.py", repo])
    monkeypatch.setattr(space, "HfApi", None)
    assert space.main() == 1
    written = capsys.readouterr().err
    assert written.startswith("space.py: ")
    assert len(written.splitlines()) == 1


def test_what_goes_starts_from_an_empty_folder(tmp_path):
    root = tmp_path / "space"
    for name in space.listed(ROOT):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    with serving(tmp_path, root=root, SPACE_ID="ann/lens", PYTHONPATH="") as server:
        assert server.get("/").is_success
        assert server.stop() == 0
    assert "Traceback" not in server.output.read_text()
