"""Swin's shifted windows along one axis: which tokens each token reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Spans:
    """Output i of a map reads its positions ``spans[i]`` = (first, last)."""

    spans: tuple[tuple[int, int], ...]

    def reads(self, first: float, last: float) -> tuple[int, int]:
        """Return the outermost positions that the outputs read."""
        read = self.spans[int(first) : int(last) + 1]
        return min(span[0] for span in read), max(span[1] for span in read)

    def outputs(self, side: int) -> int:
        """Return ``side``: every token stays a token."""
        return side


def window_spans(side: int, window: int, shift: int) -> Spans:
    """Return what attention in windows of ``window`` tokens reads in a map of ``side`` tokens.

    As in timm, the map is rolled back by ``shift``, then filled up with zeros to whole windows;
    tokens rolled in from the other end are masked away. Where windows do not divide the map the
    mask, counted from the filled end, lets some of them through: then a span covers more than it
    reads, the exact hull of two pieces.
    """
    filled = -(-side // window) * window
    groups: dict[tuple[int, int], list[int]] = {}
    places = [((token - shift) % side) for token in range(side)]
    keys = [(place // window, _part(place, filled, window, shift)) for place in places]
    for token, key in enumerate(keys):
        groups.setdefault(key, []).append(token)
    return Spans(tuple((min(groups[key]), max(groups[key])) for key in keys))


def _part(place: int, filled: int, window: int, shift: int) -> int:
    """Return which of the two parts of the last window a place is in, as the mask has it."""
    return int(shift > 0 and place >= filled - shift)
