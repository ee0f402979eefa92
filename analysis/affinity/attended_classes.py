"""What a row attends to, by predicted class: "41 % sky, 30 % building, 12 % padding".

Weight is counted where the picture is labelled, by the shares of the classes under each token, and
beside it stands what uniform weights would come to: most of a picture is sky to any row that looks
everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.affinity.global_affinity import GlobalAffinity
from analysis.affinity.local_affinity import LocalAffinity
from analysis.core.errors import AnalysisError
from analysis.core.token_classes import TokenClasses
from analysis.core.words import joined, percent, say
from uniformer.classes import ClassSet

NAMED = 3
"""Classes that a sentence names; the others are summed."""


@dataclass(frozen=True)
class AttendedClasses:
    """How the weight of one row falls on classes and padding; all shares are 0 to 1.

    ``share`` (n,) belongs to ``classes`` (n,), largest first, and sums to 1 with ``padding_mass``.
    ``uniform_share`` (n,) and ``uniform_padding_mass`` are the same for uniform weights over the
    keys of the row. Weight on a class is not evidence that the class matters to the answer.
    """

    classes: np.ndarray
    share: np.ndarray
    padding_mass: float
    uniform_share: np.ndarray
    uniform_padding_mass: float

    def in_words(self, classes: ClassSet) -> str:
        """Return "41 % sky, 30 % building, 20 % road, 9 % other", with padding where there is."""
        parts = [
            (share, classes.names[label])
            for label, share in zip(self.classes[:NAMED], self.share[:NAMED], strict=True)
        ]
        parts += [(self.share[NAMED:].sum(), "other"), (self.padding_mass, "padding")]
        return joined(
            say("{share} % {name}", share=percent(share), name=name)
            for share, name in parts
            if share >= 0.005
        )


def attended_classes(
    affinity: GlobalAffinity | LocalAffinity, tokens: TokenClasses, head: int | None = None
) -> AttendedClasses:
    """Return on which classes the weight of a row falls, for one ``head`` or the mean of all.

    ``tokens`` are the classes of the row's stage: ``token_classes(trace.labels,
    trace.grid(stage))``. A convolution's weights are its norm shares, those of a single head.
    Raises :class:`AnalysisError` for a head that does not exist, for ``tokens`` of another stage,
    and where a convolution adds nothing at all.
    """
    shape = tokens.share.shape[:2]
    if isinstance(affinity, LocalAffinity):
        weight, uniform, padding, uniform_padding = _local(affinity, shape, head)
    else:
        weight, uniform, padding, uniform_padding = _global(affinity, shape, head)
    share, even = (np.tensordot(values, tokens.share, axes=2) for values in (weight, uniform))
    order = np.argsort(-share, kind="stable")
    return AttendedClasses(
        tokens.classes[order], share[order], padding, even[order], uniform_padding
    )


def _global(
    row: GlobalAffinity, shape: tuple[int, int], head: int | None
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return weight and uniform weight on the map, and on padding."""
    if row.weight.shape[1:] != shape:
        raise _other_stage(row.stage)
    chosen = slice(None) if head is None else [_check_head(head, len(row.weight))]
    window, uniform = row.window, np.zeros(shape)
    rows = slice(window.top, window.top + window.rows)
    uniform[rows, window.left : window.left + window.columns] = 1 / window.tokens
    weight, padding = row.weight[chosen].mean(0), float(row.padding_mass[chosen].mean())
    return weight, uniform, padding, window.padding_tokens / window.tokens


def _local(
    affinity: LocalAffinity, shape: tuple[int, int], head: int | None
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return norm shares and uniform shares on the map; a convolution has no padding mass."""
    if head is not None:
        _check_head(head, 1)
    if not affinity.norm_share.any():
        raise AnalysisError("The convolution adds nothing at this token: choose another pixel.")
    radius = len(affinity.inside) // 2
    cells = np.argwhere(affinity.inside)
    rows, columns = (cells + affinity.token - radius).T
    if rows.max() >= shape[0] or columns.max() >= shape[1]:
        raise _other_stage(affinity.stage)
    weight, uniform = np.zeros(shape), np.zeros(shape)
    weight[rows, columns] = affinity.norm_share[affinity.inside]
    uniform[rows, columns] = 1 / len(cells)
    return weight, uniform, 0.0, 0.0


def _check_head(head: int, heads: int) -> int:
    if not 0 <= head < heads:
        raise AnalysisError(f"There is no head {head}: its block has heads 0 to {heads - 1}.")
    return head


def _other_stage(stage: int) -> AnalysisError:
    return AnalysisError(f"The classes are not those of the tokens of stage {stage}.")
