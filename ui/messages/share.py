"""Every sentence of the tab on what can be taken away."""

from __future__ import annotations

TAB = "Take away"
REPORT = "Interactive report"
REPORT_SAYS = (
    "One HTML file with the workbench for this picture: its labels, and every row and probability "
    "under the pointer. It works from the disk with no server and no network, and carries the "
    "hashes of picture and weights with all settings."
)
REPORT_GET = "Make the report"
LINK = "A link to this"
LINK_SAYS = "It restores example, model, reach and pixel. The pixel is the one marked."
COPY = "Copy"
LINK_NONE = (
    "A picture or model of your own stays on this server only for a while, so there is no link to "
    "it: take the report instead."
)
PYTHON = "The same in Python"
PYTHON_SAYS = "Every answer on this page has its own program below its figure; this is the start."
SITE = "A page of your own for many pictures"
