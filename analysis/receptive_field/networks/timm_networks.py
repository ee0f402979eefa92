"""ResNet-50, ConvNeXt-T, DeiT-S and Swin-T from timm, and what their units can see.

The theoretical fields are read off the modules: kernels, strides, windows and shifts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from analysis.core.errors import AnalysisError
from analysis.core.grid import Token
from analysis.receptive_field.effective import Readout
from analysis.receptive_field.networks.hub import hub_file
from analysis.receptive_field.networks.network import Level, Network, check_size
from analysis.receptive_field.networks.swin_windows import window_spans
from analysis.receptive_field.theoretical import Sliding, Step, Whole

Stages = list[list[Step]]
"""The operators that each level adds to the one below it, along one axis."""


@dataclass(frozen=True)
class _Recipe:
    """``levels`` are what timm calls the maps, by name; ``steps(model, axis, side)`` reads them."""

    timm_name: str
    label: str
    levels: Mapping[str, int]
    steps: Callable[[nn.Module, int, int], Stages]
    initialisation: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    sized: bool = False


def timm_network(name: str, size_px: tuple[int, int], weights: str | None = "default") -> Network:
    """Return one of :data:`TIMM_NETWORKS` made for pictures of ``size_px`` (height, width).

    ``weights`` is ``"default"`` (ImageNet-1k weights from the Hub's cache or the Hub, else random
    ones that say why), None (random) or a file of timm's. Random weights are the same every time.
    Levels are what timm calls intermediates; DeiT's pass its last norm. Raises
    :class:`AnalysisError` without timm, for an unknown name, sides that are not multiples of 32,
    and a file that is missing or does not fit.
    """
    check_size(size_px)
    if name not in _RECIPES:
        raise AnalysisError(
            f"There is no network {name!r}: choose one of {', '.join(TIMM_NETWORKS)}."
        )
    recipe, timm = _RECIPES[name], _timm()
    file, origin = _weights_file(timm, recipe, weights)
    arguments = {**recipe.arguments, **({"img_size": size_px} if recipe.sized else {})}
    if file is not None:
        arguments.update(pretrained=True, pretrained_cfg_overlay={"file": str(file)})
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = timm.create_model(recipe.timm_name, **arguments)
    except Exception as error:
        if file is None:
            raise
        raise AnalysisError(
            f"{file.name} does not hold weights of {recipe.timm_name} that timm can load: "
            "pass a state dict as .safetensors or .pth."
        ) from error
    return as_network(name, model, size_px, file is not None, origin)


def as_network(
    name: str, model: nn.Module, size_px: tuple[int, int], trained: bool, weights: str
) -> Network:
    """Return a module of timm, of the architecture called ``name``, behind the protocol."""
    recipe = _RECIPES[name]
    model = model.eval().requires_grad_(False)
    rows, columns = (_below(recipe, model, axis, size_px[axis]) for axis in (0, 1))

    def maps(x: Tensor, levels: Collection[str] = recipe.levels) -> dict[str, Tensor]:
        shallow_first = [level for level in recipe.levels if level in levels]
        found = model.forward_intermediates(
            x,
            indices=[recipe.levels[level] for level in shallow_first],
            norm=True,
            stop_early=True,
            intermediates_only=True,
        )
        return dict(zip(shallow_first, found, strict=True))

    def readout(units: Mapping[str, Token]) -> Readout[str]:
        return lambda x: {
            level: out[(slice(None), slice(None), *units[level])]
            for level, out in maps(x, units).items()
        }

    return Network(
        name=recipe.label,
        size_px=size_px,
        trained=trained,
        weights=weights,
        levels=tuple(Level(*each) for each in zip(recipe.levels, rows, columns, strict=True)),
        maps=maps,
        readout=readout,
    )


def _below(recipe: _Recipe, model: nn.Module, axis: int, side: int) -> list[tuple[Step, ...]]:
    """Return all that lies between the pixels and each level."""
    return [tuple(steps) for steps in accumulate(recipe.steps(model, axis, side))]


def _timm() -> ModuleType:
    try:
        import timm
    except ImportError as error:
        raise AnalysisError(
            "This network comes from timm, which is not installed: run `pip install timm`."
        ) from error
    return timm


def _weights_file(
    timm: ModuleType, recipe: _Recipe, weights: str | None
) -> tuple[Path | None, str]:
    """Return the file, None for random weights, and a phrase on where the weights come from."""
    random = f"random: {recipe.initialisation}"
    if weights is None:
        return None, random
    if weights != "default":
        file = Path(weights).expanduser()
        if not file.is_file():
            raise AnalysisError(f"There is no file {weights}: pass a path, 'default' or None.")
        return file, f"trained: {file.name}"
    repo_id = timm.get_pretrained_cfg(recipe.timm_name).hf_hub_id
    try:
        return hub_file(repo_id, "model.safetensors"), f"trained: {repo_id}"
    except AnalysisError as error:
        return None, f"{random}; {error}"


def _sliding(layer: nn.Module) -> Sliding:
    """Return the step of a convolution or pooling with a square kernel."""
    sizes = (layer.kernel_size, layer.stride, layer.padding)
    return Sliding(*(size if isinstance(size, int) else size[0] for size in sizes))


def _resnet(model: nn.Module, axis: int, side: int) -> Stages:
    stages: Stages = [
        [_sliding(block.conv2) for block in layer]
        for layer in (model.layer1, model.layer2, model.layer3, model.layer4)
    ]
    stages[0][:0] = [_sliding(model.conv1), _sliding(model.maxpool)]
    return stages


def _convnext(model: nn.Module, axis: int, side: int) -> Stages:
    stages: Stages = []
    for number, stage in enumerate(model.stages):
        entry = model.stem[0] if number == 0 else stage.downsample[1]
        stages.append([_sliding(entry), *(_sliding(block.conv_dw) for block in stage.blocks)])
    return stages


def _swin(model: nn.Module, axis: int, side: int) -> Stages:
    stages: Stages = []
    for number, layer in enumerate(model.layers):
        entry = _sliding(model.patch_embed.proj) if number == 0 else Sliding(2, 2)
        side = entry.outputs(side)
        spans = [
            window_spans(side, block.window_size[axis], block.shift_size[axis])
            for block in layer.blocks
        ]
        stages.append([entry, *spans])
    return stages


def _deit(model: nn.Module, axis: int, side: int) -> Stages:
    return [[_sliding(model.patch_embed.proj), Whole()], [Whole()], [Whole()], [Whole()]]


_RECIPES = {
    "resnet50": _Recipe(
        "resnet50.a1_in1k",
        "ResNet-50",
        {"stage 1": 1, "stage 2": 2, "stage 3": 3, "stage 4": 4},
        _resnet,
        # timm's default zeroes the last norm of every residual branch: blocks would be identities.
        "timm's initialisation with live residual branches (zero_init_last=False)",
        {"zero_init_last": False},
    ),
    "convnext-t": _Recipe(
        "convnext_tiny.fb_in1k",
        "ConvNeXt-T",
        {"stage 1": 0, "stage 2": 1, "stage 3": 2, "stage 4": 3},
        _convnext,
        "timm's initialisation, layer scale 1e-6: residual branches are all but silent",
    ),
    "deit-s": _Recipe(
        "deit_small_patch16_224.fb_in1k",
        "DeiT-S",
        {f"block {block}": block for block in (2, 5, 8, 11)},
        _deit,
        "timm's initialisation, weights of standard deviation 0.02",
        sized=True,
    ),
    "swin-t": _Recipe(
        "swin_tiny_patch4_window7_224.ms_in1k",
        "Swin-T",
        {"stage 1": 0, "stage 2": 1, "stage 3": 2, "stage 4": 3},
        _swin,
        "timm's initialisation, weights of standard deviation 0.02",
        sized=True,
    ),
}

TIMM_NETWORKS = tuple(_RECIPES)
