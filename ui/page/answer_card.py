"""An answer as HTML: figure, sentence with its evidence grade, numbers, tables, files."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import Any

from analysis.core.evidence import GRADES, Grade
from analysis.core.words import joined, say
from ui.messages import questions as messages
from ui.page.said import said, said_attribute
from ui.service.jobs import StoredAnswer
from ui.service.snippets import command_snippet, python_snippet

ROWS_SHOWN = 60
ROWS_OPEN = 12
"""Tables of no more rows are shown at once, longer ones when they are opened."""
ITEMS_SHOWN = 8
SCREEN_SCALE = 0.75
"""Of a figure's pixels on the screen: sharper than one to one, and of a size to be read."""

UNITS = {
    "picture_px": "px of the picture",
    "input_px": "px of the network's input",
    "px": "px",
    "seconds": "s",
    "bytes": "bytes",
    "percent": "%",
    "tokens": "tokens",
}


def answer_cards(answers: Sequence[StoredAnswer]) -> str:
    """Return the cards of some answers, side by side where there is room.

    All text is escaped, the figures are part of it. ``data-at`` and ``data-file`` on a button say
    which answer's file it stands for.
    """
    cards = "".join(_card(found, at) for at, found in enumerate(answers))
    return f'<div class="answers" data-count="{len(answers)}">{cards}</div>'


def _card(found: StoredAnswer, at: int) -> str:
    content = found.content
    title, sentence = content["title"], content["sentence"]
    png = (found.folder / found.figure).read_bytes()
    picture, width = base64.b64encode(png).decode(), round(_width_px(png) * SCREEN_SCALE)
    grade = content["grade"]
    return (
        f'<article class="answer" data-answer="{html.escape(content["question"])}">'
        f'<h3>{said(title)}</h3><p class="of">{_made_by(content["settings"])}</p>'
        f'<p class="says">{_badge(grade)} {said(sentence)}</p>'
        f'<div class="figure-frame" tabindex="0" role="group" aria-label="{messages.FIGURE}">'
        f'<img src="data:image/png;base64,{picture}" '
        f"{said_attribute('alt', joined((title, sentence), '. '))} "
        f'style="--natural: {width}px"></div>'
        f"{_numbers(content['numbers'], content['tables'])}{_tables(content['tables'])}"
        f"{_programs(content)}{_files(found.files, at)}"
        "</article>"
    )


def progress_line(text: str, share: float | None) -> str:
    """Return a line with a bar; ``share`` is from 0 to 1, None while nothing can be said."""
    value = "" if share is None else f' value="{share:.3f}"'
    return (
        f'<p class="progress" role="status"><progress max="1"{value} '
        f"{said_attribute('aria-label', text)}></progress> <span>{said(text)}</span></p>"
    )


def note_line(text: str) -> str:
    """Return a quiet line."""
    return f'<p class="note" role="status">{said(text)}</p>'


def read_name(name: str) -> tuple[str, str]:
    """Return a key such as ``side_picture_px`` as words and unit, ("side", "px of the picture")."""
    for unit, words_of_it in UNITS.items():
        stem = name.removesuffix(f"_{unit}")
        if stem != name:
            return stem.replace("_", " "), words_of_it
    return name.replace("_", " "), ""


