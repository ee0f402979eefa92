"""What stands around every question and its answer."""

from __future__ import annotations

from analysis.core.words import joined, say
from ui.messages.page import REACHES

ASK = "Analyse"
CANCEL = "Cancel"
WAITING = "Waiting for its turn …"
STARTED = "Starting …"
DRAWING = "Drawing …"
CANCELLED = "Cancelled."
OUTDATED = "Picture, model or reach changed meanwhile, so this answer was dropped: ask again."
ANSWER_GONE = "The server no longer holds this answer: ask again."
NO_SUCH_QUESTION = "This server cannot answer that question: choose another tab."
FIGURE = "Figure"
NUMBERS = "Numbers"
TAKE_AWAY = "Take away"
PYTHON = "The same in Python"
COMMAND = "on the command line:"
ROWS = "The first {shown} of {all} rows; the CSV file has all of them."
STEP = "Step {done} of {total}"
ALMOST_DONE = "almost done"
SECONDS_LEFT = "about {seconds} s left"
MINUTES_LEFT = "about {minutes} min left"
ONE_OF = "Question {at} of {count}"
CHOSEN = "About pixel ({x}, {y}), labelled {name}. Mark another one on the picture above."
MIDDLE = "About the middle of the picture, labelled {name}. Mark a pixel on the picture above."


def progress(done: int, total: int, seconds_left: float | None) -> str:
    """Return how far the work is and how long it will take, once that can be told."""
    steps = say(STEP, done=done, total=total)
    if seconds_left is None:
        return steps
    if seconds_left < 1.5:
        return joined((steps, ALMOST_DONE), " · ")
    if seconds_left < 90:
        return joined((steps, say(SECONDS_LEFT, seconds=round(seconds_left))), " · ")
    return joined((steps, say(MINUTES_LEFT, minutes=round(seconds_left / 60))), " · ")


def place(x: int, y: int, name: str, chosen: bool) -> str:
    """Return the line that says which pixel a tab speaks of."""
    return say(CHOSEN, x=x, y=y, name=name) if chosen else say(MIDDLE, name=name)


def made_by(model: str, reach: str, window_size: int) -> str:
    """Return the line that says which model and reach an answer is about."""
    return joined((model, say(REACHES[reach], window=window_size)), " · ")


def one_of(at: int, count: int) -> str:
    """Return which of several questions is being answered."""
    return say(ONE_OF, at=at, count=count)
