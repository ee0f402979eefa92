"""What every stage of UniFormer looked at: exact answers from one forward pass.

Start with :func:`trace`; most functions take the :class:`Trace` it returns. Results are frozen
dataclasses of NumPy arrays. The questions of :data:`QUESTIONS` bundle them into :class:`Answer`\ s.
What follows a region back is in :mod:`analysis.rollout`, whose function has the package's name.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import uniformer  # noqa: F401 - first: it says how threads wait, before PyTorch comes in
from analysis.affinity.attended_classes import AttendedClasses, attended_classes
from analysis.affinity.global_affinity import GlobalAffinity, global_affinity
from analysis.affinity.in_degree import InDegree, in_degree
from analysis.affinity.jacobian import TokenJacobian, token_jacobian
from analysis.affinity.local_affinity import LocalAffinity, local_affinity, position_affinity
from analysis.affinity.row_summary import AffinityStatistics, RowStatistics, row_statistics
from analysis.affinity.untrained import untrained_note
from analysis.core.activation_cache import Trace, trace
from analysis.core.any_segmenter import as_segmenter
from analysis.core.errors import AnalysisError
from analysis.core.grid import Box, Grid, KeyWindow, Token
from analysis.core.progress import Progress, finish
from analysis.core.token_classes import TokenClasses, token_classes

_LATER = {
    ".questions.answer": ("Answer",),
    ".attribution": ("Attribution", "attribute"),
    ".faithfulness": ("infidelities", "max_sensitivity", "rank_maps", "parameter_randomisation"),
    ".interventions": (
        "DropBlock",
        "HeadGate",
        "HideRegion",
        "LocalKernel",
        "Neighbourhood",
        "PatchTokens",
        "PositionEncoding",
        "SetWindow",
        "WithoutKeys",
        "effect_report",
        "head_sweep",
        "intervene",
        "radius_curve",
        "reach_cost",
        "region_tokens",
    ),
    ".evaluation.error_map": ("ErrorMap", "error_map", "top_confusions"),
    ".profile": ("DepthProfile", "depth_profile", "profile_with_nulls"),
    ".questions": ("QUESTIONS",),
    ".receptive_field.networks.comparison": ("FieldComparison", "compare_fields"),
    ".representation.block_cka": ("BlockCka", "picture_cka", "token_cka"),
    ".rollout": ("agreement", "relevance"),
    ".core.targets": ("RegionScore",),
}
"""What is imported when it is first used: captum and other libraries take seconds to load."""

_HOMES = {name: (module, name) for module, names in _LATER.items() for name in names}
_HOMES["ATTRIBUTION_METHODS"] = (".attribution", "METHODS")

__all__ = [
    "AnalysisError",
    "AttendedClasses",
    "Box",
    "GlobalAffinity",
    "Grid",
    "InDegree",
    "LocalAffinity",
    "Progress",
    "RowStatistics",
    "AffinityStatistics",
    "Token",
    "TokenClasses",
    "TokenJacobian",
    "Trace",
    "KeyWindow",
    "as_segmenter",
    "attended_classes",
    "finish",
    "global_affinity",
    "in_degree",
    "local_affinity",
    "position_affinity",
    "row_statistics",
    "token_classes",
    "token_jacobian",
    "trace",
    "untrained_note",
    *_HOMES,
]


def __getattr__(name: str) -> Any:
    """Import and return a public name that is not loaded yet."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, there = _HOMES[name]
    return getattr(import_module(module, __name__), there)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
