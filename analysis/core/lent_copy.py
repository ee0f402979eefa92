"""A visitor's own copy of a model of this package: a millisecond, and no memory for weights."""

from __future__ import annotations

from typing import TypeVar, cast

import torch
from torch import nn

Model = TypeVar("Model", bound=nn.Module)

_TABLES = tuple(name for name, value in vars(nn.Module()).items() if isinstance(value, dict | set))
"""What every module keeps by name or number: parameters, buffers, modules, hooks."""


@torch.inference_mode(False)
def lent_copy(model: Model) -> Model:
    """Return ``model`` with modules of its own over the same weights, which are frozen.

    Hooks, modes, and what is set on one, such as a window size, never reach the other. What
    attributes hold they have in common, which suits networks whose attributes are plain values:
    :func:`analysis.core.shared_weight_copy` copies whatever anybody's network
    has, in ten times as long.
    """
    known: dict[int, nn.Module] = {}
    parameters: dict[int, nn.Parameter] = {}

    def parameter(given: nn.Parameter) -> nn.Parameter:
        if id(given) not in parameters:
            parameters[id(given)] = nn.Parameter(given.detach(), requires_grad=False)
        return parameters[id(given)]

    def copied(module: nn.Module) -> nn.Module:
        if id(module) in known:
            return known[id(module)]
        new = known[id(module)] = object.__new__(type(module))
        vars(new).update(vars(module))
        for name in _TABLES:
            vars(new)[name] = vars(module)[name].copy()
        for name, child in module._modules.items():
            new._modules[name] = None if child is None else copied(child)
        for name, given in module._parameters.items():
            new._parameters[name] = None if given is None else parameter(given)
        return new

    return cast(Model, copied(model))
