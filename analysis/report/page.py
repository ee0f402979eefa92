"""A report: one HTML file in which the workbench shows a picture, with no server and no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.report import embedded
from analysis.report.frames import frame
from analysis.report.packing import jpeg, jpeg_url, packed
from analysis.report.stored import blocks_kept, logits_kept, picture_kept
from analysis.report.template import fill
from analysis.report.workbench_data import photo_bytes
from uniformer.segmentation import Segmentation

STILL_SIDE = 1200
"""Longest side, in pixels, of what is shown without scripts and on paper."""

OVERLAY = 0.5


@dataclass(frozen=True)
class Caption:
    """What to call a picture, what it shows in words, and whom to credit (both may be empty)."""

    title: str
    alt: str = ""
    credit: str = ""


def report_html(
    result: Segmentation, trace: Trace, caption: Caption, home: str | None = None
) -> str:
    """Return a complete HTML page about one picture; ``trace`` is of the same picture and model.

    It asks for nothing outside itself: photo, labels, what all rows and probabilities are made of
    (:mod:`analysis.report.stored`), modules, styles and words are in it, about 4 MB for the bundled
    model. ``home`` is the relative address of a page to go back to. Raises :class:`AnalysisError`
    when picture or reach differ.
    """
    if trace.picture_size_px != result.labels.shape or trace.reach != result.settings["reach"]:
        raise AnalysisError("Labels and trace are not of the same picture in the same reach.")
    values = {
        "title": caption.title,
        "alt": caption.alt,
        "credit": caption.credit,
        "facts": _facts(result),
        "home": home,
        "words": embedded.words(),
        "style": embedded.asset("report.css"),
        "still": jpeg_url(jpeg(result.overlay(OVERLAY), STILL_SIDE)),
        "classes": [asdict(row) for row in result.table()],
        "settings": _described(result),
        "again": _command(result),
        "import_map": embedded.import_map(),
        "start": f"lens/{embedded.START}",
        "files": embedded.files(),
        "photo": jpeg_url(photo_bytes(result).tobytes()),
        "frames": dict(_frames(result, trace, caption)),
    }
    return fill(embedded.asset("report.html"), values)


def _frames(result: Segmentation, trace: Trace, caption: Caption) -> Iterator[tuple[str, str]]:
    """Yield the name and text of everything that is decoded when it is looked at."""
    facts, arrays = picture_kept(result, trace)
    yield "picture", packed(frame({**facts, **asdict(caption)}, arrays))
    yield "logits", packed(frame(*logits_kept(trace)))
    for facts, arrays in blocks_kept(trace):
        yield f"{facts['stage']}/{facts['block']}", packed(frame(facts, arrays))


def _facts(result: Segmentation) -> str:
    height, width = result.labels.shape
    reach, window = result.settings["reach"], result.settings["window_size"]
    extent = f"{reach} reach" if reach == "global" else f"{reach} reach, window {window}"
    return f"{width} × {height} px · {result.model} · {extent}"


def _described(result: Segmentation) -> list[tuple[str, Any]]:
    """Return what was described as terms and definitions, nested names joined by blanks."""
    rows = []
    for name, value in result.describe().items():
        if name == "table":
            continue
        values = value.items() if isinstance(value, dict) else [("", value)]
        rows += [(f"{name} {part}".strip().replace("_", " "), one) for part, one in values]
    return rows


def _command(result: Segmentation) -> str:
    settings = result.settings
    program = __name__.removesuffix(".report.page")
    return (
        f"python -m {program} publish PHOTO -o SITE --model {result.model} "
        f"--reach {settings['reach']} --window-size {settings['window_size']}"
    )
