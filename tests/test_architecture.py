"""Imports point one way: model, analysis, page; and within a package from room to room below."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "uniformer": {"ui", "analysis", "training", "gradio", "matplotlib", "captum", "timm"},
    "analysis": {"ui", "training", "gradio"},
    "ui": {"torch", "training", "captum", "pytorch_grad_cam"},
    "training": {"ui", "analysis", "gradio"},
    "benchmarks": {"ui", "training", "gradio"},
}
ROOMS = {
    "analysis": (
        "core",
        "affinity",
        "profile",
        "receptive_field",
        "receptive_field/networks",
        "faithfulness",
        "attribution",
        "interventions",
        "rollout",
        "representation",
        "evaluation",
        "figures",
        "questions",
        "layers",
        "report",
        "live",
        "cli",
    ),
    "ui": ("messages", "host", "service", "web", "page", "api", "page/tabs"),
}
"""The folders of a package: each may import those before it, never those after it."""

AT_THE_ROOT = {
    "analysis": {"__init__", "__main__"},
    "ui": {"__init__", "layout", "server"},
}
"""What a reader starts with; it may import every room, and no room imports it."""


def imported_roots(file: Path) -> set[str]:
    """Return what a module imports when it runs, at the top or within functions."""
    roots, tree = set(), ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            roots.add(node.module.split(".")[0])
    return roots


def imported_modules(file: Path) -> set[str]:
    """Return the full names of what ``file`` imports, also for type checkers only."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def home(name: str) -> Path:
    """Return the file of the module that ``name``, a module or something in one, is found in."""
    path = ROOT / name.replace(".", "/")
    while path != ROOT:
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
        path = path.parent
    raise AssertionError(f"Nothing is called {name}.")


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_package_imports_what_it_must_not_know(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        assert not imported_roots(file) & FORBIDDEN[package], file


@pytest.mark.parametrize("package", ROOMS)
def test_no_room_imports_one_after_it(package):
    rank = {(ROOT / package / room): at for at, room in enumerate(ROOMS[package])}
    for file in (ROOT / package).rglob("*.py"):
        if file.parent == ROOT / package:
            assert file.stem in AT_THE_ROOT[package], f"{file} belongs in a room"
            continue
        for name in imported_modules(file):
            if name.split(".")[0] == package:
                there = home(name).parent
                # `from analysis import trace` is for whoever comes from outside.
                assert there in rank, f"{file} imports {name}, which is in no room"
                assert rank[there] <= rank[file.parent], f"{file} imports {name}"


def test_the_library_imports_no_command_line():
    """A folder of pictures is read, and a file is named, without the parser of a command."""
    commands = {"uniformer.cli", "uniformer.commands", "analysis.cli"}
    for package in ("uniformer", "analysis", "ui"):
        for file in (ROOT / package).rglob("*.py"):
            path = file.relative_to(ROOT).as_posix()
            if path.startswith("analysis/cli/") or file.stem in ("cli", "commands", "__main__"):
                continue
            for name in imported_modules(file):
                assert not any(name.startswith(f"{each}.") for each in commands), file


def test_one_file_knows_what_is_inside_gradio():
    for file in (*(ROOT / "ui").rglob("*.py"), ROOT / "app.py"):
        if file.name == "inside_gradio.py":
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("gradio"), file
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
                assert not any(name.startswith("gradio.") for name in names), file
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("page", "gr"):
                assert not node.attr.startswith("_"), f"{file}: {ast.unparse(node)}"


def test_only_figures_draw():
    for file in (ROOT / "analysis").rglob("*.py"):
        if file.parent.name != "figures":
            assert "matplotlib" not in imported_roots(file), file


def test_the_page_starts_without_what_only_some_answers_need():
    """They take a second to import, and whoever opens the page waits for it."""
    for package in ("uniformer", "analysis", "ui"):
        for file in (ROOT / package).rglob("*.py"):
            where = file.relative_to(ROOT).as_posix()
            if where.startswith("analysis/figures/") and file.stem != "palette":
                continue
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                names = [alias.name for alias in getattr(node, "names", [])]
                for name in [node.module] if isinstance(node, ast.ImportFrom) else names:
                    assert name.split(".")[0] not in ("scipy", "matplotlib", "captum"), where
                    drawn = name.startswith("analysis.figures") and not name.endswith(".palette")
                    assert not drawn or where.startswith("analysis/cli/"), where


def test_the_entry_stays_thin():
    source = (ROOT / "app.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 40
    assert imported_roots(ROOT / "app.py") <= {"__future__", "argparse", "gc", "sys", "ui"}
