"""Borrow a GPU for the length of one call where the host lends them by the call."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import closing
from functools import wraps
from typing import Any

Steps = Callable[..., Generator[Any, None, None]]


def lends_gpus() -> bool:
    """Return whether this is ZeroGPU of Hugging Face Spaces."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def on_gpu(seconds: int) -> Callable[[Steps], Steps]:
    """Run a generator function on a GPU of ZeroGPU; anywhere else leave it as it is.

    ``seconds`` is the longest a call may take there. The call happens in a forked process:
    arguments and steps are pickled, and whatever it caches or changes is lost. So it must be given
    all it needs, locks taken by the caller, and yield all it found as NumPy arrays or tensors on
    the CPU. Of an error only its kind would come back, so a ``ValueError``, which has a sentence
    for the visitor, travels as a step and is raised here.
    """
    if not lends_gpus():
        return lambda function: function
    import spaces  # there on ZeroGPU only

    def mark(function: Steps) -> Steps:
        @wraps(function)
        def there(*arguments: Any) -> Generator[Any, None, None]:
            try:
                yield from function(*arguments)
            except ValueError as refusal:
                yield refusal

        lent = spaces.GPU(duration=seconds)(there)

        @wraps(function)
        def here(*arguments: Any) -> Generator[Any, None, None]:
            with closing(lent(*arguments)) as steps:
                for step in steps:
                    if isinstance(step, ValueError):
                        raise step
                    yield step

        return here

    return mark
