"""Borrow a GPU for the length of one call where the host lends them by the call."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def on_gpu(seconds: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Run a function on ZeroGPU of Hugging Face Spaces; anywhere else leave it as it is.

    ``seconds`` is the longest a call may take there. The call happens in a forked process:
    arguments and results are pickled, and whatever it caches or changes is lost. So it must return
    everything it found, as NumPy arrays or tensors on the CPU, and the caller keeps it.
    """
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in ("1", "t", "true"):
        return lambda function: function
    import spaces  # there on ZeroGPU only

    return spaces.GPU(duration=seconds)
