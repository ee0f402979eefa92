"""The question `receptive-field`: what a pixel's units can see, and what they do see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from torch import Tensor

from analysis.core.any_segmenter import AnySegmenter
from analysis.core.checks import check_pixel
from analysis.core.errors import AnalysisError
from analysis.core.forward import Place
from analysis.core.grid import Grid
from analysis.core.progress import Work
from analysis.core.uncertainty import with_error
from analysis.core.words import Said, joined, say, sentences
from analysis.profile.nulls import random_model
from analysis.questions.answer import Row
from analysis.questions.common import (
    Label,
    ReachAsked,
    Seed,
    ShortSide,
    Steps,
    X,
    Y,
    in_reach,
    question,
    start,
)
from analysis.questions.peers import Peers, peers_named
from analysis.receptive_field import theoretical
from analysis.receptive_field.effective import MOST_PROBES, effective_fields
from analysis.receptive_field.extent import TOLERANCE, summarize
from analysis.receptive_field.networks import Network, peer_network, uniformer_network
from analysis.receptive_field.networks.comparison import (
    LOGITS,
    FieldComparison,
    InPicture,
    NetworkField,
    compare_fields,
)
from analysis.receptive_field.networks.network import SIDE_MULTIPLE
from analysis.receptive_field.theoretical import ReceptiveField
from analysis.receptive_field.units import margin_unit
from uniformer.config import REACHES, STRIDES
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Reaches = Annotated[bool, "also measure the other reaches, with the same weights"]
Untrained = Annotated[
    bool, "also measure random weights, one draw of them: the error is that of the probes alone"
]
Probes = Annotated[
    int,
    "most random probes per unit: they end once the sides are known to within 10 % or 2 pixels of "
    "the network's input",
]
LevelAsked = Annotated[
    Literal["all", "stage 1", "stage 2", "stage 3", "stage 4", "logits"],
    "units measured: those of one stage, the logits, or all",
]
ShowAsked = Annotated[
    Literal["maps", "curves", "table"],
    "figure: the maps, the energy within squares of growing side, or the extents as a table",
]


@question
def receptive_field(
    model: Segmenter,
    image: PictureSource,
    *,
    x: X,
    y: Y,
    label: Label = None,
    level: LevelAsked = "all",
    reaches: Reaches = False,
    untrained: Untrained = False,
    peers: Peers = None,
    probes: Probes = MOST_PROBES,
    show: ShowAsked = "maps",
    seed: Seed = 0,
    short_side: ShortSide = None,
    reach: ReachAsked = None,
) -> Steps:
    """What can the units at this pixel see, in every stage and the logits, and what do they see?

    The theoretical field holds the pixels that can matter whatever the weights; the effective field
    is how strongly each does move the unit, in this picture: the energy of the Jacobian. Networks
    get the whole picture, its sides rounded up to multiples of 32 pixels. Energy is not importance
    for a class, and a field reflects the weights as much as the architecture.
    """
    names = peers_named(peers)
    asked = start(in_reach(model, reach), image, short_side, any_network=True)
    check_pixel(asked.trace.picture_size_px, x, y)
    subject = asked.subject(x, y, "pixel", label)
    pixels = asked.inputs(SIDE_MULTIPLE)
    at = _scaled((y, x), asked.trace.picture_size_px, tuple(pixels.shape[-2:]))
    forms = _forms(asked.trace.model, reaches, seed if untrained else None)
    found = yield from _measured(forms, names, pixels, at, subject.label, level, probes, seed)
    found = replace(found, in_picture=InPicture(asked.trace.picture_size_px, (y, x)))
    return asked.answer(
        title=say("What the units at pixel ({x}, {y}) see", x=x, y=y),
        sentence=_sentence(found),
        grade=found.grade,
        numbers={"x": x, "y": y, "label": asked.names[subject.label], **_numbers(found)},
        arrays={f"field{at}_{_slug(field)}": field.energy for at, field in enumerate(found.fields)},
        tables={"fields": found.rows(), "blocks": _block_rows(asked.trace.model, found, level)},
        draw=lambda: _draw(found, show),
    )


def _numbers(found: FieldComparison) -> dict[str, object]:
    row, column = found.pixel
    return {
        "input_pixel": {"row": row, "column": column},
        "input_size_px": list(found.size_px),
        "fields": found.rows(),
    }


def _block_rows(model: Segmenter, found: FieldComparison, level: str) -> list[Row]:
    """Return what the token at the pixel can see after each block, with and without encodings.

    Between windows nothing but the position encoding carries anything.
    """
    rows: list[Row] = []
    if isinstance(model, AnySegmenter):
        return rows
    for stage, stride in enumerate(STRIDES, start=1):
        if level not in ("all", f"stage {stage}"):
            continue
        token = Grid(found.size_px, found.size_px, stride).token_at(*reversed(found.pixel))
        for block in range(len(model.backbone.stage(stage)[1])):
            place = (model, found.size_px, stage, token, block + 1)
            seen = theoretical.receptive_field(*place)
            apart = theoretical.receptive_field(*place, position_encoding=False)
            rows.append(
                {
                    "name": Place(stage, block).name,
                    "stage": stage,
                    "block": block,
                    **_sides("", seen, found.picture_scale),
                    **_sides("without_encoding_", apart, found.picture_scale),
                }
            )
    return rows


def _sides(prefix: str, field: ReceptiveField, scale: tuple[float, float]) -> Row:
    """Return the sides of a field in pixels of the picture, and of the network's input."""
    return {
        f"{prefix}height_picture_px": scale[0] * field.height_px,
        f"{prefix}width_picture_px": scale[1] * field.width_px,
        f"{prefix}height_input_px": field.height_px,
        f"{prefix}width_input_px": field.width_px,
    }


