"""A UniFormer segmentation model: backbone, optional neck, decode head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from uniformer.classes import ClassSet, new_classes
from uniformer.config import ModelConfig, Reach
from uniformer.features import FeatureInfo, feature_info
from uniformer.heads import build_heads
from uniformer.light import make_backbone
from uniformer.pretrained import Pretrained


@dataclass(frozen=True)
class WeightsRecord:
    """Where the weights of a model came from, for banners, reports and file headers.

    ``sha256`` is that of the file read, None for untrained weights. ``note`` is one sentence.
    ``taken`` says what was taken of a training program's file and what left out, else it is empty.
    """

    trained: bool
    source: str
    sha256: str | None
    note: str
    taken: str = ""


UNTRAINED = WeightsRecord(
    trained=False,
    source="random",
    sha256=None,
    note="These weights are random and untrained: the labels mean nothing.",
)


LAST_LAYERS = ("conv_seg", "head", "head_cls")
"""What the layers that give logits are called in the official models."""

NEW_CLASSES = "The layer for the new classes is random: the labels mean nothing before training."


class Segmenter(Pretrained):
    """Maps normalised RGB (B, 3, H, W), sides at least 32, to logits (B, classes, H/4, W/4).

    ``config`` says how it is built, ``classes`` what it can predict, ``weights`` what has been
    loaded, ``optimized`` whether this is a rewriting that can only predict, ``engine`` what runs
    it. ``reach`` and ``window_size`` are changed with :meth:`set_reach`.
    """

    engine = "torch"
    most_classes = 255  # labels are bytes, and 255 is "not annotated"
    reach: Reach
    window_size: int

    def __init__(self, config: ModelConfig, classes: ClassSet) -> None:
        super().__init__()
        self.config = config
        self.classes = classes
        self.weights = UNTRAINED
        self.optimized = False
        self.backbone = make_backbone(config.backbone, config.drop_path_rate)
        for name, module in build_heads(config.backbone, config.head, len(classes)).items():
            self.add_module(name, module)
        self.set_reach(config.reach, config.window_size)

    def set_reach(self, reach: Reach, window_size: int | None = None) -> None:
        """Choose what stage 3 attends to, on the weights as they are.

        ``window_size`` counts stage-3 tokens (16 input pixels each); None keeps the present one.
        Raises ``ValueError`` for an unknown reach or a window outside 1 to 256.
        """
        window_size = self.window_size if window_size is None else window_size
        self.backbone.set_reach(reach, window_size)
        self.reach = reach
        self.window_size = window_size

    @property
    def num_classes(self) -> int:
        """How many classes it tells apart."""
        return len(self.classes)

    @property
    def num_features(self) -> int:
        """Channels of stage 4."""
        return self.config.backbone.dims[-1]

    @property
    def feature_info(self) -> FeatureInfo:
        """What the four maps of the backbone are, as timm's models tell it."""
        return feature_info(self.backbone, prefix="backbone.")

    def forward_features(self, x: Tensor) -> Any:
        """Return what :meth:`forward_head` takes: the four maps of the backbone."""
        return self.backbone(x)

    def forward_head(self, features: Any) -> Tensor:
        """Return the logits, as :meth:`forward` does."""
        return self.decode(features)

    def get_classifier(self) -> nn.Module:
        """Return the layer that gives the logits."""
        return self.decode_head.conv_seg

    def reset_classifier(
        self, num_classes: int | None = None, class_names: Sequence[str] | None = None
    ) -> None:
        """Give the model new classes, ``num_classes`` or those named, and random layers for them.

        All other weights stay; the record then says that the labels mean nothing until it is
        trained. Raises ``ValueError`` for numbers of classes it cannot have, and for an optimized
        model.
        """
        if self.optimized:
            raise ValueError("Give new classes to the model before it is optimized.")
        self.classes = new_classes(num_classes, class_names, self.most_classes)
        count = len(self.classes)
        for name, module in list(self.named_modules()):
            if name.rpartition(".")[2] in LAST_LAYERS:
                parent = self.get_submodule(name.rpartition(".")[0])
                setattr(parent, name.rpartition(".")[2], _like(module, count))
        self.weights = replace(self.weights, trained=False, note=NEW_CLASSES)

    def decode(self, maps: Sequence[Tensor]) -> Tensor:
        """Return logits at stride 4 from the four maps of the backbone."""
        neck = getattr(self, "neck", None)
        return self.decode_head(maps if neck is None else neck(maps))

    def auxiliary(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the auxiliary head's logits at stride 16 (UPerNet models only)."""
        return self.auxiliary_head(maps)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.backbone(x))

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights, and of the products where a model is optimized."""
        return next(self.backbone.patch_embed1.proj.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where the weights live."""
        return next(self.parameters()).device


def _like(layer: nn.Module, classes: int) -> nn.Module:
    """Return a new 1x1 convolution or linear layer to ``classes`` outputs, where ``layer`` is."""
    place = {"device": layer.weight.device, "dtype": layer.weight.dtype}
    if isinstance(layer, nn.Conv2d):
        return nn.Conv2d(layer.in_channels, classes, kernel_size=1, **place)
    return nn.Linear(layer.in_features, classes, **place)
