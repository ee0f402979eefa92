"""Colours that figures and the browser share. No matplotlib: the page starts without it."""

from __future__ import annotations

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours of lines, after Okabe and Ito: told apart with any colour vision."""

SAFE_COLORS, GREYS = (*SERIES[:-1], "#F0E442"), ("#8c8c8c", "#c6c6c6", "#555555")
"""For the largest classes of a picture, told apart with any colour vision, and for the others."""

SEQUENTIAL = "cividis"
"""Perceptually uniform and colour-blind safe: Nunez, Anderton and Renslow, arXiv 1712.01662."""


def safe_color(rank: int) -> str:
    """Return the colour of the class with that many larger ones."""
    if rank < len(SAFE_COLORS):
        return SAFE_COLORS[rank]
    return GREYS[(rank - len(SAFE_COLORS)) % len(GREYS)]
