"""The workbench within one file: its modules, styles and words, as a page carries them."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from pathlib import Path

ASSETS = Path(__file__).parents[2] / "assets"
WEB = ASSETS / "web"
START = "report.js"

STYLES = ("tokens", "page", "top", "batch", "view", "bar", "side")
LANGUAGES = ("en", "zh")

IMPORT = re.compile(r"""(\b(?:from|import)\s*)"\./([\w.]+)";""")
"""Of a module beside the one that imports it; biome writes them all like this."""


@cache
def import_map() -> str:
    """Return the import map by which a page finds ``START`` and all it needs within itself.

    A file opened from disk may not import others: each module is an address that holds it.
    """
    found: dict[str, str] = {}
    wanted = [START]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = asset(f"web/{name}")
            wanted += [other for _, other in IMPORT.findall(found[name])]
    modules = {
        f"lens/{name}": _address(IMPORT.sub(r'\1"lens/\2";', text))
        for name, text in sorted(found.items())
    }
    return json.dumps({"imports": modules})


@cache
def files() -> dict[str, str]:
    """Return styles and words by name, as ``assets/web/beside.js`` looks for them."""
    names = [f"{name}.css" for name in STYLES] + [f"words/{name}.json" for name in LANGUAGES]
    return {name: asset(f"web/{name}").replace("</", "<\\/") for name in names}


@cache
def words(language: str = "en") -> dict[str, str]:
    """Return every sentence of the workbench in a language, by key."""
    return json.loads(asset(f"web/words/{language}.json"))


def asset(name: str) -> str:
    """Return the text of a file in ``assets``."""
    return (ASSETS / name).read_text(encoding="utf-8")


def _address(module: str) -> str:
    return "data:text/javascript;base64," + base64.b64encode(module.encode()).decode()
