"""Write a model as an ONNX file, which engines and browsers run without PyTorch."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from uniformer.authorship import MARK, written_here
from uniformer.backbone import MIN_SIDE
from uniformer.export.outputs import Outputs, example
from uniformer.export.rewriting import portable, rewrite
from uniformer.export.steerable import Steerable
from uniformer.files import replace_file
from uniformer.preprocess import MAX_LONG_SIDE, MEAN, STD
from uniformer.segmenter import Segmenter

Form = Literal["plain", "rewritten", "winograd"]
StoredWeights = Literal["float32", "float16"]

OPSET = 20
"""The newest that the exporter writes, and that onnxruntime-web and OpenVINO read."""

SMALL = 1024
"""Tensors with fewer numbers stay float32 in every file: norms, biases and indices."""


def export_onnx(
    model: Segmenter,
    file: str | Path,
    *,
    form: Form = "plain",
    size: tuple[int, int] | None = None,
    outputs: Sequence[str] = (),
    weights: StoredWeights = "float32",
) -> Path:
    """Write ``model`` to ``file`` (.onnx) and return its path.

    The graph maps ``image``, normalised RGB float32 (1, 3, H, W) as :mod:`uniformer.preprocess`
    makes it, to ``logits`` (1, classes, H/4, W/4) and to the ``outputs`` asked for, ``"stages"``
    and ``"blocks"``, whose names and shapes are told in :mod:`uniformer.export.outputs`. The reach
    is that of the model now.

    ``form="plain"`` follows the official operations; ``"rewritten"`` does less arithmetic for the
    same logits, within rounding; ``"winograd"`` less still in wide 3x3 convolutions, for a larger
    file and engines that compute in float32. ``size`` (height, width) fixes the size, else every
    height and width from 32 on is taken. ``weights="float16"`` halves the file; they are widened
    when it is loaded and all arithmetic stays float32.

    The file's metadata tell the model, its weights and settings, the classes with their colours,
    and how a picture becomes the input.

    Raises ``ValueError`` for a model that is optimized or in training mode, for a size, form or
    output there is not, for a file that is there and was not written here, and where onnx and
    onnxscript are not installed; ``OSError`` when the file cannot be written. An existing file
    stays until the new one is complete.
    """
    file = Path(file)
    if file.suffix != ".onnx":
        raise ValueError(f"{file.name}: the exported model is an .onnx file, so name it that.")
    if not file.parent.is_dir():
        raise ValueError(f"There is no folder {file.parent} to write {file.name} to.")
    if file.exists() and not written_here(file):
        raise ValueError(f"{file} was not written by this program: name another file.")
    data = onnx_bytes(model, form=form, size=size, outputs=outputs, weights=weights)
    return replace_file(file, lambda part: part.write(data))


def onnx_bytes(
    model: Segmenter,
    *,
    form: Form = "plain",
    size: tuple[int, int] | None = None,
    outputs: Sequence[str] = (),
    weights: StoredWeights = "float32",
) -> bytes:
    """Return what :func:`export_onnx` writes."""
    _check(model, form, size, weights)
    prepared = portable(model) if form == "plain" else rewrite(model, winograd=form == "winograd")
    traced = Outputs(prepared, tuple(outputs))
    graph = _graph(traced, {"image": example(model, size)}, traced.names(), fixed=size is not None)
    return _file(graph, model, form, weights)


def steerable_onnx(model: Segmenter, *, weights: StoredWeights = "float16") -> bytes:
    """Return an ONNX file whose inputs steer reach and heads, in the plain form, for every size.

    :mod:`uniformer.export.steerable` tells its inputs and outputs; ``weights`` and metadata are
    those of :func:`export_onnx`, and so are the errors, for which blocks of another kind are one
    more reason.
    """
    _check(model, "plain", None, weights)
    traced = Steerable(portable(model))
    graph = _graph(traced, traced.example(128, 160), traced.names(), fixed=False)
    return _file(graph, model, "plain", weights)


def _graph(
    traced: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, fixed: bool
) -> Any:
    """Return a module as ONNX; the first input is the image, whose size may be ``fixed``.

    Raises ``ValueError`` where the exporter fixes a size that nobody asked for.
    """
    others = (None,) * (len(inputs) - 1)
    with _quiet():
        program = torch.onnx.export(
            traced.eval(),
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=None if fixed else ({2: "height", 3: "width"}, *others),
            verbose=False,
        )
    model = program.model_proto
    sides = model.graph.input[0].type.tensor_type.shape.dim[2:]
    if not fixed and [side.dim_param for side in sides] != ["height", "width"]:
        raise ValueError(
            "The exporter could not make one graph for every size: give the size that you need."
        )
    return model


def _file(graph: Any, model: Segmenter, form: str, weights: str) -> bytes:
    """Return the bytes of a graph, with the facts about ``model`` and weights as small as asked."""
    for name, value in _metadata(model, form).items():
        graph.metadata_props.add(key=name, value=value)
    graph.doc_string = MARK  # which stands at the beginning of the file
    if weights == "float16":
        _halve(graph)
    return graph.SerializeToString()


def _check(model: Segmenter, form: str, size: Any, weights: str) -> None:
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise ValueError(
            f"Exporting needs the package {missing[0]}: pip install onnx onnxscript, and try again."
        )
    if model.optimized:
        raise ValueError(
            "This model is optimized for PyTorch and cannot be exported: export the one it was "
            'made from, with the form "rewritten".'
        )
    if model.training:
        raise ValueError("The model is in training mode: call model.eval() before exporting.")
    if model.dtype != torch.float32:
        raise ValueError("Models are exported in float32: call model.float() first.")
    if form not in get_args(Form):
        raise ValueError(f"The form must be plain, rewritten or winograd, not {form!r}.")
    if weights not in get_args(StoredWeights):
        raise ValueError(f"The weights must be float32 or float16, not {weights!r}.")
    divisor = model.config.size_divisor
    if size is not None and not all(
        MIN_SIDE <= side <= MAX_LONG_SIDE and side % divisor == 0 for side in size
    ):
        multiple = f" and multiples of {divisor}" if divisor > 1 else ""
        raise ValueError(
            f"Height and width must be from {MIN_SIDE} to {MAX_LONG_SIDE} pixels{multiple}, "
            f"not {'x'.join(map(str, size))}."
        )


def _metadata(model: Segmenter, form: str) -> dict[str, str]:
    """Return what somebody who has nothing but the file needs to know, as JSON by name."""
    facts = {
        "model": model.config.name,
        "form": form,
        "weights": vars(model.weights),
        "reach": model.reach,
        "window_size": model.window_size,
        "classes": model.classes.names,
        "colors": model.classes.colors,
        "mean": MEAN,
        "std": STD,
        "short_side": model.config.short_side,
        "size_divisor": model.config.size_divisor,
    }
    return {name: json.dumps(value, ensure_ascii=False) for name, value in facts.items()}


def _halve(model: Any) -> None:
    """Store the large float32 tensors of an ONNX model as float16, each behind a cast."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < SMALL:
            continue
        numbers = numpy_helper.to_array(tensor)
        if np.abs(numbers).max() > np.finfo(np.float16).max:
            raise ValueError(f"The weights {tensor.name} do not fit into float16: keep float32.")
        wide, narrow = tensor.name, f"{tensor.name}.float16"
        tensor.CopyFrom(numpy_helper.from_array(numbers.astype(np.float16), narrow))
        casts.append(helper.make_node("Cast", [narrow], [wide], to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])


@contextmanager
def _quiet():
    """Keep what the exporter says of its own workings from whoever only wants a file."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
