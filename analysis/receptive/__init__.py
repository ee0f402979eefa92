"""Receptive fields, theoretical and effective, and their comparison across networks.

The comparison is in :mod:`analysis.receptive.comparison`: it needs :mod:`analysis.zoo`, which needs
this package.
"""

from analysis.receptive.effective import EffectiveField, FieldSummary, effective_fields, summarize
from analysis.receptive.theoretical import ReceptiveField, receptive_field, receptive_field_size
from analysis.receptive.units import logit_unit, margin_unit, stage_units

__all__ = [
    "EffectiveField",
    "FieldSummary",
    "ReceptiveField",
    "effective_fields",
    "logit_unit",
    "margin_unit",
    "receptive_field",
    "receptive_field_size",
    "stage_units",
    "summarize",
]
