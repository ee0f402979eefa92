"""Every sentence of the page, in one place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from analysis.core.words import joined, say
from uniformer.config import ModelConfig

TITLE = "UniFormer Lens"

PHOTO = "Your picture"
REACH_NAMES = {"global": "Global", "hybrid": "Hybrid", "window": "Window"}
REACHES = {
    "global": "global reach",
    "hybrid": "hybrid reach, window {window}",
    "window": "window reach, window {window}",
}

RESEARCHER = "Researcher: every question, with all its parameters"

RESULT_GONE = "The server no longer holds this result: give it the picture again."
SERVER_FAILED = "Something went wrong on the server and nothing was changed: please try again."
NO_ROOM = "The server has no room for this file now: please try a smaller one, or later."
NO_GPU_TIME = (
    "This host lends GPUs for a few minutes a day, and yours are used up: choose the model nano, "
    "which needs none, or come back tomorrow."
)
NO_SUCH_EXAMPLE = "There is no such example: choose one of those shown."
NO_SUCH_FILE = "There is no such file to take away: choose one of those offered."

CREDITS_TITLE = "Example photographs: credits and licences"
ABOUT = (
    "UniFormer: Li et al., “UniFormer: Unifying Convolution and Self-attention for Visual "
    "Recognition”, [arXiv 2201.09450](https://arxiv.org/abs/2201.09450). Your picture goes "
    "to this page's own server and nowhere else."
)

# Gradio's own words for which it has no translation.
GRADIO = (
    "Upload file",
    "Capture from camera",
    "Paste from clipboard",
    "Click to upload or drop files",
    "Reset to default value",
    "Download",
    "Code input container",
    "Gradio footer navigation",
    "common.complete",
    "status.queue_position",
)

NO_WEIGHTS_ON_HUB = (
    "The weights of {model} could not be downloaded from the Hub, so the last result stays: choose "
    "another model, or give the page its checkpoint."
)
NO_WEIGHTS_AT_ALL = (
    "The weights of {model} are not on the Hugging Face Hub, so the last result stays: choose "
    "another model, or give the page its checkpoint."
)
WOULD_TAKE = (
    "This would take about {minutes} minutes here, and {given} are given: show the network a "
    "smaller picture, or choose a smaller model."
)
WOULD_TAKE_WITH = (
    "This would take about {minutes} minutes here, and {given} are given: ask for fewer {fewer}, "
    "show the network a smaller picture, or choose a smaller model."
)
TAKES_TOO_LONG = (
    "This would take about {seconds} seconds, and {given} are given: it was stopped after {done} "
    "of {total} steps. Ask for less, show the network a smaller picture, or choose a smaller model."
)
SHOWN_SMALLER = "Shown at {shown} pixels; files that you take away have all {whole}."
TOO_LARGE = (
    "This picture has {megapixels} million pixels and this page takes {limit}: make it smaller, or "
    "use python -m uniformer segment."
)

EXAMPLES = {
    each["name"]: (each["title"], each["alt"], each["credit"])
    for each in json.loads(
        (Path(__file__).parents[2] / "assets/examples/examples.json").read_text(encoding="utf-8")
    )
}
"""File name: title, what it shows, credit as in CREDITS.md."""


def no_weights(config: ModelConfig) -> str:
    """Return the sentence for a model whose weights cannot be had, though a result stays shown."""
    return say(NO_WEIGHTS_ON_HUB if config.hub else NO_WEIGHTS_AT_ALL, model=config.name)


def would_take(minutes: float, given: float, fewer: Sequence[str]) -> str:
    """Refuse a question before it begins; ``fewer`` are the parameters it could have less of."""
    times = {"minutes": f"{minutes:.0f}", "given": f"{given:.0f}"}
    if fewer:
        return say(WOULD_TAKE_WITH, **times, fewer=joined(fewer, " or "))
    return say(WOULD_TAKE, **times)


def too_large(megapixels: float, limit: float) -> str:
    """Return the sentence for a picture that the page will not hold."""
    shown = f"{limit:.10g}"
    for digits in range(3, 10):  # as many as it takes to see that it is more
        if (said := f"{megapixels:.{digits}g}") != shown:
            break
    return say(TOO_LARGE, megapixels=said, limit=shown)
