"""Hide a region of the picture: the intervention that needs no access to the network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

import cv2
import numpy as np

from analysis.core.activation_cache import Trace
from analysis.core.checks import check_region
from analysis.core.errors import AnalysisError
from analysis.core.words import percent, say
from analysis.interventions.elsewhere import moved_elsewhere

BLUR = 0.05
"""Standard deviation of the blur, as a share of the picture's short side."""

INPAINT_RADIUS_PX = 3


@dataclass(frozen=True)
class HideRegion:
    """Hide ``region`` (H, W) of the picture, a brushed area or a predicted segment.

    ``fill`` "blur" keeps its rough colours, "mean" paints it with the mean colour of the picture,
    "inpaint" carries its surroundings inwards (Telea 2004, by OpenCV; slow for large regions). No
    fill is neutral: each is a picture of something, often with an edge, so compare two of them.
    ``filling`` is what blur or mean shows, known already: controls share what one picture gave.
    """

    scaled: ClassVar[bool] = True
    """Whether its controls must be as large; see :mod:`analysis.interventions.base`."""

    region: np.ndarray
    fill: Literal["blur", "mean", "inpaint"] = "blur"
    filling: np.ndarray | None = field(default=None, compare=False, repr=False)

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
        share = percent(np.count_nonzero(self.region) / self.region.size, 1)
        return {
            "blur": say("{share}% of the picture blurred", share=share),
            "mean": say("{share}% of the picture in the mean colour", share=share),
            "inpaint": say("{share}% of the picture inpainted", share=share),
        }[self.fill]

    def hide(self, picture: np.ndarray) -> np.ndarray:
        """Return ``picture``, uint8 RGB (H, W, 3), with the region hidden."""
        check_region(self.region, picture.shape[:2])
        if self.fill == "inpaint":
            mask: np.ndarray = self.region.astype(np.uint8)
            return cv2.inpaint(picture, mask, INPAINT_RADIUS_PX, cv2.INPAINT_TELEA)
        filling = self._filling(picture) if self.filling is None else self.filling
        return np.where(self.region[..., None], filling, picture)

    def controls(
        self, trace: Trace, rng: np.random.Generator, count: int, picture: np.ndarray | None = None
    ) -> list[Self]:
        """Return regions of equal area and shape elsewhere, hidden the same way.

        With the ``picture``, those whose colours change as much, except where they are inpainted:
        what that would show elsewhere is known only once it is done.
        """
        filling = change = None
        if picture is not None and self.fill != "inpaint":
            filling = self._filling(picture)
            change = ((filling - picture.astype(np.float64)) ** 2).sum(axis=-1)
        places = moved_elsewhere(self.region, rng, count, change)
        return [replace(self, region=place, filling=filling) for place in places]

    def overlap(self, control: Self, trace: Trace) -> float:
        """Return which share of the region that it hides ``control`` hides too, 0 to 1."""
        return float(control.region[self.region].mean())

    def _filling(self, picture: np.ndarray) -> np.ndarray:
        if self.fill == "blur":
            return cv2.GaussianBlur(picture, (0, 0), BLUR * min(self.region.shape))
        return picture.mean(axis=(0, 1)).round().astype(np.uint8)


def picture_change_size(shown: np.ndarray, picture: np.ndarray) -> float:
    """Return the length of the change from ``picture`` to what is ``shown`` instead.

    Both are uint8 RGB (H, W, 3). It is a share of the length of the picture's contrast, 0 or more.
    """
    values: np.ndarray = picture.astype(np.float64)
    contrast = float(np.linalg.norm(values - values.mean(axis=(0, 1))))
    return float(np.linalg.norm(shown - values) / max(contrast, 1.0))
