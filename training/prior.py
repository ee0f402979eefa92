"""Undo, in the classifier's bias, what balanced sampling and class weights taught about frequency.

A network trained on balanced classes says rare ones too often in pictures as they come. Its logits
are moved by the logarithm of how much rarer each class is there than in training. Menon et al.,
"Long-tail learning via logit adjustment", arXiv 2007.07314.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.data import Example
from training.sampling import Sampler, class_weights


def prior_shift(examples: Sequence[Example], classes: int, class_share: float) -> np.ndarray:
    """Return log(share in the pictures / share in training) of each class, float64 (classes,).

    Shares in training count a pixel by how often its example is drawn and by its class's weight.
    Classes that no picture shows get 0.
    """
    sampler = Sampler(examples, classes)
    chances = (1 - class_share) * sampler.chances
    for showing in sampler.showing.values():
        chances[showing] += class_share / len(sampler.showing) / len(showing)
    sizes = np.array([example.labels.size for example in examples])
    trained = (chances / sizes) @ sampler.pixels * class_weights(sampler.pixels)
    natural = sampler.pixels.sum(axis=0)
    seen = natural > 0
    shift = np.zeros(classes)
    shift[seen] = np.log(natural[seen] / natural.sum()) - np.log(trained[seen] / trained.sum())
    return shift
