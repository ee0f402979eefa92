"""Attribution on the normed map of a stage: the Grad-CAM family, and its signed relatives.

Selvaraju et al., "Grad-CAM", arXiv 1610.02391; for segmentation Vinogradova et al., arXiv
2002.11434. The formulas are those of the packages grad-cam and captum. What is explained is the
path from the map a stage gives the decoder to the score, so only the decoder runs. Maps before a
stage's norm are of no use: gradient times activation sums to 0 over the channels there, wherever
nothing but a LayerNorm follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from torch import Tensor, nn

from analysis.attribution.finding import Finding
from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, Work
from analysis.core.targets import RegionScore
from analysis.core.words import sentences
from analysis.faithfulness.region_grid import region_on_grid

Cam = Literal["GradCAM", "GradCAMPlusPlus", "LayerCAM", "HiResCAM", "EigenCAM"]
"""Names of classes of the package grad-cam."""

Product = Literal["LayerGradCam", "LayerGradientXActivation"]
"""Names of captum's methods of the same kind, which keep the sign."""

MAX_EIGEN_TOKENS = 4096
"""grad-cam's EigenCAM takes a full singular value decomposition: memory is tokens squared."""


class Tail(nn.Module):
    """The way from the normed map (1, C, rows, columns) of one stage to the logits.

    The maps of the other stages stay as they are. ``tap`` gives out the map unchanged, for hooks.
    """

    def __init__(self, score: RegionScore, maps: Sequence[Tensor], stage: int) -> None:
        super().__init__()
        self.model = score.model
        self.tap = nn.Identity()
        self.before, self.after = tuple(maps[: stage - 1]), tuple(maps[stage:])

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (1, classes, rows, columns)."""
        return self.model.decode((*self.before, self.tap(x), *self.after))


def class_activation(
    score: RegionScore, maps: Sequence[Tensor], stage: int, kind: Cam
) -> Work[Finding]:
    """Find what at a stage speaks for the score, by a method of grad-cam, at the stage's tokens.

    ``score.model`` must be a private copy: the package hooks it and leaves gradients. ``maps`` are
    the normed maps (1, C, rows, columns) of all stages, 1 to 4. Returns a map (rows, columns) of
    float64: values are the method's own, before the package stretches every picture to 0..1, and
    negative ones are cut off, as the papers do. EigenCAM has no class: its sign, which the
    decomposition leaves open, is chosen so that the region is positive. Sources: Grad-CAM, arXiv
    1610.02391; Grad-CAM++, 1710.11063; HiResCAM, 2011.08891; EigenCAM, 2008.00299; LayerCAM, IEEE
    TIP 2021.
    """
    raw = raw_activation(score, maps, stage, kind)
    yield Progress(1, 1)
    if kind != "EigenCAM":
        return Finding(np.maximum(raw, 0), note=None if (raw > 0).any() else _nothing(raw))
    inside = region_on_grid(score.region, raw.shape)
    flipped = not inside.all() and raw[inside].mean() < raw[~inside].mean()
    return Finding(-raw if flipped else raw)


def signed_activation(
    score: RegionScore, maps: Sequence[Tensor], stage: int, kind: Product
) -> Work[Finding]:
    """Find what at a stage speaks for the score and what against, by captum, at the tokens.

    ``LayerGradCam`` weighs channels by the mean gradient over the map, ``LayerGradientXActivation``
    each token by its own gradient, a first-order estimate of what the token adds. Arguments are
    those of :func:`class_activation`; returns a map (rows, columns), float64, summed over channels.
    """
    from captum import attr  # captum takes seconds to import

    tail = Tail(score, maps, stage)
    method = getattr(attr, kind)(lambda x: score.of_logits(tail(x)), tail.tap)
    found = method.attribute(maps[stage - 1].clone().requires_grad_())
    yield Progress(1, 1)
    return Finding(found.sum(dim=1)[0].detach().double().cpu().numpy())


def raw_activation(score: RegionScore, maps: Sequence[Tensor], stage: int, kind: Cam) -> np.ndarray:
    """Return a grad-cam method's map (rows, columns) of float64, neither cut off nor stretched.

    The package's own call returns every map stretched to 0..1, blank ones included, and its
    context manager swallows errors; the parts used here do neither. Raises :class:`AnalysisError`
    for an EigenCAM of more tokens than can be decomposed.
    """
    # Importing the package takes seconds.
    import pytorch_grad_cam

    x = maps[stage - 1].clone().requires_grad_()
    if kind == "EigenCAM" and x[0, 0].numel() > MAX_EIGEN_TOKENS:
        raise AnalysisError(
            f"EigenCAM takes up to {MAX_EIGEN_TOKENS} tokens and stage {stage} has "
            f"{x[0, 0].numel()}: choose a later stage or a smaller short side."
        )
    tail = Tail(score, maps, stage)
    method = getattr(pytorch_grad_cam, kind)(tail, [tail.tap])
    try:
        logits = method.activations_and_grads(x)
        score.of_logits(logits).sum().backward()
        (activations,) = method.activations_and_grads.activations
        (gradients,) = method.activations_and_grads.gradients
    finally:
        method.activations_and_grads.release()
    if kind == "GradCAMPlusPlus":
        # The package adds 1e-6 to squared gradients, more than those of a mean over many pixels
        # are. Without it the map would not change when gradients grow as activations shrink.
        scale = gradients.abs().max().item() or 1.0
        activations, gradients = activations * scale, gradients / scale
    raw = method.get_cam_image(x, tail.tap, [], activations.numpy(), gradients.numpy(), False)
    return raw[0].astype(np.float64)


def _nothing(raw: np.ndarray) -> str:
    if raw.any():
        return sentences(
            "Nothing at this stage speaks for the class by this method: every value is negative "
            "and was cut off.",
            "Look at a signed method.",
        )
    return "The score does not depend on this stage: every value is zero."
