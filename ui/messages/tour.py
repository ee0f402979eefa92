"""Every sentence of the guided tour, and what to cite."""

from __future__ import annotations

import html

from ui.messages.questions import STEP
from uniformer.config import Reach

TITLE = "Guided tour"
BACK = "Back"
NEXT = "Next"
START = "Start the tour"

# title, text, tab, reach of stage 3, pixel of the first example
STEPS: tuple[tuple[str, str, str, Reach, tuple[int, int] | None], ...] = (
    (
        "Every pixel gets a class",
        "The network names what is at each pixel of the picture of the pagoda. Point at it: the "
        "name and its probability follow. Where neighbours differ, look at how sure it is.",
        "segment", "global", None,
    ),
    (
        "Local affinity: stages 1 and 2",
        "The probe is on the edge of a roof. The first two stages mix each token with the 5 by 5 "
        "around it only: the kernel is the same at every place, what it brings here is not.",
        "lens", "global", (262, 98),
    ),
    (
        "Global affinity: stages 3 and 4",
        "The probe is on the tower. From stage 3 on a token may look anywhere: the map shows where "
        "its attention lies, beside what even attention would be. A weight is not a reason.",
        "lens", "global", (225, 205),
    ),
    (
        "Reach: the same weights, seeing less",
        "Stage 3 now looks within windows, on the same weights. What lies beyond the frame around "
        "the probe can no longer be seen: compare distance and labels with the step before.",
        "lens", "window", (225, 205),
    ),
    (
        "Receptive field",
        "What could reach a unit at all, and what did: the theoretical box against the gradient "
        "that arrives. Here for the pixel on the tower; press Analyse.",
        "fields", "global", (225, 205),
    ),
    (
        "Why this class?",
        "Which parts of the picture the class at the pixel rests on, by a method that says how it "
        "can mislead. Then check it: take away what the map marks, or scramble the weights.",
        "why", "global", (225, 205),
    ),
)  # fmt: skip

CITE_TITLE = "What to cite"
CITE_SAYS = "Please cite the papers of the model and of the methods you use."
CITE = """\
- UniFormer: K. Li, Y. Wang, J. Zhang, P. Gao, G. Song, Y. Liu, H. Li, Y. Qiao, "UniFormer: Unifying
  Convolution and Self-attention for Visual Recognition", [arXiv 2201.09450](https://arxiv.org/abs/2201.09450)
- Effective receptive field: Luo et al., [arXiv 1701.04128](https://arxiv.org/abs/1701.04128)
- Attention rollout: Abnar and Zuidema, [arXiv 2005.00928](https://arxiv.org/abs/2005.00928)
- Integrated gradients: Sundararajan et al., [arXiv 1703.01365](https://arxiv.org/abs/1703.01365)
- Grad-CAM: Selvaraju et al., [arXiv 1610.02391](https://arxiv.org/abs/1610.02391)
- Deletion and insertion (RISE): Petsiuk et al., [arXiv 1806.07421](https://arxiv.org/abs/1806.07421)
- Sanity checks: Adebayo et al., [arXiv 1810.03292](https://arxiv.org/abs/1810.03292)
"""


def step(number: int) -> str:
    """Return the text of a step as HTML."""
    title, says, *_ = STEPS[number]
    at = STEP.format(done=number + 1, total=len(STEPS))
    return f"<p><b>{at} · {html.escape(title)}</b> {html.escape(says)}</p>"
