"""Checkpoint files: read them without running their code, look inside, convert them.

A ``.pth`` file is a pickle, which could run anything when opened; it is only ever read with
torch's ``weights_only`` unpickler, which builds tensors and plain containers and nothing else. What
a file is, is told by its first bytes and not by its name.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import threading
import warnings
import zipfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from uniformer.config import CLASSIFIERS, MODELS
from uniformer.file_kinds import HEAD_BYTES, kind_of, picture_format
from uniformer.files import replace_file
from uniformer.matching import (
    StateKind,
    count_classes,
    find_kind,
    guess_configs,
    official_names,
    skeleton,
)
from uniformer.unwrap import WeightSet, describe, find_weights, some

MAX_FILE_BYTES = 4 * 2**30
"""Largest file, and largest sum of its tensors, that is read (an official one has 0.1 to 1 GB)."""
MAX_TENSORS = 20_000
"""Twenty times what the largest model has; reading many more takes a machine's time for nothing."""
MAX_PICKLE_BYTES = 8 * 2**20
"""For what a zipped checkpoint says about its tensors."""
_TOO_MANY = f"{{}} holds far more than the {MAX_TENSORS} tensors that are read: it is no UniFormer."

_WANTED = re.compile(r"GLOBAL (\S+)")
_BESIDE_WEIGHTS = (
    *(
        f"numpy.{core}.multiarray.{name}"
        for core in ("core", "_core")
        for name in ("scalar", "_reconstruct")
    ),
    "numpy.dtype",
    "numpy.ndarray",
    "argparse.Namespace",
    *(
        f"pathlib{module}.{kind}Path"
        for module in ("", "._local")
        for kind in ("Posix", "Windows", "PurePosix", "PureWindows")
    ),
    "datetime.datetime",
    "datetime.date",
    "datetime.timedelta",
)
"""What training programs save beside weights; none of it is built, a :class:`_LeftOut` is."""
_SUFFIXES = (".pth", ".pt", ".ckpt", ".tar", ".safetensors")
_LOADING = threading.Lock()
"""What torch lets a file name is one setting for the whole process."""


class WeightsError(ValueError):
    """Weights that cannot be had, cannot be read or do not fit; the message is for the user.

    ``num_classes`` is how many classes a file has where that is all that does not fit.
    """

    num_classes: int | None = None


@dataclass(frozen=True)
class CheckpointReport:
    """What a checkpoint file holds.

    ``wrapper`` is the entry of a ``.pth`` that held the weights, None when they were bare;
    ``taken`` says in a line what else there was, ``others`` names other weights in the file.
    ``parameters`` counts learned numbers, without BatchNorm's running statistics; ``dtypes``
    counts tensors. ``models`` are the names it fits (:func:`uniformer.matching.guess_configs`),
    ``unknown_keys`` those that no model has.
    """

    name: str
    bytes: int
    sha256: str
    container: str
    wrapper: str | None
    kind: StateKind
    tensors: int
    parameters: int
    dtypes: dict[str, int]
    num_classes: int | None
    models: list[str]
    unknown_keys: list[str]
    metadata: dict[str, str]
    taken: str = ""
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Contents:
    """The weights in a file, and what stood round them as :class:`CheckpointReport` has it."""

    state: dict[str, Tensor]
    container: str
    wrapper: str | None
    metadata: dict[str, str]
    taken: str
    others: list[str]


class _LeftOut:
    """Stands for what a file holds beside weights."""

    def __init__(self, *_: object) -> None:
        pass

    def __new__(cls, *_: object) -> _LeftOut:
        return super().__new__(cls)

    def __setstate__(self, _: object) -> None:
        pass


