"""A long-running server gives back the memory it no longer needs."""

import sys
from pathlib import Path

import pytest

from ui.host.memory import give_back, limit_arenas

MANY, SIZE = 100_000, 1_000


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")
def test_memory_between_what_is_still_held_is_given_back():
    limit_arenas()
    taken = [bytes(SIZE + number % 7) for number in range(MANY)]
    kept = taken[::100]  # spread, so that no block of the heap is free as a whole
    taken.clear()
    before = resident_bytes()
    give_back()
    assert before - resident_bytes() > MANY * SIZE / 2
    assert len(kept) == MANY / 100
