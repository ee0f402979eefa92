"""The package people install: what it is called, what it brings, that it works from anywhere."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "assets" / "examples" / "chelsea_cat.jpg"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def build():
    """setup.py as a module, which only packages when it is run."""
    spec = importlib.util.spec_from_file_location("packaging_of_the_wheel", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("here", "installed"),
    [
        ("import analysis\n", "from uniformer_lens import analysis\n"),
        (
            "import ui.server\n",
            "import uniformer_lens.ui.server\nfrom uniformer_lens import ui\n",
        ),
        ("import ui.server as s\n", "import uniformer_lens.ui.server as s\n"),
        (
            "import json, analysis, uniformer\n",
            "import json\nfrom uniformer_lens import analysis\nimport uniformer\n",
        ),
        ("from analysis import trace\n", "from uniformer_lens.analysis import trace\n"),
        (
            "def f():\n    from ui.a import (\n        b,\n    )\n    return b\n",
            "def f():\n    from uniformer_lens.ui.a import (\n        b,\n    )\n    return b\n",
        ),
        ("from uniformer import analysis\n", "from uniformer import analysis\n"),
        ("from . import analysis\n", "from . import analysis\n"),
        ('"import analysis"\n', '"import analysis"\n'),
    ],
)
def test_an_import_names_the_place_it_is_installed_in(build, here, installed):
    assert build.moved(here) == installed
    assert build.moved(installed) == installed


def test_nothing_that_is_installed_imports_a_name_of_the_repository(build):
    files = [file for name in build.PACKAGES for file in (ROOT / name).rglob("*.py")]
    files += [ROOT / f"{name}.py" for name in build.MODULES]
    for file in files:
        for node in ast.walk(ast.parse(build.moved(file.read_text(encoding="utf-8")))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            assert not {name.split(".")[0] for name in names} & build.MOVED, file


@pytest.mark.parametrize("package", ["uniformer", "analysis", "training"])
def test_a_package_can_be_run(package, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [package, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(package, run_name="__main__")
    assert ended.value.code == 0
    assert f"python -m {package}" in capsys.readouterr().out


def bounds(lines):
    """Return name, extras and range of every requirement but the package itself."""
    entries = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {
        (entry.name, *sorted(entry.extras), str(entry.specifier))
        for entry in entries
        if entry.name != PROJECT["name"]
    }


def test_hosts_install_what_the_page_needs_and_nothing_else():
    extras = PROJECT["optional-dependencies"]
    page = bounds([*PROJECT["dependencies"], *extras["analysis"], *extras["app"]])
    assert bounds((ROOT / "requirements.txt").read_text().splitlines()) == page


@pytest.fixture(scope="module")
def installed(build, tmp_path_factory):
    """An environment with the wheel alone, beside the libraries of this one; its programs."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a copy: setuptools builds beside what it builds from
    for name in (*build.PACKAGES, "uniformer", "assets"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "programs.py", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    wheel = [*pip, "wheel", str(source), *offline, "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*wheel, "--config-settings=--build-option=--quiet"], check=True)
    (file,) = folder.glob("uniformer_lens-*.whl")
    venv.create(folder / "env")
    bin = folder / "env" / "bin"
    paths = {"base": str(folder / "env"), "platbase": str(folder / "env")}
    own = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    (own / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    subprocess.run([*pip, "--python", str(bin / "python"), "install", *offline, file], check=True)
    return bin


def run(program, *words, cwd, status=0):
    """Run it where nothing of the repository can be imported, and return all it prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [program, *words], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr * (status != 0)


LOOK = """
import importlib.util, json, pathlib, uniformer, uniformer_lens.ui as ui
from uniformer_lens import analysis
from uniformer_lens.ui.service.examples import EXAMPLES

packages = (uniformer, analysis, ui)
taken = filter(importlib.util.find_spec, ("analysis", "ui", "training", "app", "assets"))
print(json.dumps({
    "places": [package.__file__ for package in packages],
    "taken": list(taken),
    "typed": all(pathlib.Path(package.__file__).with_name("py.typed").exists()
                 for package in packages),
    "examples": all(example.path.is_file() for example in EXAMPLES.values()),
}))
"""


def test_wheel_works_from_anywhere_and_takes_no_general_name(installed, tmp_path):
    found = json.loads(run(installed / "python", "-c", LOOK, cwd=tmp_path))
    assert all(place.startswith(str(installed.parent)) for place in found.pop("places"))
    assert found == {"taken": [], "examples": True, "typed": True}


def test_both_programs_answer_with_the_bundled_weights(installed, tmp_path):
    short = ["--short-side", "64", "-o", str(tmp_path)]
    run(installed / "uniformer", "segment", str(PHOTO), *short, cwd=tmp_path)
    run(installed / "uniformer-lens", "probe", str(PHOTO), "--pixel", "9,5", *short, cwd=tmp_path)
    assert (tmp_path / "chelsea_cat.labels.png").stat().st_size
    assert json.loads((tmp_path / "chelsea_cat.probe.json").read_text())["question"] == "probe"


def test_a_missing_library_is_one_sentence_with_what_to_install(installed, tmp_path):
    start = "import sys; sys.modules['scipy'] = None; from uniformer_lens import programs"
    told = run(
        installed / "python", "-c", f"{start}; sys.exit(programs.lens())", cwd=tmp_path, status=1
    )
    (line,) = told.splitlines()
    assert "scipy is not installed" in line
    assert 'pip install "uniformer-lens[analysis]"' in line