def split_entry(source: str | Path) -> tuple[Path, str | None]:
    """Return the path and the entry of ``FILE#ENTRY``; the entry is None where none is named."""
    path, mark, entry = str(source).rpartition("#")
    if not mark or os.path.isfile(source):
        return Path(source), None
    return Path(path), entry


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Return the named tensors of a ``.pth`` or ``.safetensors`` file, on the CPU, as stored.

    Wrappers and prefixes of training programs are taken off
    (:func:`uniformer.unwrap.find_weights`); ``FILE#ENTRY`` chooses other weights than the first.
    Raises :class:`WeightsError` for a file that is missing, too large, damaged or no checkpoint,
    that wants more than tensors, that has no such entry, or that holds NaN.
    """
    return read_contents(*split_entry(path)).state


def inspect_checkpoint(path: str | Path) -> CheckpointReport:
    """Return what the file ``path`` holds; raises as :func:`read_state_dict`."""
    path, entry = split_entry(path)
    contents = read_contents(path, entry)
    state = contents.state
    known = {key for name in MODELS | CLASSIFIERS for key in skeleton(name)}
    learned = [value for key, value in state.items() if not _is_statistic(key)]
    return CheckpointReport(
        name=path.name,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        container=contents.container,
        wrapper=contents.wrapper,
        kind=find_kind(state),
        tensors=len(state),
        parameters=sum(value.numel() for value in learned),
        dtypes=dict(Counter(str(v.dtype).removeprefix("torch.") for v in state.values())),
        num_classes=count_classes(state),
        models=guess_configs(state),
        unknown_keys=[key for key in official_names(state) if key not in known],
        metadata=contents.metadata,
        taken=contents.taken,
        others=contents.others,
    )


def convert_checkpoint(source: str | Path, target: str | Path) -> None:
    """Write the tensors of ``source`` to ``target`` as safetensors: same names, dtypes and values.

    The header records the name and sha256 of ``source``. An existing ``target`` is never
    overwritten. Raises :class:`WeightsError` for that, for a ``target`` that does not end in
    ``.safetensors`` or cannot be written, and as :func:`read_state_dict`.
    """
    source, entry = split_entry(source)
    target = Path(target)
    if target.suffix != ".safetensors":
        raise WeightsError(f"The converted file must end in .safetensors, not {target.name}.")
    if target.exists():
        raise WeightsError(f"{target} exists already: delete it or choose another name.")
    contents = read_contents(source, entry)
    # Every tensor gets memory of its own: safetensors refuses tensors that share it.
    tensors = {
        key: value.clone(memory_format=torch.contiguous_format)
        for key, value in contents.state.items()
    }
    origin = {"format": "pt", "source": source.name, "source_sha256": sha256_of(source)}
    content = save(tensors, metadata={**contents.metadata, **origin})
    try:
        replace_file(target, lambda file: file.write(content))
    except OSError as error:
        raise WeightsError(f"{target} cannot be written: {error.strerror}.") from error


def sha256_of(path: str | Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def _is_statistic(key: str) -> bool:
    return key.endswith(("running_mean", "running_var", "num_batches_tracked"))


def read_contents(path: Path, entry: str | None = None) -> Contents:
    """Return the weights in ``path`` and what stood round them; as :func:`read_state_dict`."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(HEAD_BYTES)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}.") from error
    if size > MAX_FILE_BYTES:
        raise WeightsError(f"{path.name} has {size} bytes; at most {MAX_FILE_BYTES} are read.")
    if size == 0:
        raise WeightsError(f"{path.name} is empty.")
    try:
        # A safetensors file is the length of its header in 8 bytes, then the header, in JSON.
        if start[8:9] == b"{":
            loaded, metadata = _read_safetensors(path)
            container = "safetensors"
        else:
            loaded, metadata = _read_pickle(path, is_zip=start.startswith(b"PK")), {}
            container = "pth"
        weights, others = _choose(loaded, entry, path.name)
    except WeightsError:
        raise
    except Exception as error:  # what a damaged file makes the readers raise is not documented
        if wanted := isinstance(error, pickle.UnpicklingError) and _WANTED.search(str(error)):
            raise WeightsError(
                f"{path.name} wants {wanted[1]}, which is more than tensors and could run code, so "
                "it was not opened: where you trust it, save model.state_dict() alone."
            ) from error
        raise WeightsError(f"{path.name} is {_what_it_is(start)}.") from error
    _check_tensors(weights.state, path.name)
    taken = describe(weights, others, path.name)
    return Contents(weights.state, container, weights.wrapper, metadata, taken, others)


def _choose(loaded: dict[str, Any], entry: str | None, name: str) -> tuple[WeightSet, list[str]]:
    """Return the weights called ``entry``, by default the likeliest, and the names of others."""
    held = (len(value) for value in loaded.values() if isinstance(value, dict))
    _check_count(len(loaded) + sum(held), name)
    found = find_weights(loaded)
    if entry is None:
        entry = next(iter(found), None)
    if entry not in found:
        there = [each for each in found if each]
        raise WeightsError(
            f"{name} has no weights called {entry}: it has {some(there)}."
            if there
            else f"{name} holds no weights" + (f" called {entry}." if entry else ".")
        )
    weights = found[entry]
    for key in weights.state:
        if not isinstance(key, str):
            raise WeightsError(f"{name} is no state dict: {key!r} is the name of a tensor.")
    names = {*weights.state, *found, *(weights.wrapper or "").split(".")}
    beside = [str(key) for key in loaded if weights.wrapper and key not in names]
    state = {key: value.detach() for key, value in weights.state.items()}
    left_out = [*weights.left_out, *([some(beside)] if beside else [])]
    others = [each for each, other in found.items() if other.recognised and each != entry]
    return replace(weights, state=state, left_out=left_out), others


