"""Which example comes next: balanced over sources, or over classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from training.data import Sample

MIN_SHARE = 0.005
"""A picture shows a class when at least this share of its pixels has its label."""


class Sampler:
    """Draws examples so that neither a large source nor a frequent class drowns the others.

    By source: a source's chance goes with the square root of its number of pictures times its
    weight (1 where ``source_weights`` names none), and its pictures are equally likely. By class:
    all classes that any picture shows are equally likely, and the pictures that show it keep their
    chances to each other.
    """

    def __init__(
        self, examples: Sequence[Sample], classes: int, source_weights: Mapping[str, float]
    ) -> None:
        names, source = np.unique([example.source for example in examples], return_inverse=True)
        counts = np.bincount(source, minlength=len(names))
        shares = np.sqrt(counts) * [source_weights.get(name, 1.0) for name in names]
        self.chances = (shares / counts / shares.sum())[source]
        self.pixels = np.array([_histogram(example, classes) for example in examples])
        shown = self.pixels >= MIN_SHARE * np.array([[example.labels.size] for example in examples])
        self.showing = {c: np.flatnonzero(shown[:, c]) for c in range(classes) if shown[:, c].any()}

    def draw(self, by_class: bool, rng: np.random.Generator) -> tuple[int, int | None]:
        """Return the index of an example, and the class it was drawn for."""
        if not by_class or not self.showing:
            return int(rng.choice(len(self.chances), p=self.chances)), None
        label = int(rng.choice(list(self.showing)))
        chances = self.chances[self.showing[label]]
        return int(rng.choice(self.showing[label], p=chances / chances.sum())), label


def class_weights(pixels: np.ndarray) -> np.ndarray:
    """Return the weight of each class in the loss, float32 (classes,), 1 on average.

    It goes with the inverse square root of the class's share of the labelled ``pixels``
    (examples, classes), held within a factor of 3 of the median; classes without pixels get 1.
    """
    totals = pixels.sum(axis=0).astype(np.float64)
    weights = np.ones(len(totals))
    seen = totals > 0
    rarity = 1 / np.sqrt(totals[seen])
    rarity = np.clip(rarity / np.median(rarity), 1 / 3, 3)
    weights[seen] = rarity / rarity.mean()
    return weights.astype(np.float32)


def _histogram(example: Sample, classes: int) -> np.ndarray:
    """Return how many pixels of each class are at least as likely right as wrong."""
    sure = example.labels[example.confidence > 127]
    return np.bincount(sure, minlength=256)[:classes]
