"""SegFormer's encoder (MiT-B0) from transformers, an optional library."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import torch
from torch import Tensor, nn

from analysis.core.errors import AnalysisError
from analysis.core.grid import Token
from analysis.receptive_field.effective import Readout
from analysis.receptive_field.networks.hub import hub_file
from analysis.receptive_field.networks.network import Level, Network, check_size
from analysis.receptive_field.theoretical import Sliding, Step, Whole

REPOSITORY = "nvidia/mit-b0"
RANDOM = "random: transformers' initialisation, weights of standard deviation 0.02"


def segformer_network(size_px: tuple[int, int], weights: str | None = "default") -> Network:
    """Return SegFormer-B0's encoder for pictures of ``size_px``; its four maps are the levels.

    ``weights`` is ``"default"`` (ImageNet-1k weights from the Hub's cache or the Hub, else random
    ones that say why), None (random) or a folder as transformers saves it. Raises
    :class:`AnalysisError` without transformers, for sides that are not multiples of 32, and for a
    folder that cannot be loaded.
    """
    check_size(size_px)
    library, phrase, source = _transformers(), RANDOM, weights
    if weights == "default":
        try:
            hub_file(REPOSITORY, "config.json")
            source = REPOSITORY
        except AnalysisError as error:
            phrase, source = f"{RANDOM}; {error}", None
    if source is not None:
        return as_network(_pretrained(library, source), size_px, True, f"trained: {source}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = library.SegformerModel(library.SegformerConfig())
    return as_network(model, size_px, False, phrase)


def as_network(model: nn.Module, size_px: tuple[int, int], trained: bool, weights: str) -> Network:
    """Return a ``SegformerModel`` behind the protocol."""
    model = model.eval().requires_grad_(False)
    steps: list[Step] = []
    levels: list[Level] = []
    patches = zip(model.config.patch_sizes, model.config.strides, strict=True)
    for number, (kernel, stride) in enumerate(patches, start=1):
        steps += [Sliding(kernel, stride, kernel // 2), Whole()]
        levels.append(Level(f"stage {number}", tuple(steps), tuple(steps)))

    def maps(x: Tensor) -> dict[str, Tensor]:
        found = model(x, output_hidden_states=True).hidden_states
        return {level.name: out for level, out in zip(levels, found, strict=True)}

    def readout(units: Mapping[str, Token]) -> Readout[str]:
        def read(x: Tensor) -> dict[str, Tensor]:
            found = maps(x)
            return {
                level: found[level][:, :, row, column] for level, (row, column) in units.items()
            }

        return read

    return Network("SegFormer-B0", size_px, trained, weights, tuple(levels), maps, readout)


def _transformers() -> ModuleType:
    try:
        import transformers
    except ImportError as error:
        raise AnalysisError(
            "SegFormer comes from transformers, which is not installed: "
            "run `pip install transformers`."
        ) from error
    return transformers


def _pretrained(library: ModuleType, source: str) -> nn.Module:
    try:
        return library.SegformerModel.from_pretrained(source)
    except Exception as error:
        raise AnalysisError(
            f"transformers cannot load a SegFormer from {source}: pass a folder that it saved."
        ) from error
