"""A report: one HTML file in which viewer and lens work with no server and no network."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.report.lens_data import lens_view
from analysis.report.messages import GRADES, LENS_ALONE, PANELS, REPORT, VIEWER
from analysis.report.scripts import asset, script
from analysis.report.template import fill
from analysis.report.viewer_data import segmentation_view
from uniformer.segmentation import Segmentation

MAX_REPORT_BYTES = 24_000_000
"""Codes in a report, before compression; the earliest blocks of a large picture are left out."""


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

    It asks for nothing outside itself: pictures, maps, styles and scripts are in it, about 2 to 6
    MB. All blocks are there as means over heads, as far as ``MAX_REPORT_BYTES`` allow, last blocks
    first; values are those of 8-bit codes, see :mod:`analysis.affinity.atlas`. ``home`` is the
    relative address of a page to go back to. Raises :class:`AnalysisError` when
    picture or reach differ.
    """
    if trace.picture_size_px != result.labels.shape or trace.reach != result.settings["reach"]:
        raise AnalysisError("Labels and trace are not of the same picture in the same reach.")
    described = result.describe()
    words = {"key": described["picture"]["sha256"], **asdict(caption)}
    facts = _facts(result)
    viewer = {"value": segmentation_view(result) | words | {"facts": facts}, "text": VIEWER}
    lens = {"value": _lens_alone(result, trace) | words, "text": LENS_ALONE}
    panels = {"text": LENS_ALONE, "panels": PANELS, "grades": GRADES}
    link = "" if home is None else f'<a href="{html.escape(home)}">{REPORT["all"]}</a>'
    values = {
        "title": caption.title,
        "facts": facts,
        "home": link,
        "styles": "\n".join(asset(name) for name in ("report.css", "viewer.css", "lens.css")),
        "lens": fill(asset("lens.html"), panels),
        "viewer": fill(asset("viewer.html"), {"text": VIEWER}),
        "settings": "".join(_rows(described)),
        "again": _command(result),
        "lens_props": _embedded(lens),
        "viewer_props": _embedded(viewer),
        "shim": asset("report.js"),
        "lens_script": script("lens"),
        "viewer_script": script("viewer"),
        **{f"{name}_name": REPORT[name] for name in ("lens", "segment", "settings", "again")},
        "settings_says": REPORT["settings_says"],
        "about": REPORT["about"],
    }
    return fill(asset("report.html"), values)


def _lens_alone(result: Segmentation, trace: Trace) -> dict[str, Any]:
    """Return the lens' values with no heads to choose: none could be fetched."""
    view = lens_view(result, trace, MAX_REPORT_BYTES)
    view["stages"] = [stage | {"heads": 0} for stage in view["stages"]]
    return view


def _facts(result: Segmentation) -> str:
    height, width = result.labels.shape
    reach, window = result.settings["reach"], result.settings["window_size"]
    extent = f"{reach} reach" if reach == "global" else f"{reach} reach, window {window}"
    return f"{width} × {height} px · {result.model} · {extent}"


def _rows(described: dict[str, Any]) -> Iterator[str]:
    """Yield what was described as terms and definitions, nested names joined by blanks."""
    for name, value in described.items():
        if name == "table":
            continue
        values = value.items() if isinstance(value, dict) else [("", value)]
        for part, one in values:
            term = f"{name} {part}".strip().replace("_", " ")
            yield f"<dt>{html.escape(term)}</dt><dd>{html.escape(str(one))}</dd>"


def _command(result: Segmentation) -> str:
    settings = result.settings
    program = __name__.removesuffix(".report.page")
    return (
        f"python -m {program} publish PHOTO -o SITE --model {result.model} "
        f"--reach {settings['reach']} --window-size {settings['window_size']}"
    )


def _embedded(value: Any) -> str:
    """Return ``value`` as JSON that can stand within a script element."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
