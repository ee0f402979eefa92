"""Which of the facts that the workbench is sent are for people to read, said in their language."""

from __future__ import annotations

from typing import Any

from ui.messages import in_language

OF_CATALOG = frozenset(("title", "help", "misleads", "knows", "missing", "alt"))
OF_ANSWER = frozenset(
    (
        "title", "sentence", "misleads", "help", "name", "value", "unit", "words", "says",
        "xTitle", "yTitle", "rows",
    )
)  # fmt: skip
"""Names of what is for people to read; ids stay, and so do heads of tables, as files have them."""


def said(facts: Any, language: str, names: frozenset[str], name: str = "") -> Any:
    """Return JSON ``facts`` with what is called one of ``names`` in the language, where known."""
    if isinstance(facts, dict):
        return {key: said(value, language, names, key) for key, value in facts.items()}
    if isinstance(facts, list):
        return [said(value, language, names, name) for value in facts]
    if isinstance(facts, str) and name in names:
        return in_language(facts, language)
    return facts
