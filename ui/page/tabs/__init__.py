"""One file per tab: each builds its components and wires its events.

A tab is a module with ``NAME``, the words on the tab, and ``build(actions, session, tab)``. It
becomes part of the page by one line in ``TABS`` of ``ui/layout.py``. In ``build``:

- ``session.selection`` (a :class:`ui.service.selection.Selection`, kept by the browser) is an
  input of every event, and an output of those that choose a pixel, region, stage, block or head;
- ``session.fill(tab, outputs, make)`` fills what depends on the result alone, when the tab is open;
- ``actions.trace(now)``, ``actions.stored(now)`` and ``actions.original(now)`` give the trace, the
  labels and the model behind a selection;
- ``attempt`` of ``ui/page/session.py`` turns what goes wrong into a sentence for
  ``session.message``.

What a tab asks and does is in plain functions, in its own file or in ``ui/service``.
"""
