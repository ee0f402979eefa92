"""Why this class: attributions of a frozen region's score, by grad-cam and captum."""

from analysis.attribution.attribute import Attribution, attribute
from analysis.attribution.methods import METHODS, AttributionSettings

__all__ = [
    "METHODS",
    "Attribution",
    "AttributionSettings",
    "attribute",
]
