"""The page in the visitor's language: one table per language, from the English sentence to theirs.

English sentences stand in ``ui/messages``, and are their own keys. A translator edits
``ui/messages/<language>.json`` alone. Gradio says the labels and choices of its components by the
browser's language; ``assets/language.js`` says what stands in our own HTML, from the same table. In
both, ``{name}`` in a sentence stands for what is put in there.

Answers of the analysis (titles, findings, names of numbers) and refusals of ``uniformer`` stay
English in every language, as their files do.
"""

from __future__ import annotations

import gradio as gr

from ui.messages import LANGUAGES, translations
from ui.service.examples import ASSETS


def spoken() -> dict[str, object]:
    """Return the arguments of ``launch`` that have the page speak every language."""
    tables = {language: translations(language) for language in LANGUAGES}
    return {"i18n": gr.I18n(**tables), "js": (ASSETS / "language.js").read_text(encoding="utf-8")}
