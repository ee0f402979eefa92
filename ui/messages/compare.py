"""Every sentence of the tab that compares two settings."""

from __future__ import annotations

TAB = "Compare"
TITLE = "Two settings side by side"
GRADE = "E · exact"
SAYS = (
    "The same picture labelled in two settings, where the labels differ, and how well each class "
    "agrees. It shows that they differ, not which one is right. To see both under one pointer, "
    "choose “Compare” above the picture."
)
MODEL = "Other model"
SAME_MODEL = "the same"
WEIGHTS = "Its weights"
TRAINED = "as they come"
UNTRAINED = "random"
REACH = "Its reach"
WINDOW = "Its window size"
SAME = "the same"
NOT_FETCHED = "The weights of the other model were not fetched: nothing was compared."
