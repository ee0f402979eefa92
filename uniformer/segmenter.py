"""A UniFormer segmentation model: backbone, optional neck, decode head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from uniformer.classes import ClassSet
from uniformer.config import ModelConfig, Reach
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


class Segmenter(Pretrained):
    """Maps normalised RGB (B, 3, H, W), sides at least 32, to logits (B, classes, H/4, W/4).

    ``config`` says how it is built, ``classes`` what it can predict, ``weights`` what has been
    loaded, ``optimized`` whether this is a rewriting that can only predict, ``engine`` what runs
    it. ``reach`` and ``window_size`` are changed with :meth:`set_reach`.
    """

    engine = "torch"
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
