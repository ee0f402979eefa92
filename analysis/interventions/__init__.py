"""What if not? One forward pass with something taken away, and as large a random change beside it.

An intervention is a frozen description; :func:`intervene` runs a traced pass with some of them.
"""

from analysis.interventions.attention import HeadGate, Neighbourhood, SetWindow, WithoutKeys
from analysis.interventions.base import BlockIntervention
from analysis.interventions.convolution import LocalKernel, PositionEncoding
from analysis.interventions.effect import Effect, EffectReport, effect_report
from analysis.interventions.head_sweep import HeadSweep, head_sweep
from analysis.interventions.picture import HideRegion
from analysis.interventions.radius_curve import RadiusCurve, radius_curve
from analysis.interventions.reach_cost import ReachCost, reach_cost
from analysis.interventions.run import Intervention, controls, intervene
from analysis.interventions.tokens import DropBlock, PatchTokens, region_tokens

__all__ = [
    "BlockIntervention",
    "DropBlock",
    "Effect",
    "EffectReport",
    "HeadGate",
    "HeadSweep",
    "HideRegion",
    "Intervention",
    "LocalKernel",
    "Neighbourhood",
    "PatchTokens",
    "PositionEncoding",
    "RadiusCurve",
    "ReachCost",
    "SetWindow",
    "WithoutKeys",
    "controls",
    "effect_report",
    "head_sweep",
    "intervene",
    "radius_curve",
    "reach_cost",
    "region_tokens",
]
