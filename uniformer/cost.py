"""What a model costs: parameters, and multiply-accumulates of one forward pass.

Multiply-accumulates are those of convolutions, linear layers and the two products of attention
(padded windows included), as torch's own counter sees them: one multiply-accumulate is two of its
FLOPs. Softmax, norms, activations, biases, pooling and interpolation are not counted, nor the
auxiliary head, which only training runs. The authors' published "FLOPs" are this figure at 512x2048
(height x width) plus that of the norms.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode


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
