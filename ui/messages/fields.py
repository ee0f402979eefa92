"""Every sentence of the tab on receptive fields."""

from __future__ import annotations

TAB = "Fields"
TITLE = "Receptive fields"
GRADE = "S · statistic"
SAYS = (
    "Which pixels can move the units at the chosen pixel at all (white box), and how strongly each "
    "does in this picture (heat). It shows sensitivity, not what speaks for a class."
)
COMPARE = "Measure as well"
COMPARES = {"reaches": "the other reaches, same weights", "untrained": "random weights"}
PEERS = "Other networks"
PEERS_INFO = (
    "With pretrained weights if this server can fetch them, else random ones: each map says which."
)
PROBES = "Most random probes"
PROBES_INFO = (
    "They end as soon as every side is known to within 10 % or 2 pixels of the network's input."
)
