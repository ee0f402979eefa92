"""Every sentence of the tab on interventions."""

from __future__ import annotations

TAB = "What if"
TITLE = "What if one thing were taken away?"
INTRO = (
    "One thing is taken away, the network runs again, and the labels are compared: causal "
    "evidence for this picture. What several random changes of the same size do stands beside it. "
    "It says that something was used, not that nothing else could have stood in for it."
)
INTRO_GRADE = "C · causal, by intervention"

KIND = "What if"
STAGE = "Stage"
BLOCK = "Block"
HEAD = "Head"
ALL = "all"
SIZE = "Size"
SIZE_INFO = "0: as suggested."
FILL = "Shown instead"
FILLS = {"blur": "Blurred picture", "mean": "Mean colour", "inpaint": "Continued surroundings"}
PADDED = "Zero padding, as published"
PAINT = "Paint what is hidden, instead of hiding it at the pixel"
PAINT_INFO = "The pixel's segment is still what is watched."
EDITOR = "Paint what is hidden"
ASK = "Take it away"

# kind: (what if ..., in plain words, the choices it has)
KINDS = {
    "hide-region": (
        "… a square around the pixel were hidden",
        "The picture shows something else there: does the label survive on its surroundings? The "
        "size is the side of the square in pixels of the picture.",
        ("size", "fill", "paint"),
    ),
    "hide-segment": (
        "… the whole segment were hidden",
        "The predicted segment at the pixel is covered. Which labels elsewhere leaned on it?",
        ("fill", "paint"),
    ),
    "hide-tokens": (
        "… no token could look at the segment",
        "The picture stays as it is, but attention of the stage gives the segment no weight.",
        ("stage", "block", "paint"),
    ),
    "silence-head": (
        "… a head were silent",
        "What the head adds to its block is taken out.",
        ("stage", "block", "head"),
    ),
    "mean-head": (
        "… a head said the same everywhere",
        "Its output is replaced by its mean over the picture: gone is what differs by place.",
        ("stage", "block", "head"),
    ),
    "window": (
        "… attention were confined to windows",
        "Tokens see their own window only, on the same weights; the size is its side in tokens.",
        ("stage", "block", "size", "padded"),
    ),
    "neighbourhood": (
        "… attention saw near tokens only",
        "Each token sees a square around itself; the size is its radius in tokens.",
        ("stage", "block", "size"),
    ),
    "drop-position": (
        "… the position convolution were gone",
        "Nothing tells tokens what lies beside them before they attend.",
        ("stage", "block"),
    ),
    "freeze-position": (
        "… the position convolution said the same everywhere",
        "It is replaced by its mean over the picture.",
        ("stage", "block"),
    ),
    "centre-tap": (
        "… local affinity saw the token alone",
        "Of the 5 by 5 kernel of stage 1 or 2 only the middle is left.",
        ("stage", "block"),
    ),
    "drop-block": (
        "… a block were skipped",
        "Its input is passed on as it is.",
        ("stage", "block"),
    ),
    "head-sweep": (
        "… each head were silent, one after another",
        "Which heads does the class at the pixel rest on? One run per head.",
        (),
    ),
    "radius-curve": (
        "… attention reached less and less far",
        "How far must stages 3 and 4 see? One run per radius, each with random controls.",
        (),
    ),
    "reach-cost": (
        "… stage 3 had windows of each size",
        "What each reach would change on these weights, beside how many keys it needs.",
        (),
    ),
}

NOTHING_PAINTED = "Nothing is painted yet: paint what is to be hidden, or hide it at the pixel."
