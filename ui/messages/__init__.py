"""The sentences of the page, one file per part, and their translations, two JSON per language.

``<language>.json`` has what the page says, ``<language>.answers.json`` what answers say: sentences,
names, units and values. In both the English template is the key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from analysis.core.words import Said

LANGUAGES = ("zh",)
"""Beside English; a browser set to zh-CN or zh-TW uses ``zh``."""


@cache
def translations(language: str) -> dict[str, str]:
    """Return what the page says in a language, from the English sentence; empty for others."""
    return _read(f"{language}.json") if language in LANGUAGES else {}


@cache
def answer_words(language: str) -> dict[str, str]:
    """Return what answers say in a language, from the English; empty for others."""
    return _read(f"{language}.answers.json") if language in LANGUAGES else {}


def in_language(words: str, language: str) -> str:
    """Return English words in a language, and what was put into them; what is not known stays.

    Only words that :mod:`analysis.core.words` made remember what was put into them; any others are
    looked up as they are.
    """
    table = _both(language)
    if not table:
        return words
    if not isinstance(words, Said):
        return table.get(words) or _help(words, table) or words
    other, values = table.get(words.template, words.template), words.values
    if isinstance(values, tuple):
        return other.join(in_language(part, language) for part in values)
    return other.format(**{name: in_language(value, language) for name, value in values.items()})


def sentence_of(error: Exception) -> str:
    """Return what an error says on one line, with what it remembers of how that was made."""
    words = error.args[0] if error.args else ""
    return words if isinstance(words, Said) else " ".join(str(error).split())


def in_every_language(sentences: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return, by language, what English sentences are in it, as far as they are known."""
    english = list(sentences)
    return {
        language: {each: own for each in english if (own := in_language(each, language)) != each}
        for language in LANGUAGES
    }


def _help(words: str, table: dict[str, str]) -> str | None:
    """Return the help of a parameter, which stands in the tabs as a sentence."""
    sentence = table.get(f"{words[:1].upper()}{words[1:]}.")
    return None if sentence is None else sentence.removesuffix("\u3002")


@cache
def _both(language: str) -> dict[str, str]:
    return translations(language) | answer_words(language)


def _read(name: str) -> dict[str, str]:
    return json.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))
