"""Every sentence of the tab that compares two settings."""

from __future__ import annotations

TAB = "Compare"
TITLE = "Two settings side by side"
GRADE = "E · exact"
SAYS = (
    "The same picture labelled in two settings, where the labels differ, and how well each class "
    "agrees. It shows that they differ, not which one is right."
)
MODEL = "Other model"
SAME_MODEL = "the same"
WEIGHTS = "Its weights"
TRAINED = "as they come"
UNTRAINED = "random"
REACH = "Its reach"
WINDOW = "Its window size"
SAME = "the same"
UNTRAINED_TITLE = "random weights"
NOT_FETCHED = "The weights of the other model were not fetched: nothing was compared."
NO_PIXELS = "A classifier labels no pixels to compare here: choose a segmenter."
PAIR = {
    "stage": (
        "The picture in one of two settings, with one probe for both. Arrow keys move it by one "
        "token of stage 1, with Shift of stage 3. Plus and minus zoom, 0 resets the zoom."
    ),
    "says": (
        "One probe for both: move it over either picture and read both. Attention is that of the "
        "last block, mean over its heads, with the window it is confined to."
    ),
    "show": "Show",
    "labels": "Labels",
    "differences": "Differences",
    "stage3": "Attention of stage 3",
    "stage4": "Attention of stage 4",
    "agree": "Both say the same here.",
    "differ": "They differ here.",
}
