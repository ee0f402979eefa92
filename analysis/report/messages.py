"""Every sentence of the lens and the viewer; page and report say the same."""

from __future__ import annotations

VIEWER = {
    "stage": "The picture under its labels. Arrow keys move the probe, with Shift ten pixels.",
    "show": "Show",
    "show_labels": "Labels",
    "show_confidence": "Confidence",
    "show_entropy": "Entropy",
    "show_margin": "Margin",
    "says_labels": "The most probable class of every pixel, always one that the model knows.",
    "says_confidence": (
        "Probability of the predicted class. A network can be sure and wrong: it is no measure of "
        "being right."
    ),
    "says_entropy": (
        "How evenly the probability is spread over all classes, in percent of the most there can "
        "be: high where the network cannot tell."
    ),
    "says_margin": (
        "Probability of the predicted class less that of the runner-up: low along borders and "
        "where two classes compete."
    ),
    "opacity": "Opacity",
    "divide": "Before | after",
    "safe": "Colours for any colour vision",
    "safe_hint": (
        "The seven largest classes get colours that are told apart with any colour vision, the "
        "others greys. Files keep the classes' own colours."
    ),
    "legend": "Classes by area",
    "isolate": "“Sure” is the mean confidence. Choose a class to see it alone.",
    "show_all": "Show all",
    "downloads": "Take away",
    "sure": "sure",
    "class_number": "class",
    "credit": "Photo:",
}

LENS = {
    "stage": (
        "Probe. Arrow keys move it by one token of stage 1, with Shift of stage 3. Enter asks for "
        "exact values, P pins, plus and minus zoom, 0 resets the zoom."
    ),
    "block": "Block",
    "head": "Head",
    "count_hint": (
        "Blocks and heads count from 0, as in the weights: block 5 of stage 3 is blocks3.5."
    ),
    "mean": "mean",
    "stage_short": "Stage",
    "first": "first",
    "last": "last",
    "pixel": "pixel",
    "exact": "exact",
    "quick": "quick",
    "exact_hint": "More digits, from the server; moving the probe returns to the quick answer.",
    "quick_hint": (
        "Numbers are right to every digit shown; maps are drawn from 8 bits a weight, within 0.4 % "
        "of the row's peak. Click for more digits."
    ),
    "click": "Click or press Enter for exact values",
    "pin": "Pin",
    "zoom_in": "Zoom in",
    "zoom_out": "Zoom out",
    "zoom_reset": "Whole picture",
    "scale": "times even weight",
    "local_hint": "local",
    "global_hint": "global · self-attention",
    "kernel": "Kernel",
    "kernel_hint": "same everywhere",
    "contribution": "Contribution",
    "contribution_hint": "at this pixel, %",
    "distance": "Mean distance",
    "distance_hint": "Between centres of tokens, weighted, in pixels of the picture.",
    "even": "even",
    "entropy": "Entropy",
    "entropy_hint": "0: one token has all the weight. 1: all have the same.",
    "near": "Within 5 × 5",
    "near_hint": "Share of the weight on the square of 5 by 5 tokens around the probe.",
    "padding": "On padding",
    "padding_hint": (
        "Windows that reach beyond the picture are filled with zeros, and these take weight too."
    ),
    "composition": "Falls on",
    "whose": "Numbers: head by head, then averaged. Map and classes: the heads' mean row.",
    "whose_hint": (
        "Heads that each look at one place, every head at another, have a low entropy; their mean "
        "row has a high one. Questions, files and reports say the former, as here."
    ),
    "waiting": "Fetching this block …",
    "pins": "Pinned probes",
    "pins_hint": "Mean distance · entropy · within 5 × 5, for the blocks and heads above",
    "unpin": "Remove pin",
    "here": "Probe",
    "keys": "Arrow keys move · Enter exact · P pin · + and - zoom · 0 whole picture",
}

_LOCAL = (
    "What each of the 25 neighbours adds to this block's output here: exact, but no reason for the "
    "label. The block sees nothing else."
)

PANELS = [
    {"stage": 1, "local": True, "grade": "E", "says": _LOCAL},
    {"stage": 2, "local": True, "grade": "E", "says": _LOCAL},
    {
        "stage": 3,
        "local": False,
        "grade": "E",
        "says": (
            "Where this token looks in this block. Exact weights, but a weight is not a reason: "
            "the label need not change if the place is hidden."
        ),
    },
    {
        "stage": 4,
        "local": False,
        "grade": "E",
        "says": (
            "The same in the last stage, always over the whole picture, in squares of 32 pixels of "
            "the network's input. Not a reason for the label either."
        ),
    },
]

GRADES = {"E": "Exact: an identity of the computation"}

REPORT = {
    "segment": "Segment",
    "lens": "Lens",
    "settings": "Settings",
    "settings_says": "All that this page depends on; the same settings give the same page.",
    "again": "Make it again",
    "about": (
        "This file is complete: it asks no server, and the lens answers every probe from what is "
        "in it. UniFormer: Li et al., “UniFormer: Unifying Convolution and "
        "Self-attention for Visual Recognition”, arXiv 2201.09450."
    ),
    "all": "All pictures",
    "site": "UniFormer Lens",
    "site_says": "Pictures labelled by UniFormer: open one and point at a pixel to see why.",
}

# Where nobody can be asked for exact values, nor for what was left out.
LENS_ALONE = LENS | {
    "stage": (
        "Probe. Arrow keys move it by one token of stage 1, with Shift of stage 3. P pins, plus "
        "and minus zoom, 0 resets the zoom."
    ),
    "quick_hint": (
        "Numbers are right to every digit shown; maps are drawn from 8 bits a weight, within 0.4 % "
        "of the row's peak."
    ),
    "waiting": "This block was left out of the file",
    "keys": "Arrow keys move · P pin · + and - zoom · 0 whole picture",
}
