"""Every answer that can be laid over the picture: one registry, made from those of the questions.

A layer is an answer of :data:`analysis.QUESTIONS` that has been given its place: map, boxes, labels
or plots, with a scale, numbers with units, and how it can mislead. Its numbers are the answer's.
"""

from __future__ import annotations

from analysis.layers.asking import LayerAsk, layer_work, question_of, warm_up
from analysis.layers.kinds import LAYERS, LayerKind
from analysis.layers.layer import Layer

__all__ = ["LAYERS", "Layer", "LayerAsk", "LayerKind", "layer_work", "question_of", "warm_up"]
