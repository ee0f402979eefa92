"""What runs the network in the browser: onnxruntime-web, from npm, as the lock file pins it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis.core.errors import AnalysisError

LOCK = Path(__file__).parents[2] / "assets" / "live"
"""The folder of ``package.json`` and ``package-lock.json``, in which each file's hash stands."""

RUNTIME, GLUE, WASM = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
"""All that a page needs that computes in WebAssembly: no WebGPU, which can give other labels."""

NO_NPM = (
    "The live edition takes onnxruntime-web from npm, and there is no npm here: install Node.js, "
    "which brings it, and try again."
)
FAILED = "npm could not fetch onnxruntime-web as {lock} pins it: {why}"


@contextmanager
def runtime_files() -> Iterator[dict[str, Path]]:
    """Give ``RUNTIME``, ``GLUE`` and ``WASM`` of the pinned version by name, until the end.

    Raises :class:`AnalysisError` without npm, and where the package cannot be had or is not the one
    that was pinned.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise AnalysisError(NO_NPM)
    with TemporaryDirectory(prefix="uniformer-lens-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(LOCK / name, folder)
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it says nothing of why."]
            raise AnalysisError(FAILED.format(lock=LOCK / "package-lock.json", why=lines[0]))
        made = Path(folder, "node_modules", "onnxruntime-web", "dist")
        yield {name: made / name for name in (RUNTIME, GLUE, WASM)}
