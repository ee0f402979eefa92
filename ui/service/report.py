"""The interactive report of a result, as a file to take away."""

from __future__ import annotations

from pathlib import Path

from analysis.report.page import Caption, report_html
from ui.service.actions import Handlers
from ui.service.export import file_stem
from ui.service.selection import Selection
from uniformer.files import replace_file


def write_report(handlers: Handlers, now: Selection) -> Path:
    """Write the report into the folder of the result and return the file."""
    held = handlers.held(now)
    caption = Caption(held.subject.title, held.subject.alt, held.subject.credit)
    page = report_html(held.result, handlers.trace(now), caption)
    target = held.folder / f"{file_stem(held.subject.title)}.html"
    return replace_file(target, lambda file: file.write(page.encode()))
