"""What every stage of UniFormer looked at: exact answers from one forward pass.

Start with :func:`trace`; every other function takes the :class:`Trace` it returns. Results are
frozen dataclasses of NumPy arrays.
"""

from analysis.affinity_global import GlobalAffinity, global_affinity
from analysis.affinity_local import LocalAffinity, local_affinity, position_affinity
from analysis.errors import AnalysisError
from analysis.grid import Box, Grid, Token, Window
from analysis.row_statistics import (
    RowStatistics,
    Spread,
    global_row_statistics,
    local_row_statistics,
)
from analysis.sinks import InDegree, in_degree
from analysis.tracing import Trace, trace
from analysis.untrained import untrained_note

__all__ = [
    "AnalysisError",
    "Box",
    "GlobalAffinity",
    "Grid",
    "InDegree",
    "LocalAffinity",
    "RowStatistics",
    "Spread",
    "Token",
    "Trace",
    "Window",
    "global_affinity",
    "global_row_statistics",
    "in_degree",
    "local_affinity",
    "local_row_statistics",
    "position_affinity",
    "trace",
    "untrained_note",
]
