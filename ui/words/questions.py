"""What stands around every question and its answer."""

from __future__ import annotations

ASK = "Analyse"
CANCEL = "Cancel"
WAITING = "Waiting for its turn …"
STARTED = "Starting …"
DRAWING = "Drawing …"
CANCELLED = "Cancelled."
OUTDATED = "Picture, model or reach changed meanwhile, so this answer was dropped: ask again."
ANSWER_GONE = "The server no longer holds this answer: ask again."
NO_SUCH_FILE = "There is no such file to take away: choose one of those offered."
NO_SUCH_QUESTION = "This server cannot answer that question: choose another tab."
FIGURE = "Figure"
NUMBERS = "Numbers"
TAKE_AWAY = "Take away"
PYTHON = "The same in Python"
COMMAND = "on the command line:"
ROWS = "The first {shown} of {all} rows; the CSV file has all of them."


def progress(done: int, total: int, seconds_left: float | None) -> str:
    """Return how far the work is and how long it will take, once that can be told."""
    steps = f"Step {done} of {total}"
    if seconds_left is None:
        return steps
    if seconds_left < 1.5:
        return f"{steps} · almost done"
    if seconds_left < 90:
        return f"{steps} · about {seconds_left:.0f} s left"
    return f"{steps} · about {seconds_left / 60:.0f} min left"


def place(x: int, y: int, name: str, chosen: bool) -> str:
    """Return the line that says which pixel a tab speaks of."""
    if chosen:
        return f"About pixel ({x}, {y}), labelled {name}. Choose another one in the lens."
    return f"About the middle of the picture, labelled {name}. Choose a pixel in the lens."


def made_by(model: str, reach: str, window_size: int) -> str:
    """Return the line that says which model and reach an answer is about."""
    if reach == "global":
        return f"{model} · global reach"
    return f"{model} · {reach} reach, window {window_size}"


def one_of(at: int, count: int) -> str:
    """Return which of several questions is being answered."""
    return f"{at} of {count} · "
