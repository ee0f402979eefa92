"""Keep the memory of a server that runs for long from spreading, where it runs on glibc."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

ARENAS = 2
"""Parts of the heap; by default there are eight per core, each as large as it has ever been."""

_M_ARENA_MAX = -8


def limit_arenas() -> None:
    """Let all threads share ``ARENAS`` parts of the heap from now on."""
    if hasattr(_libc(), "mallopt"):
        _libc().mallopt(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return what is free within the heap to the system."""
    if hasattr(_libc(), "malloc_trim"):
        _libc().malloc_trim(0)


@cache
def _libc() -> Any:
    return ctypes.CDLL(None)
