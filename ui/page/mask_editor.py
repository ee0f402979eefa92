"""A region painted with a brush: the editor to paint it in, and the mask it stands for."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from analysis.report.packing import size_within
from ui.host.inside_gradio import bound_paintings
from ui.service.actions import Actions
from ui.service.selection import Selection

MAX_SIDE = 768
"""Longest side, in pixels, of the picture that is painted on; masks have the picture's own size."""

MOST_PAINTINGS, MOST_LAYERS = 32, 8
"""Paintings on their way to an event, of all visitors together, and layers of each."""

COLOR = "#ffb000"


def mask_editor(label: str, name: str) -> gr.ImageEditor:
    """Add an editor with a brush and an eraser, hidden until there is something to paint on."""
    editor = gr.ImageEditor(
        label=label,
        type="numpy",
        format="png",
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(colors=[COLOR], color_mode="fixed", default_size=24),
        eraser=gr.Eraser(default_size=24),
        buttons=[],
        visible=False,
        elem_id=name,
    )
    bound_paintings(editor, Paintings(), MOST_LAYERS)
    return editor


class Paintings(OrderedDict):
    """What browsers send of paintings until their event arrives; the oldest go first.

    Gradio keeps all of it in memory, under whatever name it is sent.
    """

    def __setitem__(self, name: str, painting: Any) -> None:
        super().__setitem__(name, painting)
        self.move_to_end(name)
        while len(self) > MOST_PAINTINGS:
            self.popitem(last=False)


def picture_to_paint(actions: Actions, selection: Selection) -> np.ndarray:
    """Return the picture, small enough to be painted on smoothly, uint8 (H, W, 3)."""
    picture = actions.stored(selection).result.picture
    size = size_within(picture.shape[1], picture.shape[0], MAX_SIDE)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def mask_of(painted: dict[str, Any] | None, shape: tuple[int, int]) -> np.ndarray | None:
    """Return where anything was painted as bool of ``shape`` (H, W), None where nothing was.

    ``painted`` is the editor's value: its layers are RGBA, clear where nothing was painted.
    """
    layers = [] if painted is None else painted["layers"]
    alphas = [layer[..., 3] for layer in layers if layer is not None]
    if not alphas or not any(alpha.any() for alpha in alphas):
        return None
    mask = Image.fromarray(np.max(alphas, axis=0))
    return np.asarray(mask.resize(shape[::-1], Image.Resampling.NEAREST)) > 0
