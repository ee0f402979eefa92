"""Any network that labels pixels, behind the interface that analyses ask for class scores.

Attribution, effective fields, occlusion, faithfulness and hiding a region need nothing but "picture
in, logits per pixel out". What looks into UniFormer's blocks refuses such a network in a sentence.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from analysis.core.errors import AnalysisError
from uniformer.classes import ClassSet, numbered_classes
from uniformer.segmenter import WeightsRecord

MARK = ".py:"
"""What the name of a network in a file has, between the file and its function."""

TRIED_PX = (64, 96)
"""Least height and width of the input that a network is tried on."""


@dataclass(frozen=True)
class AnyConfig:
    """Name, short side of the input in pixels, and what its sides must be multiples of."""

    name: str
    short_side: int
    size_divisor: int


class AnySegmenter(nn.Module):
    """``network`` with class names and sizes; make it with :func:`as_segmenter`."""

    optimized = False
    reach = None
    window_size = None

    def __init__(self, network: Callable[[Tensor], Any], config: AnyConfig) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.classes = numbered_classes(2)
        self.weights = WeightsRecord(
            trained=True,
            source=config.name,
            sha256=None,
            note="What its weights are is not known here.",
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, classes, rows, columns) at whatever stride the network has."""
        found = self.network(x)
        if isinstance(found, Mapping):
            found = found.get("out", found)
        logits = getattr(found, "logits", found)
        if not isinstance(logits, Tensor) or logits.ndim != 4 or len(logits) != len(x):
            look = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise AnalysisError(
                f"{self.config.name} returned {look}: it must return logits (pictures, classes, "
                "rows, columns), a dict that has them as 'out', or an object with .logits."
            )
        return logits

    def decode(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the logits, which are all there is of this network's maps."""
        (logits,) = maps
        return logits

    def set_reach(self, reach: str, window_size: int | None = None) -> NoReturn:
        """Raise ``ValueError``: there is none to set."""
        raise ValueError(f"{self.config.name} is no UniFormer and has no reach to set.")

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        return next((p.dtype for p in self.parameters()), torch.float32)

    @property
    def device(self) -> torch.device:
        """Where the weights live."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))


def as_segmenter(
    network: Callable[[Tensor], Any],
    classes: Sequence[str] | None = None,
    *,
    name: str | None = None,
    short_side: int = 512,
    size_divisor: int = 32,
) -> AnySegmenter:
    """Return ``network`` as a model that every analysis of class scores takes.

    ``network`` is a module in eval mode, or any callable that torch can differentiate. It gets RGB
    (B, 3, h, w), normalised with ImageNet's mean and deviation, with a short side of ``short_side``
    pixels and sides that are multiples of ``size_divisor``; it returns logits (B, classes, rows,
    columns), a dict with ``"out"`` (torchvision) or an object with ``.logits`` (transformers), at
    any stride. ``classes`` are their names; without, they are numbered.

    Raises :class:`AnalysisError` for a network in training mode, one that fails on a grey picture
    or returns something else, and for another number of names than of logits.
    """
    name = name or type(network).__name__
    if not callable(network):
        raise AnalysisError(f"{name} cannot be called: give a module or a function of a picture.")
    if not 1 <= size_divisor <= short_side:
        raise AnalysisError(
            f"Sides must be multiples of 1 to {short_side} pixels, not of {size_divisor}."
        )
    model = AnySegmenter(network, AnyConfig(name, short_side, size_divisor))
    if any(module.training for module in model.children()):
        raise AnalysisError(f"{name} is in training mode: call its eval() first.")
    model.eval()
    count = _logits_of(model).shape[1]
    if count < 2:
        raise AnalysisError(f"{name} has logits of one class: add those of what it is not.")
    model.classes = numbered_classes(count)
    if classes is not None:
        if len(classes) != count:
            raise AnalysisError(f"{name} has {count} classes, and {len(classes)} names were given.")
        names = tuple(map(str, classes))
        model.classes = ClassSet(name, f"the classes of {name}", names, model.classes.colors)
    return model


def load_segmenter(text: str) -> AnySegmenter:
    """Return the network that ``path.py:factory`` makes: the file is run, with your rights.

    The factory takes nothing and returns what :func:`as_segmenter` takes or returns. Raises
    :class:`AnalysisError` for a file or function that is not there or fails.
    """
    path, _, factory = text.rpartition(":")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if not Path(path).is_file() or spec is None or spec.loader is None:
        raise AnalysisError(f"There is no file {path} to take a model from.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        make = getattr(module, factory, None)
        found = make() if callable(make) else None
    except AnalysisError:
        raise
    except Exception as error:  # whatever somebody's own code raises
        raise AnalysisError(f"{text} failed: {_brief(error)}.") from error
    if found is None:
        raise AnalysisError(f"{path} has no function {factory} that returns a model.")
    return found if isinstance(found, AnySegmenter) else as_segmenter(found, name=text)


def _logits_of(model: AnySegmenter) -> Tensor:
    """Return the logits of a grey picture."""
    divisor = model.config.size_divisor
    sides = (-(-side // divisor) * divisor for side in TRIED_PX)
    x = torch.zeros(1, 3, *sides, device=model.device, dtype=model.dtype)
    try:
        with torch.no_grad():
            return model(x)
    except AnalysisError:
        raise
    except Exception as error:  # whatever somebody's own code raises
        look = " x ".join(map(str, x.shape))
        raise AnalysisError(
            f"{model.config.name} failed on an input of {look}: {_brief(error)}."
        ) from error


def _brief(error: Exception) -> str:
    words = str(error).strip().partition("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
