"""Every sentence of the tab that compares two settings."""

from __future__ import annotations

TAB = "Compare"
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
