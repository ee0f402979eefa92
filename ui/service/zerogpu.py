"""Borrow a GPU for the length of one call where the host lends them by the call."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import closing
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any

from ui.messages import page as text

_LENT = ContextVar("lent", default=False)

Steps = Callable[..., Generator[Any, None, Any]]


@dataclass(frozen=True)
class _Returned:
    """What a generator in another process returned, from which only steps come back."""

    value: Any


def lends_gpus() -> bool:
    """Return whether this is ZeroGPU of Hugging Face Spaces."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def is_lent() -> bool:
    """Return whether this is within a call that has a GPU of ZeroGPU."""
    return _LENT.get()


def on_gpu(seconds: Callable[..., int]) -> Callable[[Steps], Steps]:
    """Run a generator function on a GPU of ZeroGPU; anywhere else leave it as it is.

    ``seconds(*arguments)`` is the longest a call may take there: the host lends a GPU to visitors
    only who have as many left for the day. 0 stands for work that is as well done here.

    A call there happens in a forked process: arguments and steps are pickled, and whatever it
    caches or changes is lost. So it must be given all it needs, and yield all it found as NumPy
    arrays or tensors on the CPU. Of an error only its kind would come back, so a ``ValueError``,
    which has a sentence for the visitor, travels as a step and is raised here; so is one that says
    that the visitor's time is used up. What the generator returns travels as a step too.
    """
    if not lends_gpus():
        return lambda function: function
    import spaces  # there on ZeroGPU only

    def mark(function: Steps) -> Steps:
        @wraps(function)
        def there(*arguments: Any) -> Generator[Any, None, Any]:
            _LENT.set(True)
            try:
                yield _Returned((yield from function(*arguments)))
            except ValueError as refusal:
                yield refusal
            finally:
                _LENT.set(False)

        lent = spaces.GPU(duration=seconds)(there)

        @wraps(function)
        def here(*arguments: Any) -> Generator[Any, None, Any]:
            if not seconds(*arguments):
                return (yield from function(*arguments))
            try:
                with closing(lent(*arguments)) as steps:
                    for step in steps:
                        if isinstance(step, ValueError):
                            raise step
                        if isinstance(step, _Returned):
                            return step.value
                        yield step
            except Exception as error:
                if "quota" in str(getattr(error, "message", error)).lower():
                    raise ValueError(text.NO_GPU_TIME) from error
                raise

        return here

    return mark
