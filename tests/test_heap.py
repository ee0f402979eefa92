"""A long-running server reuses its memory, and gives back what it no longer needs."""

import gc
import resource
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from ui.server import _collect_only_what_comes
from uniformer.heap import give_back, reuse

MANY, SIZE = 100_000, 1_000

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the heap of glibc, and Linux's /proc"
)

FAULTS = """
import resource
import sys
from threading import Thread

import numpy as np

from uniformer.heap import reuse

def work():
    for _ in range(10):
        np.ones(40 * 2**20, np.uint8)  # a photo of 13 megapixels

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "reused":
    reuse()
np.ones(40 * 2**20, np.uint8)
before = faults()
thread = Thread(target=work)
thread.start()
thread.join()
print(faults() - before)
"""


class Cycle:
    def __init__(self):
        self.me = self


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_memory_between_what_is_still_held_is_given_back():
    reuse()
    taken = [bytes(SIZE + number % 7) for number in range(MANY)]
    kept = taken[::100]  # spread, so that no block of the heap is free as a whole
    taken.clear()
    before = resident_bytes()
    give_back()
    assert before - resident_bytes() > MANY * SIZE / 2
    assert len(kept) == MANY / 100


def test_large_arrays_of_any_thread_are_made_of_memory_that_was_cleared_before():
    reused, fresh = (
        int(subprocess.check_output([sys.executable, "-c", FAULTS, how], text=True))
        for how in ("reused", "as it is")
    )
    assert reused < fresh / 5, (reused, fresh)


def test_what_start_up_made_is_never_searched_for_garbage():
    gc.disable()
    try:
        _collect_only_what_comes()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 10_000
        made = weakref.ref(cycle := Cycle())
        del cycle
        gc.collect()
        assert made() is None
    finally:
        gc.enable()
        gc.unfreeze()
