"""Numbers with what is counted, one of it or several."""

from __future__ import annotations


def how_many(number: int, noun: str) -> str:
    """Return ``number`` and its noun.

    Example:
        >>> from uniformer.plural import how_many
        >>> how_many(1, "picture"), how_many(1200, "picture"), how_many(2, "class")
        ('1 picture', '1,200 pictures', '2 classes')
    """
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"
