"""Where bfloat16 does not pay: the weight gradient of depthwise convolutions on a CPU."""

from __future__ import annotations

import types

import torch
from torch import Tensor, nn


def keep_depthwise_in_float32(model: nn.Module) -> None:
    """Let every depthwise convolution of ``model`` leave autocast.

    oneDNN takes 5 to 7 times as long for their weight gradient in bfloat16 as in float32
    (5x5 on 48 channels of 48x48: 31 against 4.4 ms), a fifth of a training step.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = types.MethodType(_forward_in_float32, module)


def _forward_in_float32(self: nn.Conv2d, x: Tensor) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        return self._conv_forward(x.float(), self.weight, self.bias)
