"""How attention and convolution carry a pixel's value through the stages, and for a class."""

from analysis.rollout.agreement import Agreement, agreement
from analysis.rollout.relevance import Relevance, relevance
from analysis.rollout.rollout import Rollout, rollout

__all__ = [
    "Agreement",
    "Relevance",
    "Rollout",
    "agreement",
    "relevance",
    "rollout",
]
