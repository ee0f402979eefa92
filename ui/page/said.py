"""Words of our own HTML, with what they are in every language; ``assets/language.js`` shows them.

They are looked up here, by the template that they were made by: the browser recognises nothing.
"""

from __future__ import annotations

import html
import json

from ui.messages import in_every_language


def said(words: str) -> str:
    """Return ``words`` as HTML that the page shows in the visitor's language."""
    known = _in_all(words)
    return f'<span data-said="{known}">{html.escape(words)}</span>' if known else html.escape(words)


def said_attribute(name: str, words: str) -> str:
    """Return the attribute ``name`` of an element, which is said in the visitor's language too."""
    known = _in_all(words)
    also = f' data-said-{name}="{known}"' if known else ""
    return f'{name}="{html.escape(words)}"{also}'


def _in_all(words: str) -> str:
    """Return words by language as JSON in HTML; nothing where they are the same in all."""
    known = {language: own[words] for language, own in in_every_language([words]).items() if own}
    return html.escape(json.dumps({"en": words, **known}, ensure_ascii=False)) if known else ""
