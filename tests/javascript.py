"""The page's JavaScript outside of a browser, for what it computes."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
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
    return _run([NODE, "--eval", whole], given)


def with_modules(names: Sequence[str], program: str, given: Any = None) -> Any:
    """Return what ``program``, the body of an async function, returns.

    It finds all exports of the modules ``names`` of ``assets/web``, ``given``, and
    ``floats(text)`` and ``bytes(text)``, which read arrays written by :func:`base64_of`.
    """
    imports = "\n".join(
        f"Object.assign(globalThis, await import({(ASSETS / 'web' / name).as_uri()!r}));"
        for name in names
    )
    whole = f"""
      import {{ readFileSync }} from "node:fs";
      const given = JSON.parse(readFileSync(0, "utf-8"));
      const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
      const floats = (text) => new Float32Array(bytes(text).buffer);
      {imports}
      const run = async () => {{ {program} }};
      console.log(JSON.stringify(await run()));
    """
    return _run([NODE, "--input-type=module", "--eval", whole], given)


def base64_of(array: np.ndarray) -> str:
    """Return an array as text; floats as float32."""
    values = array.astype("<f4") if array.dtype.kind == "f" else array
    return b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _run(command: Sequence[str | Path], given: Any) -> Any:
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
