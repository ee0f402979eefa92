"""The programs of an installed package; where a library of an extra is missing, they say which."""

from __future__ import annotations

import gc
import sys
from importlib.util import find_spec

LATE = ("captum", "matplotlib", "pytorch_grad_cam", "scipy")
"""Libraries of the analysis that are imported when they are first used."""


def lens() -> int:
    """Ask the analysis: the program ``uniformer-lens``."""
    try:
        from analysis.cli.main import main
    except ModuleNotFoundError as missing:
        return _needs("analysis", missing.name)
    for name in LATE:
        if find_spec(name) is None:
            return _needs("analysis", name)
    return main()


def page() -> int:
    """Serve the page: the program ``uniformer-lens-page``."""
    gc.disable()  # as app.py
    try:
        from app import main
        from ui import leave
    except ModuleNotFoundError as missing:
        return _needs("app", missing.name)
    leave(main())


def _needs(extra: str, missing: str | None) -> int:
    wanted = f'pip install "uniformer-lens[{extra}]"'
    print(f"uniformer-lens: {missing} is not installed: run {wanted}.", file=sys.stderr)
    return 1