def read_value(value: Any) -> str:
    """Return a value of an answer as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, list):
        return ", ".join(map(read_value, value))
    return str(value)


def _width_px(png: bytes) -> int:
    """Return the width in the header of a PNG file."""
    return int.from_bytes(png[16:20], "big")


def _made_by(settings: dict[str, Any]) -> str:
    """Return the model and the reach an answer is about; not every answer is about one alone."""
    reach = settings.get("reach")
    if not reach:
        return html.escape(str(settings.get("model", "")))
    return said(messages.made_by(settings["model"], reach, settings["window_size"]))


def _badge(grade: Grade) -> str:
    return f'<span class="grade" data-grade="{grade}">{said(GRADES[grade])}</span>'


def _numbers(numbers: dict[str, Any], tables: dict[str, Any]) -> str:
    """Return the numbers as a list, and those that are rows as a table unless ``tables`` has it."""
    rows = [row for name, value in numbers.items() for row in _flat(name, value)]
    items = "".join(
        f"<div><dt>{html.escape(label)}</dt><dd>{html.escape(value)}</dd></div>"
        for label, value in rows
    )
    grids = "".join(
        _grid(name, value)
        for name, value in numbers.items()
        if name not in tables and _is_table(value)
    )
    if not items and not grids:
        return ""
    listed = f"<dl>{items}</dl>" if items else ""
    return f"<section><h4>{messages.NUMBERS}</h4>{listed}{grids}</section>"


def _is_table(value: Any) -> bool:
    rows = value if isinstance(value, list) else []
    return bool(rows) and all(
        isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows
    )


def _flat(name: str, value: Any) -> list[tuple[str, str]]:
    """Return label and text of a number; nested ones one by one, long lists left to the files."""
    if isinstance(value, dict):
        return [row for key, item in value.items() for row in _flat(f"{name} · {key}", item)]
    if isinstance(value, list) and (
        len(value) > ITEMS_SHOWN or any(isinstance(item, (list, dict)) for item in value)
    ):
        return []
    label, unit = read_name(name)
    return [(label, f"{read_value(value)} {unit}".strip())]


def _tables(tables: dict[str, list[dict[str, Any]]]) -> str:
    return "".join(_table(name, rows) for name, rows in tables.items() if rows)


def _table(name: str, rows: list[dict[str, Any]]) -> str:
    title = html.escape(name.replace("_", " "))
    more = ""
    if len(rows) > ROWS_SHOWN:
        told = say(messages.ROWS, shown=ROWS_SHOWN, all=len(rows))
        more = f'<p class="note">{said(told)}</p>'
    summary = f"<summary>{title} <small>{len(rows)}</small></summary>"
    shown = " open" if len(rows) <= ROWS_OPEN else ""
    return f"<details{shown}>{summary}{_grid(name, rows)}{more}</details>"


def _grid(name: str, rows: list[dict[str, Any]]) -> str:
    """Return the first rows as a table that scrolls in its own frame."""
    heads = "".join(f'<th scope="col">{_head(key)}</th>' for key in rows[0])
    body = "".join(
        "<tr>" + "".join(_cell(value) for value in row.values()) + "</tr>"
        for row in rows[:ROWS_SHOWN]
    )
    title = html.escape(name.replace("_", " "))
    return (
        f'<div class="table-frame" tabindex="0" role="group" aria-label="{title}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _programs(content: dict[str, Any]) -> str:
    command = command_snippet(content)
    shown = python_snippet(content) + (f"\n# {messages.COMMAND}\n# {command}\n" if command else "")
    return (
        f'<details class="program"><summary>{messages.PYTHON}</summary>'
        f'<pre tabindex="0"><code>{html.escape(shown)}</code></pre></details>'
    )


def _head(key: str) -> str:
    label, unit = read_name(key)
    return html.escape(f"{label}, {unit}" if unit else label)


def _cell(value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"<td{' class=number' if number else ''}>{html.escape(read_value(value))}</td>"


def _files(files: tuple[str, ...], at: int) -> str:
    buttons = "".join(
        f'<button type="button" data-at="{at}" data-file="{html.escape(name)}">'
        f"{html.escape(_kind(name))}</button>"
        for name in files
    )
    return f'<section class="files"><h4>{messages.TAKE_AWAY}</h4>{buttons}</section>'


def _kind(name: str) -> str:
    """Return what a file is by its name, ``stem.question.png`` or ``stem.question.table.csv``."""
    *_, part, kind = name.split(".")
    return f"CSV {part.replace('_', ' ')}" if kind == "csv" else kind.upper()
