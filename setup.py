"""What a wheel holds: `uniformer`, and all that is built on it inside of `uniformer_lens`.

The repository's own names, `analysis` or `app`, are too general to install. The wheel keeps the
layout of the repository below `uniformer_lens`, and every import statement of its files names the
place they are installed in. The rest of the metadata is in pyproject.toml.
"""

from __future__ import annotations

import ast
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HOME = "uniformer_lens"
PACKAGES = ("analysis", "ui", "training")
MODULES = ("app", "programs")
MOVED = {*PACKAGES, *MODULES}


def moved(source: str) -> str:
    """Return ``source`` with its imports of the moved names as they are once installed."""
    lines = source.splitlines(keepends=True)
    statements = [node for node in ast.walk(ast.parse(source)) if _imports_moved(node)]
    for node in sorted(statements, key=lambda node: node.lineno, reverse=True):
        first, start = node.lineno - 1, node.col_offset
        if isinstance(node, ast.ImportFrom):
            begin = start + len("from ")
            lines[first] = f"{lines[first][:begin]}{HOME}.{lines[first][begin:]}"
        else:
            indent = lines[first][:start]
            lines[first : node.end_lineno] = [
                f"{indent}{statement}\n" for name in node.names for statement in _installed(name)
            ]
    return "".join(lines)


def _imports_moved(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level == 0 and node.module.split(".")[0] in MOVED
    return isinstance(node, ast.Import) and any(
        alias.name.split(".")[0] in MOVED for alias in node.names
    )


def _installed(alias: ast.alias) -> list[str]:
    """Return the statements that bind what ``import alias`` binds in the repository."""
    root, name = alias.name.split(".")[0], alias.name
    bound = f" as {alias.asname}" if alias.asname else ""
    if root not in MOVED:
        return [f"import {name}{bound}"]
    if bound:
        return [f"import {HOME}.{name}{bound}"]
    within = [f"import {HOME}.{name}"] if name != root else []
    return [*within, f"from {HOME} import {root}"]


class Build(build_py):
    """Copies the packages, and moves what their files import."""

    def build_module(self, module, module_file, package):
        """Copy a module; inside of the wheel's own package, with its imports moved."""
        if self.editable_mode:
            raise SystemExit("Nothing can be moved in an editable install: use `make`, or a copy.")
        target, copied = super().build_module(module, module_file, package)
        if package.split(".")[0] == HOME:
            file = Path(target)
            file.write_text(moved(file.read_text(encoding="utf-8")), encoding="utf-8")
        return target, copied


def main() -> None:
    """Hand setuptools what lies where."""
    homes = {
        f"{HOME}.{name}": name for name in find_packages(include=[f"{root}*" for root in PACKAGES])
    }
    setup(
        cmdclass={"build_py": Build},
        packages=[*find_packages(include=["uniformer*"]), *homes, f"{HOME}.assets"],
        py_modules=[f"{HOME}.{name}" for name in MODULES],
        package_dir={
            HOME: ".",
            f"{HOME}.assets": "assets",
            **{name: path.replace(".", "/") for name, path in homes.items()},
        },
        package_data={
            "uniformer": ["py.typed", "data/*"],
            f"{HOME}.analysis": ["py.typed"],
            f"{HOME}.ui": ["py.typed", "messages/*.json"],
            f"{HOME}.training": ["py.typed", "recipes/*"],
            f"{HOME}.assets": ["*.*", "examples/*", "web/*.*", "web/words/*", "live/*"],
        },
    )


if __name__ == "__main__":
    main()
