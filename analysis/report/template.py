"""How the templates of ``assets`` are filled: pages that need no server, and parts of the page.

They are Jinja's; what is put in is escaped unless the template says that it is ``safe``.
"""

from __future__ import annotations

from typing import Any

from jinja2 import ChainableUndefined, Environment

_JINJA = Environment(autoescape=True, undefined=ChainableUndefined, keep_trailing_newline=True)


def fill(template: str, values: dict[str, Any]) -> str:
    """Return ``template`` with ``values`` in place; what has no value is left empty.

    Raises :class:`jinja2.TemplateSyntaxError` for a template that is none.
    """
    return _JINJA.from_string(template).render(values)
