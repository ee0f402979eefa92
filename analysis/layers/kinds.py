"""The registry of layers, made from the registries of questions, methods and interventions.

A method added to :data:`analysis.attribution.methods.METHODS` or a question added to
:data:`analysis.questions.QUESTIONS` is here by itself. ``seconds`` are about what
the bundled model takes for the first example: enough to say whether one waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from analysis.affinity.pruning import PRUNING_STAGES
from analysis.attribution.methods import METHODS, Method
from analysis.layers.placing import (
    Placing,
    attribution_place,
    cosine_scale,
    depth_place,
    effect_place,
    field_place,
    kept_place,
    labels_place,
    norm_scale,
    pixels_place,
    profile_place,
    radius_place,
    reach_place,
    row_place,
    stage_map_place,
    table_place,
)
from analysis.questions import QUESTIONS
from analysis.questions.explaining import METHOD_NAMES
from analysis.questions.parameters import Parameter, parameters_of, summary_of
from analysis.receptive_field.networks.comparison import LOGITS

Group = Literal["stages", "field", "why", "whatif", "research"]

LayerRegion = Literal["pixel", "segment", "class", "mask", "picture"]

PLACES: tuple[LayerRegion, ...] = ("segment", "pixel", "class", "mask")
PIXEL: tuple[LayerRegion, ...] = ("pixel",)
PICTURE: tuple[LayerRegion, ...] = ("picture",)

ASKED_ANYWAY = ("x", "y", "region", "label", "against", "short_side", "reach")
"""Parameters of questions that the selection on the page says, or the setting of the picture."""


@dataclass(frozen=True)
class LayerKind:
    """A layer that can be asked for: a question with some parameters ``fixed``, and its place.

    ``help`` explains it in one line, ``misleads`` says how it can mislead. Of the question's other
    parameters it offers those ``named``, with ``defaults`` of its own and only the ``choices`` that
    it can place, and ``extra`` ones that only its placing reads. ``regions`` are what it can be
    about, the first unless told otherwise. One that is ``live`` shows something after the first of
    its steps, about as long as one pass.
    """

    id: str
    group: Group
    title: str
    help: str
    misleads: str
    question: str
    place: Placing
    regions: tuple[LayerRegion, ...]
    seconds: float
    live: bool = False
    against: bool = False
    named: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    extra: tuple[Parameter, ...] = ()

    @property
    def parameters(self) -> list[Parameter]:
        """What can be chosen besides the place and the class."""
        known = {each.name: each for each in parameters_of(QUESTIONS[self.question])}
        return [
            replace(
                known[name],
                default=self.defaults.get(name, known[name].default),
                choices=self.choices.get(name, known[name].choices),
                optional=known[name].optional and name not in self.defaults,
            )
            for name in self.named
        ] + list(self.extra)


STAGE_SHOWN = Parameter("stage", int, "stage whose map is shown, 1 to 4", 4, False, None)
STAGE_PRUNED = Parameter(
    "stage", int, "stage whose tokens are shown, 3 or 4", PRUNING_STAGES[0], False, PRUNING_STAGES
)
BLOCK_PRUNED = Parameter(
    "block",
    int,
    "block whose tokens are shown, from 0; by default all that prune",
    None,
    True,
    None,
)


def _rows() -> list[LayerKind]:
    weight = "A weight alone is no importance: what it multiplies can be small."
    return [
        LayerKind(
            "row", "stages", "What the pixel used in a block",
            "Where a head looks from this pixel, or what each neighbour adds to a convolution.",
            weight, "affinity", row_place, PIXEL, 0.05, live=True,
            named=("stage", "block", "head"),
        ),
        LayerKind(
            "depth", "stages", "Every block and head at this pixel",
            "How far and how evenly the pixel looks in every block and head.",
            weight, "probe", depth_place, PIXEL, 0.1, live=True,
        ),
        LayerKind(
            "kept", "stages", "Which tokens passed through a block",
            "Light models pass half of the tokens through a block, and one merged from the others.",
            "Exact, but a token that was left out still gets what the merged one learned.",
            "pruning", kept_place, PICTURE, 0.1, live=True, extra=(STAGE_PRUNED, BLOCK_PRUNED),
        ),
    ]  # fmt: skip


def _fields() -> list[LayerKind]:
    misleads = (
        "Energy is how strongly a small change would move the unit: it is not importance for a "
        "class, and it reflects the weights as much as the architecture."
    )
    return [
        LayerKind(
            "field", "field", "What the unit here sees",
            "Which pixels move this unit of a stage, or its class, and which could at all.",
            misleads, "receptive-field", field_place, PIXEL, 1.0, live=True,
            named=("level", "probes", "seed"), defaults={"level": "stage 3"},
            choices={"level": ("stage 1", "stage 2", "stage 3", "stage 4", LOGITS)},
        ),
        LayerKind(
            "fields", "research", "Fields of all levels, reaches and other networks",
            "The same for all stages and the logits, beside other reaches, weights and networks.",
            misleads, "receptive-field", table_place, PIXEL, 8.0,
            named=("reaches", "untrained", "peers", "probes", "seed"),
        ),
    ]  # fmt: skip


ATTRIBUTION_SECONDS = {
    "integrated_gradients": 6.0, "occlusion": 12.0, "segment_ablation": 1.0, "smooth_grad": 3.0,
}  # fmt: skip
ATTRIBUTION_NAMES = {
    "integrated_gradients": ("baseline", "steps", "score"),
    "occlusion": ("baseline", "window_px", "score"),
    "segment_ablation": ("baseline", "score"),
    "smooth_grad": ("steps", "seed", "score"),
}


def _whys() -> list[LayerKind]:
    kinds = [_why(name, METHODS[key], key) for name, key in METHOD_NAMES.items()]
    misleads = "A heuristic: attention and gradients multiplied along the way are no account of it."
    flow = {
        "rollout": ("Rollout", "Where what the region shows flows from, whatever the class."),
        "relevance": ("Relevance", "Where what speaks for the class flows from."),
    }
    return kinds + [
        LayerKind(
            rule, "why", title, words, misleads, "rollout", pixels_place, PLACES, 1.0,
            named=("stage",) if rule == "rollout" else (), fixed={"rule": rule},
        )
        for rule, (title, words) in flow.items()
    ]  # fmt: skip


def _why(name: str, method: Method, key: str) -> LayerKind:
    named = ("stage", "score") if method.uses_stage else ATTRIBUTION_NAMES.get(key, ("score",))
    return LayerKind(
        name, "why", method.title, method.description, method.misleads, "attribute",
        attribution_place, PLACES, ATTRIBUTION_SECONDS.get(key, 0.1), live=method.uses_stage,
        against=method.about_class, named=named, fixed={"method": name},
    )  # fmt: skip


ONE_HEAD = {"stage": 3, "block": 0, "head": 0}
ONE_BLOCK = {"stage": 3, "block": 0}
ALL_BLOCKS = {"stage": 3}
INTERVENTIONS: dict[str, tuple[str, str, tuple[str, ...], dict[str, Any]]] = {
    "hide": (
        "This place were hidden",
        "The picture shows something else there: what leaned on it?",
        ("size", "fill"), {},
    ),
    "hide-tokens": (
        "No token could look at this place",
        "The picture stays, but attention of the stage gives the place no weight.",
        ("stage", "block"), ALL_BLOCKS,
    ),
    "silence-head": (
        "One head were silent",
        "What a head adds to its block is taken out.",
        ("stage", "block", "head"), ONE_HEAD,
    ),
    "mean-head": (
        "One head said the same everywhere",
        "A head's output is replaced by its mean over the picture: what differs by place is gone.",
        ("stage", "block", "head"), ONE_HEAD,
    ),
    "drop-block": (
        "A block were skipped",
        "The block's input is passed on as it is.",
        ("stage", "block"), ONE_BLOCK,
    ),
    "window": (
        "Attention were confined to windows",
        "Tokens see their own window only, on the same weights.",
        ("stage", "block", "size", "padded"), ALL_BLOCKS,
    ),
    "neighbourhood": (
        "Attention saw near tokens only",
        "Each token sees a square around itself; the size is its radius in tokens.",
        ("stage", "block", "size"), ALL_BLOCKS,
    ),
    "drop-position": (
        "The position convolution were gone",
        "Nothing tells tokens what lies beside them before they attend.",
        ("stage", "block"), ALL_BLOCKS,
    ),
    "freeze-position": (
        "The position convolution said the same everywhere",
        "It is replaced by its mean over the picture.",
        ("stage", "block"), ALL_BLOCKS,
    ),
    "centre-tap": (
        "Local affinity saw the token alone",
        "Of the 5 by 5 kernel of stage 1 or 2 only the middle is left.",
        ("stage", "block"), {"stage": 1},
    ),
}  # fmt: skip
"""Title, explanation, parameters offered, and their defaults: one head, not all of them at once."""


def _what_ifs() -> list[LayerKind]:
    misleads = (
        "It says that something was used, not that nothing else could have stood in for it: look "
        "at what random changes as large do."
    )
    kinds = [
        LayerKind(
            kind, "whatif", title, words, misleads, "what-if", effect_place,
            PLACES if kind.startswith("hide") else PIXEL, 0.6, live=True,
            named=(*named, "seed"), fixed={} if kind == "hide" else {"kind": kind},
            defaults=defaults,
        )
        for kind, (title, words, named, defaults) in INTERVENTIONS.items()
    ]  # fmt: skip
    series = [
        ("head-sweep", "Each head were silent, one after another",
         "Which heads the class at the pixel rests on.", table_place, 3.0),
        ("radius-curve", "Attention reached less and less far",
         "How far stages 3 and 4 must see.", radius_place, 6.0),
        ("reach-cost", "Stage 3 had windows of each size",
         "What each reach would change on these weights.", reach_place, 1.0),
    ]  # fmt: skip
    return kinds + [
        LayerKind(
            kind, "whatif", title, words, misleads, "what-if", place, PIXEL, seconds,
            fixed={"kind": kind},
        )
        for kind, title, words, place, seconds in series
    ]  # fmt: skip


def _research() -> list[LayerKind]:
    similar = "Alike features do not mean that the pixel looked there."
    placed = [
        LayerKind(
            "similarity", "research", "Tokens that hold the same",
            "The cosine of the pixel's token with all others of a stage, less their mean.",
            similar, "similarity", stage_map_place("stage{stage}_centered", cosine_scale), PIXEL,
            0.1, live=True, extra=(STAGE_SHOWN,),
        ),
        LayerKind(
            "jacobian", "research", "What moves a block's output here",
            "How strongly each input token moves the output of one block at this pixel.",
            "It says what a small change would do, in this picture.", "jacobian",
            stage_map_place("block_norm", norm_scale), PIXEL, 0.2, named=("stage", "block"),
            defaults={"stage": 3},
        ),
        LayerKind(
            "decoder-lens", "research", "Labels if the network ended here",
            "What the decoder reads after a block when all later blocks are left out.",
            "No network was trained to end early: what cannot be read yet may be there in another "
            "form.", "decoder-lens",
            lambda answer, trace, asked: labels_place("labels_after", answer, trace), PIXEL, 0.5,
            live=True, named=("stage", "block"), defaults={"stage": 3},
        ),
        LayerKind(
            "profile", "research", "How far every block looks",
            "Means over all queries of the picture, through depth, beside uniform weights.",
            "One picture is an anecdote.", "profile", profile_place, PICTURE, 0.5,
            named=("nulls", "seed"),
        ),
        LayerKind(
            "compare", "research", "Labels of another setting",
            "What another model, reach or other weights make of the picture.",
            "Where two differ does not say which one is right.", "compare",
            lambda answer, trace, asked: labels_place("labels_b", answer, trace), PICTURE, 0.3,
            named=("other_model", "other_weights", "other_reach", "other_window_size"),
        ),
    ]  # fmt: skip
    told = {kind.question for kind in (*_rows(), *_fields(), *_whys(), *_what_ifs(), *placed)}
    return placed + [_told(name) for name in QUESTIONS if name not in told]


def _told(name: str) -> LayerKind:
    """Return a question that has no map of its own here: its tables and numbers are the layer."""
    parameters = [each.name for each in parameters_of(QUESTIONS[name])]
    summary, _, more = summary_of(QUESTIONS[name]).partition("\n\n")
    return LayerKind(
        name, "research", name.replace("-", " ").capitalize(), " ".join(summary.split()),
        " ".join(more.split()), name, table_place,
        PLACES if "region" in parameters else PIXEL if "x" in parameters else PICTURE, 10.0,
        named=tuple(each for each in parameters if each not in ASKED_ANYWAY),
    )  # fmt: skip


LAYERS: dict[str, LayerKind] = {
    kind.id: kind for kind in (*_rows(), *_fields(), *_whys(), *_what_ifs(), *_research())
}
"""All layers by id, in the order in which to show them."""
