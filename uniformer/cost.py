"""What a model costs: parameters, and multiply-accumulates of one forward pass.

Multiply-accumulates are those of convolutions, linear layers and the two products of attention
(padded windows included), as torch's own counter sees them: one multiply-accumulate is two of its
FLOPs. Softmax, norms, activations, biases, pooling and interpolation are not counted, nor the
auxiliary head, which only training runs. The authors' published "FLOPs" are this figure at 512x2048
(height x width) plus that of the norms.
"""

from __future__ import annotations

import time
from functools import cache, lru_cache

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from uniformer.config import Reach
from uniformer.factory import create_model

MEASURED_SIDE = 256
"""Of the picture on which the speed of this computer is measured, in pixels."""


def count_parameters(model: nn.Module) -> int:
    """Return how many trainable numbers ``model`` has, the auxiliary head's included."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_macs(model: nn.Module, height: int, width: int) -> int:
    """Return the multiply-accumulates of ``model`` on one picture of ``height`` x ``width``.

    Nothing is computed and the model is left as it is: the pass runs on shapes alone (torch's
    ``meta`` device), so the model may itself live there. Raises ``ValueError`` for a size the model
    cannot take.
    """
    shapes = {name: tensor.to("meta") for name, tensor in model.state_dict().items()}
    picture = torch.empty(1, 3, height, width, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        functional_call(model, shapes, (picture,))
    return counter.get_total_flops() // 2


@cache
def seconds_per_mac() -> float:
    """Return what a multiply-accumulate takes: of a small pass, the quickest of three."""
    with torch.random.fork_rng(devices=[]):  # what others draw is not changed by this
        model = create_model("nano", weights=None)
    picture = torch.zeros(1, 3, MEASURED_SIDE, MEASURED_SIDE)
    times = []
    with torch.inference_mode():
        for _ in range(3):
            start = time.perf_counter()
            model(picture)
            times.append(time.perf_counter() - start)
    return min(times) / count_macs(model, MEASURED_SIDE, MEASURED_SIDE)


@lru_cache(256)
def macs_of(
    name: str, classes: int, reach: Reach, window_size: int, height: int, width: int
) -> int:
    """Return :func:`count_macs` of a model by its name, counted once."""
    with torch.device("meta"):
        model = create_model(
            name, weights=None, num_classes=classes, reach=reach, window_size=window_size
        )
    return count_macs(model, height, width)
