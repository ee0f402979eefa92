"""What answers are in other languages: sentences, names, units and values; files stay English.

``ui/messages/<language>.answers.json`` maps English to the other language, and is tried from its
top. ``{n}``, ``{n2}`` … stand for numbers, ``{one}`` for words without a comma, and other names in
braces for any words; these are then said in the other language themselves.
"""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import ui.messages
from ui.messages import LANGUAGES, translations

OF_CATALOG = frozenset(("title", "help", "misleads", "knows", "missing", "alt"))
OF_ANSWER = frozenset(
    (
        "title", "sentence", "misleads", "help", "name", "value", "unit", "words", "says",
        "xTitle", "yTitle", "rows",
    )
)  # fmt: skip
"""Names of what is for people to read; ids stay, and so do heads of tables, as files have them."""

NUMBER = r"[-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|nan|inf|\?)(?: ± [\d.?]+)?"
SENTENCES = re.compile(r"(?<=[.?!]) (?=[A-Z])")
FULL_STOP = re.compile("([\u3002\uff01\uff1f]) ")
LETTER = re.compile(r"[A-Za-z]")


LISTS = "; ", ", "
"""What stands between the parts of a list; the table has the other language's."""


def said(facts: Any, language: str, names: frozenset[str], name: str = "") -> Any:
    """Return JSON ``facts`` with what is called one of ``names`` in the language, where known."""
    if isinstance(facts, dict):
        return {key: said(value, language, names, key) for key, value in facts.items()}
    if isinstance(facts, list):
        return [said(value, language, names, name) for value in facts]
    if isinstance(facts, str) and name in names:
        return say(facts, language)
    return facts


@lru_cache(2000)
def say(english: str, language: str) -> str:
    """Return English words in another language; what is not known stays as it is."""
    if language not in LANGUAGES:
        return english
    if (known := _exactly(english, language)) is not None:
        return known
    sentences = SENTENCES.split(english)
    if len(sentences) > 1:
        return FULL_STOP.sub(r"\1", " ".join(say(each, language) for each in sentences))
    for pattern, other in _patterns(language):
        if found := pattern.fullmatch(english):
            put = found.groupdict()
            return other.format(**{name: say(words, language) for name, words in put.items()})
    for mark in LISTS:
        if mark in english:
            parts = [(each, say(each, language)) for each in english.split(mark)]
            if all(other != own or not LETTER.search(own) for own, other in parts):
                return _table(language)[mark].join(other for _, other in parts)
    return english


def _exactly(english: str, language: str) -> str | None:
    if known := _table(language).get(english) or translations(language).get(english):
        return known
    # The help of a parameter stands in the tabs as a sentence.
    sentence = translations(language).get(f"{english[:1].upper()}{english[1:]}.")
    return None if sentence is None else sentence.removesuffix("\u3002")


@cache
def _table(language: str) -> dict[str, str]:
    path = Path(ui.messages.__file__).with_name(f"{language}.answers.json")
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return what words look like into which something is put, with the other language's."""

    def group(found: re.Match[str]) -> str:
        name = found[1]
        kind = NUMBER if re.fullmatch(r"n\d*", name) else r"[^,;]+?" if name == "one" else r".+?"
        return f"(?P<{name}>{kind})"

    return [
        (re.compile(re.sub(r"\\\{(\w+)\\\}", group, re.escape(english))), other)
        for english, other in (_table(language) | translations(language)).items()
        if "{" in english
    ]
