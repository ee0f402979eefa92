"""The page's JavaScript outside of a browser, for what it computes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import playwright

ASSETS = Path(__file__).parent.parent / "assets"
NODE = Path(playwright.__file__).parent / "driver" / "node"
"""Node.js as Playwright brings it."""


def evaluate(scripts: Sequence[str], program: str, given: Any = None) -> Any:
    """Return what ``program``, the body of an async function, returns after ``scripts``.

    It finds ``given`` by this name; that and the result travel as JSON.
    """
    parts = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in scripts)
    whole = f"""
      const given = JSON.parse(require("node:fs").readFileSync(0, "utf-8"));
      const run = async () => {{ {parts}\n{program} }};
      run().then((found) => console.log(JSON.stringify(found)));
    """
    done = subprocess.run(
        [NODE, "--eval", whole], input=json.dumps(given), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
