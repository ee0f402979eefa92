"""All that decides the outcome of a run, as one dataclass that is read from a JSON recipe."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import get_args

from training.architectures import Architecture
from uniformer.config import REACHES, check_reach
from uniformer.factory import find_config


class RecipeError(ValueError):
    """A recipe that cannot be run, as one sentence."""


@dataclass(frozen=True)
class RunConfig:
    """One run. Together with the data and the version of the code it decides every weight.

    Model: ``model`` is a name of :func:`uniformer.list_models`, ``form`` one of
    :mod:`training.architectures`, to compare it with; ``drop_path_rate`` replaces the model's own;
    ``init`` is what to start from: a file with weights of this model, for these classes or others,
    or of an ImageNet backbone; the folder of an earlier run; or "default" for the weights this
    model comes with.

    Data: pictures are reduced to ``longest_side`` pixels when they are read. A batch has square
    crops of one of the ``crops`` sides (multiples of 32), as many as ``batch_pixels`` allow, so
    every batch costs the same. ``scale``, ``aspect`` (width over height), ``rotation`` (degrees)
    and ``color`` bound the augmentation. ``class_share`` of the examples are drawn to show a class
    that was drawn uniformly, the others by source (the file name up to its first underscore), whose
    chances ``source_weights`` multiply.
    ``negatives`` maps a source to the class its unlabelled pixels certainly do not show. Labels
    count as much as their confidence, and not at all below ``least_confidence``.

    Loss: ``segment_weight`` times the cross entropy plus ``distil_weight`` times the distance to
    the features of the teacher. ``negative_weight`` is that of a negative pixel in the former.

    Optimiser: AdamW at ``learning_rate``, after ``warmup`` steps on half a cosine down to 0 at
    ``steps``; ``ema_decay`` is that of the averaged weights, which are the result.

    Reach: of 1, ``hybrid_share`` and ``window_share`` of the batches see stage 3 in that reach,
    with one of ``window_sizes`` tokens, the others globally.
    """

    model: str = "nano"
    form: Architecture = "uniformer"
    drop_path_rate: float = 0.0
    init: str | None = None
    seed: int = 0
    steps: int = 20_000

    longest_side: int = 320
    crops: tuple[int, ...] = (160, 192, 224, 256)
    batch_pixels: int = 16 * 192 * 192
    scale: tuple[float, float] = (0.6, 1.8)
    aspect: float = 1.3
    rotation: float = 8.0
    color: float = 0.3
    class_share: float = 0.5
    source_weights: dict[str, float] = field(default_factory=dict)
    negatives: dict[str, str] = field(default_factory=dict)
    least_confidence: float = 0.35

    segment_weight: float = 1.0
    distil_weight: float = 0.0
    negative_weight: float = 0.5
    label_smoothing: float = 0.05

    learning_rate: float = 1.5e-3
    warmup: int = 300
    weight_decay: float = 0.05
    gradient_clip: float = 3.0
    ema_decay: float = 0.999

    hybrid_share: float = 0.15
    window_share: float = 0.25
    window_sizes: tuple[int, ...] = (6, 8, 10, 12, 14)

    log_every: int = 50
    checkpoint_every: int = 250
    validate_every: int = 2_000
    validation_pictures: int = 176

    def __post_init__(self) -> None:
        find_config(self.model)
        for size in self.window_sizes:
            check_reach(REACHES[-1], size)
        if any(side % 32 or side < 32 for side in self.crops) or not self.crops:
            raise RecipeError(f"The crops must be multiples of 32 pixels, not {self.crops}.")
        if self.form not in get_args(Architecture):
            raise RecipeError(f"The form must be one of {', '.join(get_args(Architecture))}.")
        if self.form != "uniformer" and (self.init or self.distil_weight > 0):
            raise RecipeError(f"The form {self.form} is trained from scratch, without a teacher.")
        if not all(
            isinstance(weight, int | float) and weight > 0
            for weight in self.source_weights.values()
        ):
            raise RecipeError("Each of the source_weights must be a number above 0.")
        if self.segment_weight <= 0 and self.distil_weight <= 0:
            raise RecipeError("One of segment_weight and distil_weight must be above 0.")
        if self.checkpoint_every % self.log_every or self.validate_every % self.checkpoint_every:
            raise RecipeError(
                "checkpoint_every must be a multiple of log_every, "
                "and validate_every one of checkpoint_every."
            )

    def batch_size(self, side: int) -> int:
        """Return how many crops of ``side`` pixels make a batch."""
        return max(2, round(self.batch_pixels / side**2))

    def to_json(self) -> str:
        """Return the recipe with all its fields."""
        return json.dumps(asdict(self), indent=2) + "\n"


def parse_recipe(values: dict) -> RunConfig:
    """Return the recipe of the fields in ``values``; those that are absent keep their default.

    Raises :class:`RecipeError` for a field that there is not and for a value of another kind.
    """
    defaults = asdict(RunConfig())
    unknown = values.keys() - defaults.keys()
    if unknown:
        raise RecipeError(f"A recipe has no field {sorted(unknown)[0]!r}.")
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    values = {**values, **lists}
    for name, value in values.items():
        if not _is_like(value, defaults[name]):
            raise RecipeError(
                f"The field {name!r} cannot be {json.dumps(value)}: by default it is "
                f"{json.dumps(defaults[name])}."
            )
    return RunConfig(**values)


def _is_like(value: object, default: object) -> bool:
    """Return whether ``value`` is of the kind of ``default``; None stands for a text or none."""
    if default is None:
        return value is None or isinstance(value, str)
    if isinstance(default, float):
        return isinstance(value, (int, float))
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(_is_like(part, default[0]) for part in value)
    return isinstance(value, type(default))


def read_recipe(path: Path) -> RunConfig:
    """Return the recipe in the JSON file ``path``; :class:`RecipeError` says what is wrong."""
    try:
        return parse_recipe(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, AttributeError, ValueError) as error:
        raise RecipeError(f"The recipe {path} cannot be used: {error}") from error
