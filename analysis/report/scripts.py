"""The scripts of the page, which a report carries too: what files of ``assets`` each is made of."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).parents[2] / "assets"
SHARED = ("payload.js", "pixels.js", "keys.js")
SCRIPTS = {
    "viewer": (*SHARED, "viewer.js"),
    "lens": (*SHARED, "lens_data.js", "lens_draw.js", "lens_zoom.js", "lens_pins.js", "lens.js"),
    "pair": (*SHARED, "lens_data.js", "lens_draw.js", "lens_zoom.js", "pair.js"),
}
"""The parts share their names, and the last one starts the script."""


def script(name: str) -> str:
    """Return one of ``SCRIPTS``, the body of a function."""
    return "\n".join(asset(part) for part in SCRIPTS[name])


def asset(name: str) -> str:
    """Return the text of a file in ``assets``."""
    return (ASSETS / name).read_text(encoding="utf-8")
