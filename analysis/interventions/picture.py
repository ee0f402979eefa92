"""Hide a region of the picture: the intervention that needs no access to the network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from analysis.core.activation_cache import Trace
from analysis.core.checks import check_region
from analysis.core.errors import AnalysisError
from analysis.interventions.base import moved_elsewhere

BLUR = 0.05
"""Standard deviation of the blur, as a share of the picture's short side."""

INPAINT_RADIUS_PX = 3


@dataclass(frozen=True)
class HideRegion:
    """Hide ``region`` (H, W) of the picture, a brushed area or a predicted segment.

    ``fill`` "blur" keeps its rough colours, "mean" paints it with the mean colour of the picture,
    "inpaint" carries its surroundings inwards (Telea 2004, by OpenCV; slow for large regions). No
    fill is neutral: each is a picture of something, often with an edge, so compare two of them.
    """

    region: np.ndarray
    fill: Literal["blur", "mean", "inpaint"] = "blur"

    def __post_init__(self) -> None:
        if self.fill not in ("blur", "mean", "inpaint"):
            raise AnalysisError(f"A region is hidden by blur, mean or inpaint, not {self.fill!r}.")
        check_region(self.region, np.shape(self.region))
        if self.fill == "inpaint" and self.region.all():
            raise AnalysisError(
                "The region is the whole picture: nothing is left to inpaint it from."
            )

    def describe(self) -> str:
        """Return what is done, in a few words."""
        share = np.count_nonzero(self.region) / self.region.size
        words = {"blur": "blurred", "mean": "in the mean colour", "inpaint": "inpainted"}
        return f"{share:.1%} of the picture {words[self.fill]}"

    def hide(self, picture: np.ndarray) -> np.ndarray:
        """Return ``picture``, uint8 RGB (H, W, 3), with the region hidden."""
        check_region(self.region, picture.shape[:2])
        if self.fill == "inpaint":
            mask = self.region.astype(np.uint8)
            return cv2.inpaint(picture, mask, INPAINT_RADIUS_PX, cv2.INPAINT_TELEA)
        if self.fill == "blur":
            filling = cv2.GaussianBlur(picture, (0, 0), BLUR * min(self.region.shape))
        else:
            filling = picture.mean(axis=(0, 1)).round().astype(np.uint8)
        return np.where(self.region[..., None], filling, picture)

    def control(self, trace: Trace, rng: np.random.Generator) -> HideRegion:
        """Return a region of equal area and shape elsewhere, hidden the same way."""
        return replace(self, region=moved_elsewhere(self.region, rng))
