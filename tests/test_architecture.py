"""Imports point one way: the model knows nothing of the page, the page holds no science."""

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


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_package_imports_what_it_must_not_know(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        assert not imported_roots(file) & FORBIDDEN[package], file


def test_only_figures_draw():
    for file in (ROOT / "analysis").rglob("*.py"):
        if file.parent.name != "figures":
            assert "matplotlib" not in imported_roots(file), file


def test_the_entry_stays_thin():
    source = (ROOT / "app.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 40
    assert imported_roots(ROOT / "app.py") <= {"__future__", "argparse", "sys", "ui"}
