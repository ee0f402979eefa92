"""Measure what docs/model_card.md says of speed: loading ``nano``, and labelling a photo of 512².

    PYTHONPATH=. python scripts/card_timings.py

Time on the clock goes up when the machine does other work as well; time on the processors, of all
threads together, hardly does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from uniformer import create_model, segment
from uniformer.pictures import open_picture

PHOTO = Path(__file__).parent.parent / "assets" / "examples" / "astronaut.jpg"
THREADS = 2
ROUNDS = 9


def measure(name: str, work: Callable[[], object]) -> None:
    """Print what ``ROUNDS`` calls of ``work`` took, after one that is not counted."""
    work()
    clock, processors = [], []
    for _ in range(ROUNDS):
        begin, used = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - begin)
        processors.append(time.process_time() - used)
    print(
        f"{name}: on the clock median {median(clock):.2f} s, least {min(clock):.2f} s; "
        f"on the processors median {median(processors):.2f} s"
    )


def main() -> None:
    """Measure both."""
    torch.set_num_threads(THREADS)
    model, photo = create_model("nano"), open_picture(PHOTO)
    height, width = photo.shape[:2]
    measure("loading", lambda: create_model("nano"))
    measure(f"labelling {width}x{height} pixels", lambda: segment(photo, model))


if __name__ == "__main__":
    main()
