"""The interactive report of a result, as a file to take away."""

from __future__ import annotations

from pathlib import Path

from analysis.report.page import Caption, report_html
from ui.service.actions import Actions
from ui.service.export import file_stem
from ui.service.selection import Selection
from uniformer.files import replace_file


def write_report(actions: Actions, now: Selection) -> Path:
    """Write the report into the folder of the result and return the file."""
    stored = actions.stored(now)
    caption = Caption(stored.subject.title, stored.subject.alt, stored.subject.credit)
    page = report_html(stored.result, actions.trace(now), caption)
    target = stored.folder / f"{file_stem(stored.subject.title)}.html"
    return replace_file(target, lambda file: file.write(page.encode()))
