"""The interactive report of a result, as a file to take away."""

from __future__ import annotations

from pathlib import Path

from analysis.report.page import Caption, report_html
from ui.handlers import Handlers
from ui.selection import Selection
from ui.take_away import file_stem
from uniformer.files import replace_file


def write_report(handlers: Handlers, now: Selection) -> Path:
    """Write the report into the folder of the result and return the file."""
    held = handlers.held(now)
    caption = Caption(held.subject.title, held.subject.alt, held.subject.credit)
    page = report_html(held.result, handlers.trace(now), caption)
    target = held.folder / f"{file_stem(held.subject.title)}.html"
    return replace_file(target, lambda file: file.write(page.encode()))


def start_snippet(handlers: Handlers, now: Selection) -> str:
    """Return a program that labels the picture and traces it, to go on from."""
    result = handlers.held(now).result
    settings = result.settings
    weights = "" if result.weights.trained else ", weights=None"
    return (
        "from analysis import global_affinity, trace\n"
        "from uniformer import create_model, segment\n\n"
        f'model = create_model("{result.model}"{weights}, reach="{settings["reach"]}", '
        f"window_size={settings['window_size']})\n"
        f'result = segment("photo.jpg", model, short_side={settings["short_side"]})\n'
        f'traced = trace(model, "photo.jpg", short_side={settings["short_side"]})\n'
        f"token = traced.grid(3).token_at({', '.join(map(str, now.pixel or (0, 0)))})\n"
        "row = global_affinity(traced, 3, 0, token)\n"
        "print(result.table()[0], row.weight.shape)\n"
    )


def site_command(now: Selection) -> str:
    """Return the command that publishes a folder of pictures with the model in use."""
    return (
        f"python -m analysis publish photos/ -o site --model {now.model} --reach {now.reach} "
        f"--window-size {now.window_size}"
    )
