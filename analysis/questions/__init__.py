"""The questions one can ask about a model and a picture, by name.

Each is a function ``(model, image, *, ...) -> Work[Answer]``: it yields progress
and returns its :class:`~analysis.questions.answer.Answer`. Command line, REST, MCP and page are
made from this table: a question added here can be asked everywhere, with the same names and the
same numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.questions.affinity import affinity
from analysis.questions.attribute import attribute
from analysis.questions.attributions import attributions
from analysis.questions.common import Steps
from analysis.questions.compare import compare
from analysis.questions.decoder_lens import decoder_lens
from analysis.questions.faithfulness import faithfulness
from analysis.questions.jacobian import jacobian
from analysis.questions.probe import probe
from analysis.questions.profile import profile
from analysis.questions.pruning import pruning
from analysis.questions.receptive_field import receptive_field
from analysis.questions.representation import representation
from analysis.questions.rollout import rollout
from analysis.questions.similarity import similarity
from analysis.questions.what_if import what_if

QUESTIONS: dict[str, Callable[..., Steps]] = {
    "probe": probe,
    "affinity": affinity,
    "jacobian": jacobian,
    "profile": profile,
    "rollout": rollout,
    "receptive-field": receptive_field,
    "similarity": similarity,
    "representation": representation,
    "pruning": pruning,
    "decoder-lens": decoder_lens,
    "attribute": attribute,
    "attributions": attributions,
    "faithfulness": faithfulness,
    "what-if": what_if,
    "compare": compare,
}
