"""What a UniFormer segmentation model is made of: sizes, heads, reach, and where its weights live.

Names, sizes and published results: Li et al., "UniFormer: Unifying Convolution and Self-attention
for Visual Recognition", arXiv 2201.09450, and the README of Sense-X/UniFormer. A state dict does
not reveal ``head_dim`` (the packed qkv weight has the same shape for every value), so it is part of
the configuration and never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

Task = Literal["segment", "classify"]
"""What a model says of a picture: a class of every pixel, or one of all of it."""

Reach = Literal["global", "hybrid", "window"]
REACHES: tuple[Reach, ...] = get_args(Reach)

STRIDES = (4, 8, 16, 32)
"""Input pixels per token, along each axis, after each of the four stages."""

HYBRID_PERIOD = 4
"""In the hybrid reach every 4th block of stage 3 stays global; the others see their window only."""

MAX_WINDOW_SIZE = 256


@dataclass(frozen=True)
class BackboneConfig:
    """Sizes of the four stages: blocks and channels per stage, channels per attention head.

    The first ``conv_stages`` stages embed patches by overlapping convolutions. ``pruned`` models
    prune tokens in stages 3 and 4 (:mod:`uniformer.light`). With ``layer_scale`` the branches of
    the global blocks are scaled per channel. Classifiers have no ``output_norms``.
    """

    depths: tuple[int, int, int, int]
    dims: tuple[int, int, int, int]
    head_dim: int = 64
    mlp_ratio: int = 4
    conv_stages: int = 0
    pruned: bool = False
    layer_scale: bool = False
    output_norms: bool = True

    @property
    def heads(self) -> tuple[int, ...]:
        """Attention heads of the four stages; the convolutions of stages 1 and 2 count as one."""
        return (1, 1, *(dim // self.head_dim for dim in self.dims[2:]))


@dataclass(frozen=True)
class FPNConfig:
    """Feature pyramid (``neck_channels``) with the Semantic FPN head (``channels``)."""

    neck_channels: int = 256
    channels: int = 128


@dataclass(frozen=True)
class UPerConfig:
    """UPerNet head, and the auxiliary head on stage 3 that only training uses."""

    channels: int = 512
    pool_scales: tuple[int, ...] = (1, 2, 3, 6)
    auxiliary_channels: int = 256


@dataclass(frozen=True)
class ClassifierConfig:
    """BatchNorm, the mean over the picture, and a linear layer: one answer per picture."""


@dataclass(frozen=True)
class HubFile:
    """One checkpoint on the Hugging Face Hub; ``sha256`` is None until somebody has measured it."""

    repo_id: str
    filename: str
    revision: str = "main"
    sha256: str | None = None


@dataclass(frozen=True)
class ModelConfig:
    """A named model: backbone, head, class set, reach, preprocessing and default weights.

    ``size_divisor`` is the multiple both input sides are rounded up to (FPN was trained and tested
    with 32, UPerNet with no rounding). ``published_miou`` is ADE20K val, single scale, in percent,
    as printed by the authors, and ``published_top1`` that of classifiers, ImageNet val at 224x224;
    nobody measured them here. ``drive_id`` names the authors' Google Drive file where no hub copy
    exists.
    """

    name: str
    backbone: BackboneConfig
    head: FPNConfig | UPerConfig | ClassifierConfig
    class_set: str = "ade20k"
    reach: Reach = "global"
    window_size: int = 32
    size_divisor: int = 1
    short_side: int = 512
    drop_path_rate: float = 0.0
    bundled: str | None = None
    hub: tuple[HubFile, ...] = ()
    drive_id: str | None = None
    published_miou: float | None = None
    published_top1: float | None = None

    @property
    def task(self) -> Task:
        """What a model of this kind does."""
        return "classify" if isinstance(self.head, ClassifierConfig) else "segment"


SMALL = BackboneConfig(depths=(3, 4, 8, 3), dims=(64, 128, 320, 512))
BASE = BackboneConfig(depths=(5, 8, 20, 7), dims=(64, 128, 320, 512))
XS = BackboneConfig((3, 5, 9, 3), (64, 128, 256, 512), 32, mlp_ratio=3, conv_stages=1, pruned=True)
XXS = BackboneConfig((2, 5, 8, 2), (56, 112, 224, 448), 28, mlp_ratio=3, conv_stages=1, pruned=True)
NANO = BackboneConfig(depths=(2, 3, 6, 2), dims=(48, 96, 160, 256), head_dim=32)

_SMALL_FPN = ModelConfig(
    "small-fpn",
    SMALL,
    FPNConfig(),
    size_divisor=32,
    drop_path_rate=0.1,
    drive_id="14bEsZqMw35tmDgrvYA_dRMsSC0Z4TX2Y",
    published_miou=46.6,
)
_BASE_FPN = ModelConfig(
    "base-fpn",
    BASE,
    FPNConfig(),
    size_divisor=32,
    drop_path_rate=0.2,
    drive_id="14dLoIcAUWjyo1d5XXuo1yb2jcslt_t4P",
    published_miou=48.0,
)
_SMALL_UPERNET = ModelConfig(
    "small-upernet",
    SMALL,
    UPerConfig(),
    drop_path_rate=0.25,
    hub=(
        HubFile("Andy1621/uniformer", "upernet_global_small.pth"),
        HubFile("lllyasviel/Annotators", "upernet_global_small.pth"),
    ),
    drive_id="13hOneJiFqwEneUz1Zpqo1W2uv7BsoXGF",
    published_miou=47.6,
)
_BASE_UPERNET = ModelConfig(
    "base-upernet",
    BASE,
    UPerConfig(),
    drop_path_rate=0.4,
    drive_id="14bEgmFbTijBoTKTwny_aCJlARs6z31mP",
    published_miou=50.0,
)


def _trained_hybrid(config: ModelConfig, drive_id: str | None, miou: float) -> ModelConfig:
    """The form of ``config`` that the authors trained with windows of 14 in the hybrid reach."""
    return replace(
        config,
        name=f"{config.name}-h14",
        reach="hybrid",
        window_size=14,
        hub=(),
        drive_id=drive_id,
        published_miou=miou,
    )


MODELS: dict[str, ModelConfig] = {
    config.name: config
    for config in (
        ModelConfig(
            "nano",
            NANO,
            FPNConfig(neck_channels=64, channels=64),
            class_set="everyday50",
            window_size=8,
            size_divisor=32,
            short_side=256,
            bundled="nano.safetensors",
        ),
        ModelConfig(
            "xxs-fpn",
            XXS,
            FPNConfig(),
            size_divisor=32,
            drive_id="1DPakdzr6G7n8t3_ZAFCx8wFX1r5h_V7-",
            published_miou=42.3,
        ),
        ModelConfig(
            "xs-fpn",
            XS,
            FPNConfig(),
            size_divisor=32,
            drop_path_rate=0.1,
            drive_id="1Dj3GiQLK7YZPKSgz_Uk8JL1J66XEvw0Y",
            published_miou=44.4,
        ),
        _SMALL_FPN,
        _BASE_FPN,
        _SMALL_UPERNET,
        _BASE_UPERNET,
        _trained_hybrid(_SMALL_FPN, None, 46.3),
        _trained_hybrid(_BASE_FPN, "14XokJDp1oYDV9jZnniMXyk3AnVfk1S1-", 47.0),
        _trained_hybrid(_SMALL_UPERNET, None, 46.9),
        _trained_hybrid(_BASE_UPERNET, None, 48.9),
    )
}


def _classifier(
    name: str,
    backbone: BackboneConfig,
    drop_path_rate: float,
    top1: float,
    drive_id: str,
    hub: tuple[HubFile, ...] = (),
) -> ModelConfig:
    return ModelConfig(
        name,
        replace(backbone, output_norms=False),
        ClassifierConfig(),
        class_set="imagenet1k",
        size_divisor=32,
        short_side=224,
        drop_path_rate=drop_path_rate,
        hub=hub,
        drive_id=drive_id,
        published_top1=top1,
    )


_IN1K = "Sense-X/uniformer_image"
_SMALL_PLUS = BackboneConfig((3, 5, 9, 3), SMALL.dims, head_dim=32, conv_stages=4)

CLASSIFIERS: dict[str, ModelConfig] = {
    config.name: config
    for config in (
        _classifier("xxs-cls", XXS, 0.0, 80.6, "1Cw9r_3c30N-esFI8RFYa6rQXJrr1rAHY"),
        _classifier(
            "small-cls", SMALL, 0.1, 82.9, "1-uepH3Q3BhTmWU6HK-sGAGQC_MpfIiPD",
            (HubFile(_IN1K, "uniformer_small_in1k.pth"),),
        ),
        _classifier("small-plus-cls", _SMALL_PLUS, 0.1, 83.4, "10IN5ULcjz0Ld_lDokkTGOSmRFXLzUkEs"),
        _classifier(
            "base-cls", BASE, 0.3, 83.8, "1-wT39QazTGELxgrQIu6J12D3qcla3hui",
            (HubFile(_IN1K, "uniformer_base_in1k.pth"),),
        ),
        _classifier(
            "base-ls-cls", replace(BASE, layer_scale=True), 0.3, 83.9,
            "10FnwzMVgGL8bPO3EMZ7oG4vDvqnPoBK5",
        ),
    )
}  # fmt: skip
"""The ImageNet-1k classifiers, which are no segmenters: one answer for a whole picture."""


def check_reach(reach: str, window_size: int) -> None:
    """Raise ``ValueError`` unless reach and window size are ones a backbone can take."""
    if reach not in REACHES:
        raise ValueError(f"Unknown reach {reach!r}: choose one of {', '.join(REACHES)}.")
    if isinstance(window_size, bool) or not isinstance(window_size, int):
        raise ValueError(f"The window size must be a whole number of tokens, not {window_size!r}.")
    if not 1 <= window_size <= MAX_WINDOW_SIZE:
        raise ValueError(
            f"The window size must be 1 to {MAX_WINDOW_SIZE} tokens, not {window_size}."
        )
