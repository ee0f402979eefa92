"""Batches by number: batch ``step`` is the same in every run and needs none of those before it.

Making a batch takes about 1 % of a step on a CPU, so no worker processes are kept for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from training.augment import random_crop
from training.config import RunConfig
from training.data import Sample
from training.parallel import rank, world_size
from training.sampling import Sampler
from uniformer.classes import ClassSet
from uniformer.dataset import DatasetError

NO_NEGATIVE = -1


@dataclass(frozen=True)
class TrainingBatch:
    """``pictures`` uint8 (B, 3, S, S), ``labels`` uint8 (B, S/2, S/2) with 255 for unknown.

    ``confidence`` uint8 (B, S/2, S/2) is 255 where a label is certain. ``negatives`` int64 (B,) is
    the class that unknown pixels certainly do not show, or -1.
    """

    pictures: Tensor
    labels: Tensor
    confidence: Tensor
    negatives: Tensor

    def to(self, device: torch.device) -> TrainingBatch:
        """Return the batch on ``device``."""
        return TrainingBatch(*(getattr(self, part.name).to(device) for part in fields(self)))


class Batches:
    """This process's part of the augmented batch of every step; all chance is in the seed."""

    def __init__(self, examples: Sequence[Sample], classes: ClassSet, config: RunConfig) -> None:
        unknown = set(config.negatives.values()) - set(classes.names)
        if unknown:
            raise DatasetError(f"The recipe's negatives name {unknown.pop()!r}, which is no class.")
        strange = config.source_weights.keys() - {example.source for example in examples}
        if strange:
            raise DatasetError(
                f"The recipe weighs the source {min(strange)!r}, which no picture is from."
            )
        self.examples = examples
        self.config = config
        self.sampler = Sampler(examples, len(classes), config.source_weights)
        self.negatives = {
            source: classes.names.index(name) for source, name in config.negatives.items()
        }

    def __getitem__(self, step: int) -> TrainingBatch:
        side = int(np.random.default_rng((self.config.seed, step)).choice(self.config.crops))
        pictures, labels, confidence, negatives = [], [], [], []
        for number in range(rank(), self.config.batch_size(side), world_size()):
            rng = np.random.default_rng((self.config.seed, step, number))
            index, focus = self.sampler.draw(rng.random() < self.config.class_share, rng)
            example = self.examples[index]
            picture, label, sure = random_crop(example, side, focus, self.config, rng)
            pictures.append(picture)
            labels.append(label)
            confidence.append(sure)
            negatives.append(self.negatives.get(example.source, NO_NEGATIVE))
        # Permuted, not copied: the memory stays channels_last, as the network wants it.
        return TrainingBatch(
            torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2),
            torch.from_numpy(np.stack(labels)),
            torch.from_numpy(np.stack(confidence)),
            torch.tensor(negatives),
        )
