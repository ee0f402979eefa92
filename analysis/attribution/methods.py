"""The attribution methods on offer: what each one answers, how far to trust it, how to run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from torch import Tensor

from analysis.attribution.finding import Finding
from analysis.attribution.gradients import integrated_gradients, smooth_grad
from analysis.attribution.layers import Cam, Product, class_activation, signed_activation
from analysis.attribution.occlusion import connected_segments, occlusion, segment_ablation
from analysis.core.errors import AnalysisError
from analysis.core.evidence import Grade
from analysis.core.progress import Work
from analysis.core.targets import SCORE_UNITS, RegionScore, Score
from analysis.core.words import Said, say
from analysis.faithfulness.deletion_insertion import Replacement, replacement_of
from uniformer.heads import resize_bilinear

MAX_STEPS = 1024


@dataclass(frozen=True)
class AttributionSettings:
    """How finely a method looks, and what it hides things behind.

    ``baseline`` is the picture without the evidence: blurred, or its mean colour. ``steps`` counts
    the points of integrated gradients, ``samples`` the noisy pictures of SmoothGrad, drawn from
    ``seed``. ``window_px`` and ``stride_px`` are those of occlusion, in pixels of the network's
    input; None stands for an eighth of the short side and half a window.
    """

    baseline: Replacement = "blur"
    steps: int = 16
    samples: int = 16
    seed: int = 0
    window_px: int | None = None
    stride_px: int | None = None

    def __post_init__(self) -> None:
        if self.baseline not in get_args(Replacement):
            raise AnalysisError(f"The baseline must be blur or mean, not {self.baseline!r}.")
        for name in ("steps", "samples"):
            if not 1 <= getattr(self, name) <= MAX_STEPS:
                raise AnalysisError(f"The number of {name} must be from 1 to {MAX_STEPS}.")

    def window(self, x: Tensor) -> tuple[int, int]:
        """Return side and step of the windows that hide parts of an input (1, 3, h, w)."""
        side = max(1, min(x.shape[-2:]) // 8) if self.window_px is None else self.window_px
        return side, max(1, side // 2) if self.stride_px is None else self.stride_px


@dataclass(frozen=True)
class AttributionInputs:
    """What a method is given: the score, the network's input, and what is known of it already.

    ``maps`` are the normed maps of the stages for the input ``x`` (1, 3, h, w), ``logits`` what the
    decoder makes of them. The model of ``score`` is private to the question.
    """

    score: RegionScore
    x: Tensor
    maps: tuple[Tensor, ...]
    logits: Tensor
    stage: int
    settings: AttributionSettings

    @property
    def baseline(self) -> Tensor:
        """The input without the evidence, as chosen in the settings."""
        return replacement_of(self.x, self.settings.baseline)


@dataclass(frozen=True)
class Method:
    """A method and how to read it; ``run`` yields progress and then a finding.

    ``unit`` says what a value counts, with {score} for the score's own unit, ``scale_words`` what
    its colours mean. ``uses_stage`` is whether it looks at the map of a stage, ``about_class``
    whether its map depends on the class.
    """

    title: str
    description: str
    misleads: str
    grade: Grade
    signed: bool
    unit: str
    cost: str
    run: Callable[[AttributionInputs], Work[Finding]]
    scale_words: str
    uses_stage: bool = False
    about_class: bool = True

    def unit_of(self, score: Score) -> Said:
        """Return what a value of the map counts when ``score`` is explained."""
        return say(self.unit, score=SCORE_UNITS[score])


def _cam(kind: Cam) -> Callable[[AttributionInputs], Work[Finding]]:
    return lambda ask: class_activation(ask.score, ask.maps, ask.stage, kind)


def _product(kind: Product) -> Callable[[AttributionInputs], Work[Finding]]:
    return lambda ask: signed_activation(ask.score, ask.maps, ask.stage, kind)


def _segments(ask: AttributionInputs) -> Work[Finding]:
    labels = resize_bilinear(ask.logits, ask.x.shape[-2:])[0].argmax(dim=0)
    segments = connected_segments(labels.cpu().numpy())
    return segment_ablation(ask.score, ask.x, ask.baseline, segments)


FOR_AND_AGAINST = "red speaks for it, blue against it"
SPEAKS_FOR = "the brighter, the more it speaks for it"
DECODER_PASS = "one pass of the decoder, forward and back"
TOKEN_UNIT = "gradient x activation, {score} per token"
MIXES_PLACES = "The mean gradient mixes places: a small region lights up look-alikes anywhere."
STAGE_LIMIT = "It sees what one stage gives the decoder, not where that stage had it from."

METHODS: dict[str, Method] = {
    "integrated_gradients": Method(
        title="Integrated gradients",
        description="Each pixel's share of the score's change from the baseline to the picture.",
        misleads="The shares depend on the baseline; a pixel equal to it gets none. Where they "
        "miss more than 1 % of the change they are a heuristic.",
        grade="exact",
        signed=True,
        unit="share of the score's change, {score} per input pixel",
        cost="one pass forward and back per step, up to 8 times as many where the shares miss",
        run=lambda ask: integrated_gradients(ask.score, ask.x, ask.baseline, ask.settings.steps),
        scale_words=FOR_AND_AGAINST,
    ),
    "occlusion": Method(
        title="Occlusion",
        description="How far the score falls when a window shows the baseline instead.",
        misleads="Hiding the region itself always matters, and evidence given twice never does.",
        grade="causal",
        signed=True,
        unit="fall of the score when hidden, {score}",
        cost="one pass per window",
        run=lambda ask: occlusion(ask.score, ask.x, ask.baseline, *ask.settings.window(ask.x)),
        scale_words=FOR_AND_AGAINST,
    ),
    "segment_ablation": Method(
        title="Ablation of segments",
        description="How far the score falls when a predicted segment shows the baseline instead.",
        misleads="Large segments fall further; the segments are the model's own and may be wrong.",
        grade="causal",
        signed=True,
        unit="fall of the score when hidden, {score}",
        cost="one pass per predicted segment, 40 at most",
        run=_segments,
        scale_words=FOR_AND_AGAINST,
    ),
    "smooth_grad": Method(
        title="SmoothGrad",
        description="How strongly the score reacts to a pixel's colour, on average under noise.",
        misleads="A sensitivity, not a share: strong where a small change would matter.",
        grade="statistic",
        signed=False,
        unit="{score} per unit of normalised colour",
        cost="one pass forward and back per noisy picture",
        run=lambda ask: smooth_grad(ask.score, ask.x, ask.settings.samples, ask.settings.seed),
        scale_words="the brighter, the further a small change moves it",
    ),
    "gradient_x_activation": Method(
        title="Gradient x activation",
        description="What each token of a stage adds to the score, to first order.",
        misleads=STAGE_LIMIT,
        grade="heuristic",
        signed=True,
        unit=TOKEN_UNIT,
        cost=DECODER_PASS,
        run=_product("LayerGradientXActivation"),
        scale_words=FOR_AND_AGAINST,
        uses_stage=True,
    ),
    "signed_grad_cam": Method(
        title="Grad-CAM, signed",
        description="Channels weighed by their mean gradient: what speaks for it or against.",
        misleads=MIXES_PLACES,
        grade="heuristic",
        signed=True,
        unit=TOKEN_UNIT,
        cost=DECODER_PASS,
        run=_product("LayerGradCam"),
        scale_words=FOR_AND_AGAINST,
        uses_stage=True,
    ),
    "grad_cam": Method(
        title="Grad-CAM",
        description="Channels weighed by their mean gradient: what speaks for the class.",
        misleads=MIXES_PLACES,
        grade="heuristic",
        signed=False,
        unit=TOKEN_UNIT,
        cost=DECODER_PASS,
        run=_cam("GradCAM"),
        scale_words=SPEAKS_FOR,
        uses_stage=True,
    ),
    "grad_cam_plus_plus": Method(
        title="Grad-CAM++",
        description="Grad-CAM with weights from positive gradients only, by their higher powers.",
        misleads="Its weights assume activations that are never negative; normed maps are.",
        grade="heuristic",
        signed=False,
        unit=TOKEN_UNIT,
        cost=DECODER_PASS,
        run=_cam("GradCAMPlusPlus"),
        scale_words=SPEAKS_FOR,
        uses_stage=True,
    ),
    "layer_cam": Method(
        title="LayerCAM",
        description="Each token's activations weighed by their own positive gradients.",
        misleads=f"Negative gradients are ignored. {STAGE_LIMIT}",
        grade="heuristic",
        signed=False,
        unit=TOKEN_UNIT,
        cost=DECODER_PASS,
        run=_cam("LayerCAM"),
        scale_words=SPEAKS_FOR,
        uses_stage=True,
    ),
    "hires_cam": Method(
        title="HiResCAM",
        description="The positive part of gradient x activation, token by token.",
        misleads=STAGE_LIMIT,
        grade="heuristic",
        signed=False,
        unit=TOKEN_UNIT,
        cost=DECODER_PASS,
        run=_cam("HiResCAM"),
        scale_words=SPEAKS_FOR,
        uses_stage=True,
    ),
    "eigen_cam": Method(
        title="EigenCAM",
        description="The first principal component of a stage's map, whatever the class.",
        misleads="It explains no class; its sign is set so that the region is positive.",
        grade="heuristic",
        signed=True,
        unit="activation along the first principal component",
        cost="one pass of the decoder and a singular value decomposition",
        run=_cam("EigenCAM"),
        scale_words="red is like the region, blue unlike it",
        uses_stage=True,
        about_class=False,
    ),
}
"""In the order in which to show them: what can be trusted most comes first."""
