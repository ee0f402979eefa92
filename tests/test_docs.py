"""What the documents say of the code is there: rooms, files, and names in them."""

from __future__ import annotations

import doctest
import re
import tomllib
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(ROOT.glob("docs/*.md"))
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PLACES = (
    *("", "uniformer", "analysis", "analysis/affinity", "analysis/questions", "analysis/report"),
    *("ui", "ui/messages", "ui/service"),
)


def tables():
    """Return the rows of each package's table: what is in the first cell, and all names in it."""
    found, package = [], None
    for line in ARCHITECTURE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if match := re.fullmatch(r"`(uniformer|analysis|ui)/`", cells[0]):
            package = match[1]
        elif package and line.startswith("| ") and len(cells) == 2:
            found.append((package, *cells))
        elif not line.startswith("|"):
            package = None
    return found


def test_every_room_stands_in_the_first_tables():
    rows = tables()
    for package in ("analysis", "ui"):
        named = " ".join(first for of, first, _ in rows if of == package)
        for folder in (ROOT / package).iterdir():
            if (folder / "__init__.py").exists():
                assert f"`{folder.name}/`" in named, f"{package}/{folder.name} is not described"


def test_every_module_named_in_a_room_is_in_that_room():
    checked = 0
    for package, first, says in tables():
        rooms = re.findall(r"`([a-z_/]+)/`", first) or [""]
        for name in re.findall(r"`([a-z_]+)`", says):
            homes = [ROOT / package / room / f"{name}.py" for room in rooms]
            homes += [home.with_suffix("") / "__init__.py" for home in homes]
            assert any(home.is_file() for home in homes), f"{name} is not in {package}/{first}"
            checked += 1
    assert checked > 60


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_file_a_document_names_is_there(document):
    for name in re.findall(r"`([\w./]+\.(?:py|js|json|css))`", document.read_text("utf-8")):
        if "/" in name or document.stem == "architecture":
            places = [ROOT / place / name for place in PLACES]
            assert any(place.is_file() for place in places), f"{document.name} names {name}"


EXAMPLES = [
    file.relative_to(ROOT)
    for package in ("analysis", "uniformer")
    for file in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in file.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("file", EXAMPLES, ids=str)
def test_examples_of_docstrings_run_as_they_stand(file, monkeypatch):
    monkeypatch.chdir(ROOT)
    module = import_module(".".join(file.with_suffix("").parts))
    found = doctest.testmod(module, globs={})
    assert found.attempted > 0
    assert found.failed == 0


def test_badges_say_what_files_here_say():
    """Only fixed ones: none of a build, a package or a page whose address nobody has here."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    paper = re.search(r"arXiv:([\d.]+)", (ROOT / "CITATION.cff").read_text(encoding="utf-8"))[1]
    true = {
        "licence": (project["license"], "LICENSE"),
        "python": (project["requires-python"].replace(">=", "") + "+", "pyproject.toml"),
        "arXiv": (paper, f"https://arxiv.org/abs/{paper}"),
    }
    badges = re.findall(r"\[!\[(.*?)\]\((.*?)\)\]\((.*?)\)", readme)
    told = {}
    for alt, image, target in badges:
        fixed = re.fullmatch(r"https://img\.shields\.io/badge/(\w+)-(.+)-\w+", unquote(image))
        name, says = fixed[1], fixed[2].replace("--", "-")
        assert alt == f"{name} {says}"
        assert "://" in target or (ROOT / target).is_file()
        told[name] = (says, target)
    assert told == true
