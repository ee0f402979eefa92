"""What if not? One forward pass with something taken away, and as large a random change beside it.

An intervention is a frozen description; :func:`intervene` runs a traced pass with some of them.
"""

from analysis.interventions.attention import HeadGate, Neighbourhood, SetWindow, WithoutKeys
from analysis.interventions.base import BlockIntervention
from analysis.interventions.convolution import LocalKernel, PositionEncoding
from analysis.interventions.picture import HideRegion
from analysis.interventions.run import Intervention, controls, intervene
from analysis.interventions.tokens import DropBlock, PatchTokens, region_tokens

__all__ = [
    "BlockIntervention",
    "DropBlock",
    "HeadGate",
    "HideRegion",
    "Intervention",
    "LocalKernel",
    "Neighbourhood",
    "PatchTokens",
    "PositionEncoding",
    "SetWindow",
    "WithoutKeys",
    "controls",
    "intervene",
    "region_tokens",
]
