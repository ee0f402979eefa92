"""Layers asked for with as little work as they can be."""

LEAST = {
    "occlusion": {"window_px": 32},
    "integrated-gradients": {"steps": 2},
    "smooth-grad": {"steps": 2},
    "field": {"probes": 2},
    "fields": {"probes": 1},
    "compare": {"other_reach": "window"},
    "attributions": {"methods": "layer-cam"},
    "faithfulness": {"methods": "layer-cam", "steps": 1},
}
"""Parameters that make the slow ones short."""
