"""The sentences of the page, one file per part, and their translations, one JSON per language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

LANGUAGES = ("zh",)
"""Beside English; a browser set to zh-CN or zh-TW uses ``zh``."""


@cache
def translations(language: str) -> dict[str, str]:
    """Return the table of a language, from the English sentence; empty for English and others."""
    if language not in LANGUAGES:
        return {}
    return json.loads((Path(__file__).parent / f"{language}.json").read_text(encoding="utf-8"))


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return what sentences look like into which something is put, with their translations."""
    return [
        (re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(english))), other)
        for english, other in translations(language).items()
        if "{" in english
    ]


def _sentence(english: str, language: str) -> str:
    table = translations(language)
    if english in table or not table:
        return table.get(english, english)
    for pattern, other in _patterns(language):
        if found := pattern.fullmatch(english):
            return other.format(**found.groupdict())
    return english


def in_every_language(sentences: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return, by language, what English sentences are in it, as far as they are known."""
    english = list(sentences)
    return {
        language: {each: own for each in english if (own := _sentence(each, language)) != each}
        for language in LANGUAGES
    }
