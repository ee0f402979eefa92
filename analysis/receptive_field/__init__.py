"""Receptive fields, theoretical and effective, and their comparison across networks.

Networks to compare, and the comparison, are in :mod:`analysis.receptive_field.networks`.
"""

from analysis.receptive_field.effective import EffectiveField, effective_fields
from analysis.receptive_field.extent import FieldSummary, summarize
from analysis.receptive_field.theoretical import (
    ReceptiveField,
    receptive_field,
    receptive_field_size,
)
from analysis.receptive_field.units import logit_unit, margin_unit, stage_units

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
