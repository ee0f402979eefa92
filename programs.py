"""The programs of an installed package; where a library of an extra is missing, they say which."""

from __future__ import annotations

import sys


def lens() -> int:
    """Ask the analysis: the program ``uniformer-lens``."""
    try:
        from analysis.cli.main import main
    except ModuleNotFoundError as missing:
        return _needs("analysis", missing)
    return main()


def page() -> int:
    """Serve the page: the program ``uniformer-lens-page``."""
    try:
        from app import main
        from ui import leave
    except ModuleNotFoundError as missing:
        return _needs("app", missing)
    leave(main())


def _needs(extra: str, missing: ModuleNotFoundError) -> int:
    wanted = f'pip install "uniformer-lens[{extra}]"'
    print(f"uniformer-lens: {missing.name} is not installed: run {wanted}.", file=sys.stderr)
    return 1
