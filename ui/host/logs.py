"""Logs as one JSON object a line, about requests and failures and never about pictures."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from uvicorn.config import LOGGING_CONFIG

from ui.host.inside_gradio import tell_errors_by

OURS = ("ui", "analysis", "uniformer")
"""The packages whose loggers get the level; all others speak from warnings up."""


class JsonFormatter(logging.Formatter):
    """Writes ``time`` (UTC), ``level``, ``logger``, ``message`` and what ``extra["fields"]`` adds.

    A failure adds ``error``, the kind of exception, and ``trace``, the lines of code it passed,
    without its message: that may hold what a visitor calls a file.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return ``record`` as one line."""
        time = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = _lines_of_code(record.exc_info[2])
        return json.dumps(line, ensure_ascii=False)


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send all logs to ``stream``, by default standard error, as JSON lines.

    ``level`` is one of :data:`ui.host.settings.LOG_LEVELS`.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
    logging.captureWarnings(True)
    for logger in LOGGING_CONFIG["loggers"].values():  # uvicorn sets its own up from this
        logger.update(handlers=[], propagate=True)
    tell_errors_by(_Traces)


class _Traces:
    """Stands for the module ``traceback`` where Gradio prints an error that has been answered."""

    @staticmethod
    def print_exc() -> None:
        """Log the error at hand: its kind and the lines of code it passed."""
        logging.getLogger(__name__).error("event", exc_info=True)


def _lines_of_code(trace: Any) -> list[str]:
    lines = []
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return lines
