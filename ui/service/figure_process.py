"""The other side of :mod:`ui.service.figures`: a process that turns figures into files.

It is run by its path and imports Matplotlib only. It reads a figure, arguments of ``savefig`` and
Matplotlib's settings, writes the content of the file or the error, and ends when there is nothing
more to read, which is also how it learns that the server is gone.
"""

from __future__ import annotations

import io
import os
import pickle
import signal
import sys
from typing import IO

PREFIX_BYTES = 8
"""Before every message: its length, the first byte highest."""


def send(pipe: IO[bytes], message: bytes) -> None:
    """Write a message."""
    pipe.write(len(message).to_bytes(PREFIX_BYTES, "big"))
    pipe.write(message)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """Return the next message; ``EOFError`` if there is none or it breaks off."""
    length = int.from_bytes(pipe.read(PREFIX_BYTES), "big")
    message = pipe.read(length)
    if not length or len(message) < length:
        raise EOFError
    return message


def main() -> None:
    """Answer until the end of the input."""
    from matplotlib import rcParams  # the server, which imports this too, starts without it

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the server decides
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            figure, options, settings = pickle.loads(receive(questions))
        except EOFError:
            return
        file = io.BytesIO()
        rcParams.update(settings)
        try:
            figure.savefig(file, **options)
            answer = pickle.dumps((file.getvalue(), None))
        except Exception as error:
            answer = pickle.dumps((b"", f"{type(error).__name__}: {error}"))
        send(answers, answer)


if __name__ == "__main__":
    main()
