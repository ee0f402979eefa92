"""Write the folder of the live edition: page, model and runtime, for any static server."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from tempfile import mkdtemp

from PIL import Image, ImageOps

from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, Work
from analysis.live.facts import EXAMPLES, examples, model_facts, safe_colors, with_app
from analysis.live.graphs import terms_onnx
from analysis.live.runtime import RUNTIME, WASM, runtime_files
from uniformer.export import steerable_onnx
from uniformer.segmenter import Segmenter

ASSETS = Path(__file__).parents[2] / "assets"
FACTS, KEPT = "live.json", "files.js"
"""What the page is told, and what is kept for opening it without a network."""

STEPS = 4
THUMBNAIL_SIZE = (152, 114)

MAX_MODEL_BYTES = 64 * 2**20
"""Of the network's file: a visitor waits for it, and browsers give a page a few hundred MB."""

OF_OTHERS = {"server_source.js", "frames.js", "stored_source.js", "report.js"}
"""Modules of pages that compute nothing themselves: the app's, and reports."""

AT_THE_ROOT = {"live.html": "index.html", "sw.js": "sw.js"}
"""What must lie at the top: the page, and the worker that may serve all that lies below it."""


@dataclass(frozen=True)
class Folder:
    """What was written: ``path``, with ``index.html`` to open, and how many bytes lie in it."""

    path: Path
    bytes: int


def write_folder(model: Segmenter, folder: Path) -> Work[Folder]:
    """Write the live edition of ``model`` into ``folder``, and return what came out.

    Nothing in it asks another host for anything. A folder that was written here before is replaced,
    when the new one is complete. Raises :class:`AnalysisError` for a folder that holds anything
    else, for a model that is too large for a page or of an architecture that cannot be steered, and
    where npm or onnx are missing; ``OSError`` when it cannot be written.
    """
    folder = folder.absolute()
    _check(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        with runtime_files() as files:
            _copy_all(files, part / "ort")
        yield Progress(1, STEPS)
        _write_graphs(model, part / "model")
        yield Progress(2, STEPS)
        _copy_page(part)
        listed = _copy_examples(part / "examples")
        yield Progress(3, STEPS)
        _write_facts(model, part, listed)
        part.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    yield Progress(4, STEPS)
    return Folder(folder, sum((folder / name).stat().st_size for name in _names(folder)))


def _check(folder: Path) -> None:
    """Refuse to write over what is not ours."""
    if folder.exists() and not folder.is_dir():
        raise AnalysisError(f"{folder} is a file: name a folder.")
    if folder.is_dir() and (others := _names(folder) - _written_before(folder)):
        raise AnalysisError(
            f"{folder} holds {min(others)}, which was not written here: name a new or empty folder."
        )


def _written_before(folder: Path) -> set[str]:
    """Return the names of the files that this program wrote there."""
    try:
        return set(json.loads((folder / FACTS).read_text(encoding="utf-8"))["written"])
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def _copy_all(files: dict[str, Path], target: Path) -> None:
    target.mkdir()
    for name, file in files.items():
        shutil.copyfile(file, target / name)


def _write_graphs(model: Segmenter, target: Path) -> None:
    target.mkdir()
    network = steerable_onnx(model)
    if len(network) > MAX_MODEL_BYTES:
        raise AnalysisError(
            f"{model.config.name} has {len(network) / 1e6:.0f} MB, and a page should not load more "
            f"than {MAX_MODEL_BYTES / 1e6:.0f} MB: choose a smaller model."
        )
    (target / "network.onnx").write_bytes(network)
    (target / "terms.onnx").write_bytes(terms_onnx())


def _copy_page(target: Path) -> None:
    """Copy modules, styles, words and notes."""
    (target / "web").mkdir()
    for file in (ASSETS / "web").iterdir():
        if file.is_file() and file.name not in OF_OTHERS:
            place = AT_THE_ROOT.get(file.name, f"web/{file.name}")
            shutil.copyfile(file, target / place)
    shutil.copytree(ASSETS / "web" / "words", target / "web" / "words")
    shutil.copyfile(ASSETS / "favicon.svg", target / "favicon.svg")
    shutil.copyfile(ASSETS / "live" / "README.md", target / "README.md")
    shutil.copyfile(ASSETS / "live" / "NOTICES.md", target / "NOTICES.md")
    (target / "LICENSE").write_text(_licence(), encoding="utf-8")


def _copy_examples(target: Path) -> list[dict[str, str]]:
    """Copy the example photos, make small ones, and return what is known of each."""
    target.mkdir()
    shutil.copyfile(EXAMPLES / "CREDITS.md", target / "CREDITS.md")
    listed = []
    for example in examples():
        name = example["name"]
        shutil.copyfile(EXAMPLES / name, target / name)
        small = f"{Path(name).stem}.small.jpg"
        with Image.open(EXAMPLES / name) as image:
            fitted = ImageOps.fit(image, THUMBNAIL_SIZE, Image.Resampling.LANCZOS)
        fitted.save(target / small, "JPEG", quality=80)
        listed.append({**example, "file": f"examples/{name}", "thumbnail": f"examples/{small}"})
    return listed


def _write_facts(model: Segmenter, target: Path, listed: list[dict[str, str]]) -> None:
    """Write what the page is told, and last the list of files that are kept for opening offline."""
    named = {
        "runtime": f"ort/{RUNTIME}",
        "wasm": f"ort/{WASM}",
        "network": "model/network.onnx",
        "terms": "model/terms.onnx",
    }
    facts = {
        "files": {
            key: {"name": name, "bytes": (target / name).stat().st_size}
            for key, name in named.items()
        },
        "model": model_facts(model),
        "safeColors": safe_colors(len(model.classes.names)),
        "examples": listed,
        "withApp": with_app(),
    }
    facts["written"] = sorted(_names(target) | {FACTS, KEPT})
    text = json.dumps(facts, ensure_ascii=False, indent=1)
    (target / FACTS).write_text(text, encoding="utf-8")
    files = sorted(_names(target))
    digest = hashlib.sha256()
    for name in files:
        digest.update(name.encode() + (target / name).read_bytes())
    kept = [name for name in files if not name.endswith(".md") and name != "sw.js"]
    contents = json.dumps({"version": digest.hexdigest()[:16], "files": kept})
    (target / KEPT).write_text(f"self.LIVE = {contents};\n", encoding="utf-8")


def _names(folder: Path) -> set[str]:
    """Return the files in a folder, as paths below it."""
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def _licence() -> str:
    """Return the licence of this software, from the repository or from the installed package."""
    file = Path(__file__).parents[2] / "LICENSE"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    return distribution("uniformer-lens").read_text("licenses/LICENSE") or ""