def _what_it_is(head: bytes) -> str:
    """Return what a file is that holds no weights, and what to do, without full stop."""
    kind = None if head.startswith(b"PK") else kind_of(head)
    if picture := picture_format(head):
        kind = f"a picture ({picture})"
    what = "damaged, cut short or no checkpoint" if kind is None else f"{kind}, and no checkpoint"
    if "Git-LFS" in what:
        return f"{what}: fetch that file with `git lfs pull`, or download it from its page"
    if "HTML" in what:
        return f"{what}: download the file again, logged in where that is asked for"
    return f"{what}: PyTorch (.pth) and safetensors files can be read"


def _check_archive(path: Path) -> None:
    """Refuse ZIP archives that torch.save did not make, and say what they are."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    _check_count(len(entries), path.name)
    names = [entry.filename for entry in entries]
    if any(name.endswith(("/constants.pkl", ".py", ".debug_pkl")) for name in names):
        raise WeightsError(
            f"{path.name} is a TorchScript program, which holds code and was not opened: save "
            "model.state_dict() of the model it was made from."
        )
    inside = next((name for name in names if name.endswith(_SUFFIXES)), None)
    if inside is not None:
        raise WeightsError(f"{path.name} is a ZIP archive with {inside} in it: unpack it first.")
    if any(name.endswith(".npy") for name in names):
        raise WeightsError(
            f"{path.name} holds NumPy arrays (.npz), and no checkpoint: PyTorch (.pth) and "
            "safetensors files can be read."
        )
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise WeightsError(f"{path.name} is compressed, which torch.save never does.")
    about = (entry.file_size for entry in entries if entry.filename.endswith(".pkl"))
    if max(about, default=0) > MAX_PICKLE_BYTES:
        raise WeightsError(
            f"{path.name} holds more than {MAX_PICKLE_BYTES // 2**20} MB beside its tensors, such "
            "as NumPy arrays or far more names than a UniFormer has: save model.state_dict() alone."
        )


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, framework="pt", device="cpu") as file:
        keys = list(file.keys())
        _check_count(len(keys), path.name)
        return {key: file.get_tensor(key) for key in keys}, dict(file.metadata() or {})


def _read_pickle(path: Path, is_zip: bool) -> dict[Any, Any]:
    if is_zip:
        _check_archive(path)
    # torch maps zip files by path only, and takes any path that ends so for safetensors.
    mapped = is_zip and path.suffix != ".safetensors"
    beside = [(_LeftOut, name) for name in _BESIDE_WEIGHTS]
    with (
        path.open("rb") as file,
        warnings.catch_warnings(),
        _LOADING,
        torch.serialization.safe_globals(beside),
    ):
        warnings.simplefilter("ignore")
        loaded = torch.load(
            path if mapped else file, map_location="cpu", weights_only=True, mmap=mapped
        )
    if not isinstance(loaded, dict):
        raise WeightsError(f"{path.name} holds a {type(loaded).__name__}, not named weights.")
    return loaded


def _check_count(tensors: int, name: str) -> None:
    if tensors > MAX_TENSORS:
        raise WeightsError(_TOO_MANY.format(name))


def _check_tensors(state: dict[str, Tensor], name: str) -> None:
    if not state:
        raise WeightsError(f"{name} holds no weights.")
    for key, value in state.items():
        odd = value.is_nested or value.is_quantized or value.is_complex()
        if odd or value.layout != torch.strided or value.device.type != "cpu":
            raise WeightsError(f"{name}: {key} is not a plain tensor.")
    # A pickle can describe a huge tensor by repeating one number, so the file's size is no bound.
    if sum(value.numel() * value.element_size() for value in state.values()) > MAX_FILE_BYTES:
        raise WeightsError(f"{name} describes tensors of more than {MAX_FILE_BYTES} bytes.")
    for key, value in state.items():
        if value.is_floating_point() and not value.float().isfinite().all():
            raise WeightsError(f"{name}: {key} holds NaN or infinite values.")
