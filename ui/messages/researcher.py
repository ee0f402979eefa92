"""The words of the tab that has every question with every parameter."""

from __future__ import annotations

TAB = "All questions"
TITLE = "Every question, with everything it takes"
SAYS = (
    "The same questions, names and defaults as on the command line and over REST and MCP. What is "
    "left blank is chosen by default. How far an answer can be trusted stands with the answer."
)
GRADE = "by answer"
QUESTION = "Question"
WHERE = "Where"
WHAT = "What"
HOW = "How"
PAINT = "Paint a region"
PAINT_INFO = "It is what is asked about where the region is mask, and what is hidden in a what-if."
EDITOR = "Paint the region"
