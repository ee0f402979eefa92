"""Words that remember what they were made of, so that another language can say the same.

The English template is the key, as in gettext. What :func:`say` returns is English text for every
door and file; who speaks another language looks the template up and fills in the same values,
said in that language themselves. Words that nothing is put into are keys as they are.

What is cut, glued with ``+`` or put into an f-string is plain text again: put sentences together
with :func:`sentences` and lists with :func:`joined`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Said(str):
    """English text, the ``template`` it was made by, and the ``values`` put into it.

    Of parts that were joined, ``template`` is what stands between them, and ``values`` has the
    parts in their order.
    """

    template: str
    values: Mapping[str, str] | tuple[str, ...]

    def __new__(
        cls,
        english: str,
        template: str = "",
        values: Mapping[str, str] | tuple[str, ...] = (),
    ) -> Said:
        """Keep what ``english`` was made of."""
        text = super().__new__(cls, english)
        text.template, text.values = template, values
        return text


def say(template: str, /, **values: object) -> Said:
    """Return ``template`` with ``values`` in its braces; numbers must have their digits already.

    The template must be a literal: tests read it from the source and look for its translations.

    >>> from analysis.core.words import say
    >>> say("all {name}", name="sky")
    'all sky'
    """
    put = {name: value if isinstance(value, str) else str(value) for name, value in values.items()}
    return Said(template.format(**put), template, put)


def sentences(*found: str | None) -> Said:
    """Return those sentences that there are, one after another."""
    parts = tuple(part for one in found if one for part in parts_of(one))
    return Said(" ".join(parts), " ", parts)


def joined(parts: Iterable[str], between: str = ", ") -> Said:
    """Return a list in words; ``between`` must be a literal, as other languages have their own."""
    values = tuple(parts)
    return Said(between.join(values), between, values)


def parts_of(text: str) -> tuple[str, ...]:
    """Return the sentences that :func:`sentences` put together; any other text is one."""
    if isinstance(text, Said) and text.template == " " and isinstance(text.values, tuple):
        return text.values
    return (text,)


def for_json(text: str) -> Any:
    """Return text as JSON that keeps what it was made of; :func:`from_json` reads it."""
    if not isinstance(text, Said):
        return text
    if isinstance(text.values, tuple):
        return {"between": text.template, "parts": [for_json(part) for part in text.values]}
    values = {name: for_json(value) for name, value in text.values.items()}
    return {"say": text.template, "values": values}


def from_json(found: Any) -> str:
    """Return the text that :func:`for_json` made JSON of; ``KeyError`` for any other object."""
    if isinstance(found, str):
        return found
    if "parts" in found:
        return joined(map(from_json, found["parts"]), found["between"])
    return say(found["say"], **{name: from_json(each) for name, each in found["values"].items()})


def percent(share: float, digits: int = 0) -> str:
    """Return a share, 0 to 1, in percent, without the sign."""
    return f"{share:.{digits}%}".removesuffix("%")
