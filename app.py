"""Serve the page: python app.py, then open the address it prints."""

from __future__ import annotations

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # what start-up makes stays: looking for garbage takes a sixth of it

import ui


def main() -> int:
    """Read the flags and the environment, build the page and serve it until told to stop."""
    try:
        ui.serve(ui.read_settings(sys.argv[1:]))
    except (ValueError, OSError) as error:  # a value, a model or weights unusable, a port in use
        print(f"app.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before there was a page to close
        return 130
    return 0


if __name__ == "__main__":
    ui.leave(main())
