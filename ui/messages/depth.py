"""Every sentence of the tab on local and global affinity."""

from __future__ import annotations

TAB = "Depth"
TITLE = "Local vs global"
GRADE = "S · statistic"
SAYS = (
    "How far and how evenly every block and head looks, from the first convolution to the last "
    "attention. It says where weights lie on this one picture, not what the label rests on."
)
WHAT = "Measure"
WHATS = {
    "profile": "Distance and entropy",
    "representation": "Token similarity",
    "rollout": "Flow to the chosen pixel",
    "similarity": "Like the chosen pixel",
    "jacobian": "What moves the chosen pixel",
    "decoder-lens": "Labels after each block",
    "pruning": "Tokens kept",
}
WHAT_INFO = {
    "profile": (
        "Mean distance, entropy and mass near the token, for every block and head, beside what "
        "uniform weights would give."
    ),
    "representation": (
        "How alike the tokens of each block are, how alike the blocks, and of what rank; beside "
        "the same network with random weights."
    ),
    "rollout": (
        "Where the output of stage 4 around the pixel flows from, through attention and "
        "convolution down to the picture. A heuristic: no class enters."
    ),
    "similarity": (
        "Which tokens hold the same as the one at the pixel, stage by stage, and what varies most "
        "over all tokens. Alike does not mean looked at."
    ),
    "jacobian": (
        "How strongly each token moves the output of the last block of stage 3 at the pixel: whole "
        "block, affinity alone, position encoding. An infinitely small change, in this picture."
    ),
    "decoder-lens": (
        "What the decoder would read if the network ended after each block, all later ones left "
        "out: from which block on the chosen pixel and the picture are as they end."
    ),
    "pruning": (
        "Which tokens passed through each block of stages 3 and 4. Only the Light models, XXS and "
        "XS, drop some: those that their class token attends to least."
    ),
}
NULLS = "Also random weights and shuffled pixels (seven times as long)"
BESIDE = "Beside it"
BESIDE_NONE = "nothing"
BESIDES = {"global": "global reach", "hybrid": "hybrid reach", "window": "window reach"}