def _scaled(
    pixel: tuple[int, int], picture_px: tuple[int, int], network_px: tuple[int, int]
) -> tuple[int, int]:
    """Return the pixel (row, column) of the network's input at one of the picture."""
    row, column = (
        int((place + 0.5) * side / whole)
        for place, side, whole in zip(pixel, network_px, picture_px, strict=True)
    )
    return row, column


def _forms(model: Segmenter, reaches: bool, seed: int | None) -> list[Segmenter]:
    """Return the model, then in its other reaches, then with weights drawn by ``seed``."""
    others = [reach for reach in REACHES if reach != model.reach] if reaches else []
    forms = [model, *(in_reach(model, reach) for reach in others)]
    if seed is not None:
        random = random_model(model, seed=seed)
        random.set_reach(model.reach, model.window_size)
        forms.append(random)
    return forms


def _measured(
    forms: Sequence[Segmenter],
    peers: Sequence[str],
    pixels: Tensor,
    at: tuple[int, int],
    label: int,
    level: str,
    probes: int,
    seed: int,
) -> Work[FieldComparison]:
    """Yield progress and return the fields of all networks, at one level or at all."""
    size_px = tuple(pixels.shape[-2:])
    networks = [_network(form, size_px) for form in forms]
    others = [peer_network(name, size_px) for name in peers]
    if level != "all":
        networks, others = ([_only(each, level) for each in group] for group in (networks, others))
    found = FieldComparison((), size_px, at, 1, seed)
    measured = [network for network in [*networks, *others] if network.levels]
    if not measured and level not in ("all", LOGITS):
        raise AnalysisError(f"{networks[0].name} has no known {level}: choose level logits.")
    if measured:
        work = compare_fields(measured, [pixels], at, probes=probes, seed=seed, until_known=True)
        found = yield from work
    fields = list(found.fields)
    for form, network in zip(forms, networks, strict=True):
        if level not in ("all", LOGITS):
            continue
        # Below the same network's stages; those of peers, which have no decoder, stay last.
        own = (index for index, field in enumerate(fields) if _of(field, network))
        last = max(own, default=-1)
        fields.insert(last + 1, _logit_field(form, network, pixels, at, label))
    return replace(found, fields=tuple(fields))


def _network(form: Segmenter, size_px: tuple[int, int]) -> Network:
    """Return a form with its stages as levels; a network that is no UniFormer has none."""
    if not isinstance(form, AnySegmenter):
        return uniformer_network(form, size_px)
    return Network(
        form.config.name, size_px, form.weights.trained, "its own", (), dict, lambda _: dict
    )


def _only(network: Network, level: str) -> Network:
    """Return a network with no levels but one, which it may not have."""
    return replace(network, levels=tuple(each for each in network.levels if each.name == level))


def _of(field: NetworkField, network: Network) -> bool:
    return (field.network, field.weights) == (network.name, network.weights)


def _logit_field(
    form: Segmenter, network: Network, pixels: Tensor, at: tuple[int, int], label: int
) -> NetworkField:
    """Return the field of the margin of a class; one output needs no probes, so it is exact.

    In theory it is the whole picture: the decoder reads stage 4, which is global in every reach.
    Of a network that is no UniFormer it is not known.
    """
    whole = ReceptiveField(0, network.size_px[0], 0, network.size_px[1])
    energy = effective_fields(margin_unit(form, at, label), [pixels])["margin"].energy
    center = (float(at[0]), float(at[1]))
    return NetworkField(
        network=network.name,
        level=LOGITS,
        stride_px=1,
        trained=network.trained,
        weights=network.weights,
        unit=at,
        center_px=center,
        theoretical_px=None,
        theoretical=None if isinstance(form, AnySegmenter) else whole,
        energy=energy,
        probes=1,
        summary=summarize(energy, center).exact(),
    )


def _slug(field: NetworkField) -> str:
    """Return network and level as a name for an array."""
    words = f"{field.network} {field.level}".lower()
    return "_".join("".join(c if c.isalnum() else " " for c in words).split())


def _sentence(found: FieldComparison) -> Said:
    """Return what the first network's levels see: half and 95 % of the energy, and what they can.

    What they can see is left out where it is not known.
    """
    first = found.fields[0]
    parts = []
    for field in found.fields:
        if (field.network, field.weights) != (first.network, first.weights):
            continue
        sides = {
            square.energy_share: with_error(
                found.side_scale * square.side_px, found.side_scale * square.side_error_px
            )
            for square in field.summary.squares
        }
        (down, across), box = found.picture_scale, field.theoretical
        named = {"level": field.level, "half": sides[0.5], "most": sides[0.95]}
        if box is None:
            parts.append(
                say("{level} has half of its energy within {half} px, 95 % within {most}", **named)
            )
            continue
        parts.append(
            say(
                "{level} can see {height} x {width} px of the picture, and has half of its energy "
                "within {half} px, 95 % within {most}",
                **named,
                height=f"{down * box.height_px:.0f}",
                width=f"{across * box.width_px:.0f}",
            )
        )
    told = sentences(
        say("{network}: {levels}.", network=first.network, levels=joined(parts, "; ")),
        "After ± stands the standard error, ? where it is not known.",
    )
    if found.well_known:
        return told
    return sentences(
        told,
        say(
            "After {probes} probes not every side is known to within {percent} %: take these for "
            "a guess, or allow more probes.",
            probes=max(field.probes for field in found.fields),
            percent=f"{100 * TOLERANCE:g}",
        ),
    )


def _draw(found: FieldComparison, show: str) -> Figure:
    from analysis.figures.receptive_field import energy_curves, field_maps, field_table

    return {"maps": field_maps, "curves": energy_curves, "table": field_table}[show](found)
