"""UniFormer as a backbone for other decoders, with the habits of timm's ``features_only``."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from uniformer.backbone import UniFormer
from uniformer.config import STRIDES


class FeatureInfo:
    """What the maps of a backbone are, read as timm's class of this name is.

    Each entry has ``num_chs`` (channels), ``reduction`` (stride in input pixels), ``module`` (the
    name of the module that makes it) and ``index``. Without ``idx``, the accessors speak of the
    maps at ``out_indices``.
    """

    def __init__(self, info: Sequence[dict[str, Any]], out_indices: Sequence[int]) -> None:
        self.info = [dict(entry) for entry in info]
        self.out_indices = tuple(out_indices)

    def get(self, key: str, idx: int | Sequence[int] | None = None) -> Any:
        """Return ``key`` of entry ``idx``, or a list of it for several."""
        if isinstance(idx, int):
            return self.info[idx][key]
        return [self.info[index][key] for index in (self.out_indices if idx is None else idx)]

    def channels(self, idx: int | Sequence[int] | None = None) -> Any:
        """Return channels."""
        return self.get("num_chs", idx)

    def reduction(self, idx: int | Sequence[int] | None = None) -> Any:
        """Return strides, in pixels of the input."""
        return self.get("reduction", idx)

    def module_name(self, idx: int | Sequence[int] | None = None) -> Any:
        """Return names of modules."""
        return self.get("module", idx)

    def get_dicts(
        self, keys: Sequence[str] | None = None, idx: Sequence[int] | None = None
    ) -> list[dict[str, Any]]:
        """Return the entries, or only ``keys`` of them."""
        chosen = [self.info[index] for index in (self.out_indices if idx is None else idx)]
        return [dict(each) if keys is None else {k: each[k] for k in keys} for each in chosen]

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.info[index]

    def __len__(self) -> int:
        return len(self.info)


class FeatureBackbone(nn.Module):
    """Maps normalised RGB (B, 3, H, W), sides at least 32, to a list of maps (B, C, H/s, W/s).

    ``feature_info`` tells channels and strides s. The stages behind the last map asked for are not
    computed. Maps are normed as the decoders of the segmenters get them; those of classifiers have
    no norms. ``backbone`` is the network itself, with all four stages.
    """

    def __init__(self, backbone: UniFormer, out_indices: int | Sequence[int] = (0, 1, 2, 3)):
        """Take the maps at ``out_indices``, 0 to 3, or negative from the end, or the last so many.

        Raises ``ValueError`` for stages that there are not.
        """
        super().__init__()
        self.backbone = backbone
        self.out_indices = checked_stages(out_indices)
        self.feature_info = feature_info(backbone, self.out_indices, "backbone.")

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps, in the order of ``out_indices``."""
        maps = self.backbone(x, stages=max(self.out_indices) + 1)
        return [maps[index] for index in self.out_indices]


def feature_info(
    backbone: UniFormer, out_indices: Sequence[int] = (0, 1, 2, 3), prefix: str = ""
) -> FeatureInfo:
    """Return what the maps of ``backbone`` are; ``prefix`` stands before the names of modules."""
    entries = [
        {"num_chs": dim, "reduction": stride, "module": f"{prefix}norm{stage}", "index": stage - 1}
        for stage, (dim, stride) in enumerate(zip(backbone.config.dims, STRIDES, strict=True), 1)
    ]
    return FeatureInfo(deepcopy(entries), out_indices)


def checked_stages(out_indices: int | Sequence[int]) -> tuple[int, ...]:
    """Return indices of stages, counted from 0; raises ``ValueError`` for those there are not."""
    count = len(STRIDES)
    if isinstance(out_indices, int):
        wanted: Sequence[int] = (
            range(count - out_indices, count) if 0 < out_indices <= count else ()
        )
    else:
        wanted = out_indices
    stages = tuple(index + count if index < 0 else index for index in wanted)
    if not stages or not all(0 <= index < count for index in stages):
        raise ValueError(
            f"out_indices must be some of 0 to {count - 1}, or how many of the last stages from 1 "
            f"to {count}, not {out_indices!r}."
        )
    return stages
