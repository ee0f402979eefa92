"""Serve the page: python app.py, then open the address it prints."""

from __future__ import annotations

import argparse
import sys

import ui


def main() -> int:
    """Read the command line, build the page and serve it until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")
    parser.add_argument("--model", default="nano", help="model the page opens with")
    parser.add_argument(
        "--weights",
        default="default",
        help="its weights: a .pth or .safetensors file, a hub id owner/repo/file, or default",
    )
    options = parser.parse_args()
    try:
        page = ui.build(ui.Settings(model=options.model, weights=options.weights))
        ui.launch(page, server_name=options.host, server_port=options.port)
    except (ValueError, OSError) as error:  # a name or weights that cannot be used, a port in use
        print(f"app.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
