"""The page in the visitor's language: one table per language, from the English sentence to theirs.

English sentences stand in ``ui/messages``, and are their own keys. A translator edits
``ui/messages/<language>.json`` and ``<language>.answers.json`` alone. Gradio says the labels and
choices of its components by the browser's language. In our own HTML, what something was put into
brings its words in every language (:mod:`ui.page.said`) and ``assets/language.js`` shows them;
what stands by itself it looks up in Gradio's table.

Names of numbers, heads of tables, files, and refusals of ``uniformer`` and ``analysis`` stay
English in every language.
"""

from __future__ import annotations

import gradio as gr

from ui.messages import LANGUAGES, translations
from ui.service.examples import ASSETS


def spoken() -> dict[str, object]:
    """Return the arguments of ``launch`` that have the page speak every language."""
    tables = {language: translations(language) for language in LANGUAGES}
    return {"i18n": gr.I18n(**tables), "js": (ASSETS / "language.js").read_text(encoding="utf-8")}
