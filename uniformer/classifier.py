"""The official ImageNet classifiers: a UniFormer with one answer for the whole picture."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from uniformer.classes import ClassSet
from uniformer.config import ClassifierConfig, ModelConfig
from uniformer.segmenter import Segmenter


class Classifier(Segmenter):
    """Maps normalised RGB (B, 3, H, W), sides at least 32, to logits (B, classes).

    Stage 4 is normed (BatchNorm), averaged over the picture and classified. To analyses it is a
    segmenter whose map has one cell: what they say of a class is about the whole picture.
    """

    most_classes = 2**16

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the normed map of stage 4 (B, C, H/32, W/32)."""
        return self.norm(self.backbone(x)[-1])

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Return logits (B, classes), or with ``pre_logits`` the mean over the map (B, C)."""
        pooled = features.mean(dim=(2, 3))
        return pooled if pre_logits else self.head(pooled)

    def get_classifier(self) -> nn.Module:
        """Return the layer that gives the logits."""
        return self.head

    def decode(self, maps: Sequence[Tensor]) -> Tensor:
        """Return logits (B, classes, 1, 1) from the maps of the backbone."""
        return self.head(self.norm(maps[-1]).mean(dim=(2, 3)))[:, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, classes)."""
        return self.decode(self.backbone(x))[:, :, 0, 0]


def make_model(config: ModelConfig, classes: ClassSet) -> Segmenter:
    """Return what ``config`` describes, a segmenter or a classifier, with random weights."""
    return kind_of(config)(config, classes)


def kind_of(config: ModelConfig) -> type[Segmenter]:
    """Return which class a model of ``config`` has."""
    return Classifier if isinstance(config.head, ClassifierConfig) else Segmenter
