"""Give a model its weights: the bundled file, a copy on the Hugging Face Hub, or one's own file.

Downloads are left to huggingface_hub: its cache, its resuming, its progress bar and its
environment (``HF_HOME``, ``HF_ENDPOINT``, ``HF_TOKEN``, ``HF_HUB_OFFLINE``) are the usual ones.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from huggingface_hub import constants, errors, hf_hub_download
from huggingface_hub.utils import tqdm
from torch import Tensor

from uniformer.checkpoint import (
    Contents,
    WeightsError,
    read_contents,
    sha256_of,
    split_entry,
)
from uniformer.classifier import Classifier
from uniformer.config import HubFile, ModelConfig
from uniformer.matching import (
    HEAD_KEY,
    StateKind,
    compare,
    count_classes,
    find_kind,
    guess_configs,
    lacks_auxiliary,
    official_names,
)
from uniformer.segmenter import Segmenter, WeightsRecord

__all__ = ["WeightsError", "load_state", "load_weights"]

DownloadProgress = Callable[[int, int | None], object]

DATA = Path(__file__).parent / "data"

BACKBONE_ONLY = "Only the backbone is trained; the decode head is random: the labels mean nothing."
"""The note of weights without a decode head."""

_HUB_ID = re.compile(
    r"(?P<repo>(?P<owner>\w[\w.-]*)/\w[\w.-]*)/(?P<file>[^@\\]+)(@(?P<revision>\S+))?"
)
_HELP = "pass a path to a .pth or .safetensors file, use the model nano, or pass weights=None"
_UNSEEN = "neither head_dim nor the reach they were trained for can be checked in a file."
_NO_AUXILIARY = "There is no auxiliary head in it, which only training uses: it stays random."
_UNREACHABLE = "the Hub cannot be reached and the cache has no copy"

# Subclasses stand before the classes they derive from.
_HUB_ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (errors.GatedRepoError, "its owner asks for terms to be accepted: log in with `hf auth login`"),
    (errors.RepositoryNotFoundError, "there is no such repository, or it is private"),
    (errors.RevisionNotFoundError, "there is no such revision"),
    (errors.LocalEntryNotFoundError, _UNREACHABLE),
    (errors.EntryNotFoundError, "the repository has no such file"),
)


@dataclass(frozen=True)
class _Found:
    path: Path
    source: str
    note: str
    sha256: str | None = None
    cached: bool = False
    entry: str | None = None


def load_weights(model: Segmenter, source: str, progress: DownloadProgress | None = None) -> None:
    """Fill ``model`` with the weights called ``source`` and set ``model.weights``.

    ``source`` is ``"default"`` (the bundled file, else a copy on the Hub), a path to a ``.pth`` or
    ``.safetensors`` file, or a Hub id ``owner/repo/file``, ``owner/repo/file@revision``; ``#ENTRY``
    after a path or an id chooses among several weights in one file.
    ``progress(bytes, total)`` is called during a download; total is None while unknown.

    An ImageNet backbone fills the backbone alone, and the record then says untrained. A model that
    nobody has released weights for yet stays untrained under ``"default"``.

    Raises :class:`WeightsError`, with the model and its record untouched, when the weights cannot
    be had, cannot be read, have another sha256 than the known one, or do not fit.
    """
    found = _find(model.config, os.fspath(source), progress)
    if found is None:
        return
    contents = _read(found)
    state = contents.state
    digest = sha256_of(found.path)
    if found.sha256 not in (None, digest):
        raise WeightsError(
            f"{found.source} is not the expected file (sha256 {digest[:12]}... instead of "
            f"{found.sha256[:12]}...): delete {found.path.resolve()} and try again."
        )
    kind = load_state(model, state, found.source)
    note = found.note
    trained = kind == "segmenter" or isinstance(model, Classifier)
    if not trained:
        note = BACKBONE_ONLY
    taken = contents.taken
    if kind == "segmenter" and lacks_auxiliary(state, model.state_dict()):
        taken = f"{taken} {_NO_AUXILIARY}".lstrip()
    model.weights = WeightsRecord(trained, found.source, digest, note, taken)


def known_scores(model: Segmenter) -> dict[str, dict[str, Any]]:
    """Return the scores by domain on the card of the bundled weights, if those are the model's."""
    card = _bundled_card(model.config)
    return _scores(card) if card.get("sha256") == model.weights.sha256 else {}


def bundled_scores(config: ModelConfig) -> dict[str, dict[str, Any]]:
    """Return the scores by domain on the card of a model's bundled weights; none without."""
    return _scores(_bundled_card(config))


def _bundled_card(config: ModelConfig) -> dict[str, Any]:
    if config.bundled is None:
        return {}
    return json.loads((DATA / f"{config.bundled}.json").read_text(encoding="utf-8"))


def _scores(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    every = card.get("scores", [])
    return {name: found for scores in every for name, found in scores["domains"].items()}


def load_state(
    model: Segmenter, state: Mapping[str, Tensor], source: str = "the state"
) -> StateKind:
    """Copy ``state`` into ``model`` and return which kind it was: a segmenter or a backbone.

    Values are cast to the model's dtype. What a backbone file lacks stays as it is in the model.
    Raises :class:`WeightsError`, with the model untouched, unless names and shapes fit.
    """
    own = model.state_dict()
    difference = compare(state, own)
    if not difference:
        # Not strict: `compare` was, and knows what may be absent.
        model.load_state_dict(official_names(state, own), strict=False)
        return find_kind(state)
    if not compare(state, own, any_classes=True):
        classes = count_classes(state) or len(official_names(state, own)[HEAD_KEY])
        if classes < 2:
            raise WeightsError(f"{source} has 1 class, and a model here has 2 to 255.")
        error = WeightsError(
            f"{source} has {classes} classes and the model {len(model.classes)}: "
            f"pass num_classes={classes}, or train a new classifier on an ImageNet backbone file."
        )
        error.num_classes = classes
        raise error
    if names := guess_configs(state):
        advice = f"It has the shapes of {', '.join(names)}; {_UNSEEN}"
    else:
        advice = "No model here has these names and shapes."
    if "aux_head.weight" in state:
        advice += " It is a Token Labeling classifier, most of which have another head_dim."
    raise WeightsError(f"{source} does not fit {model.config.name} ({difference}). {advice}")


def _find(config: ModelConfig, source: str, progress: DownloadProgress | None) -> _Found | None:
    if source == "default":
        return _find_default(config, progress)
    path, entry = split_entry(os.path.expanduser(source))
    if os.path.isfile(path):
        return _Found(path, source, f"Loaded from {path.name}; {_UNSEEN}", entry=entry)
    if os.path.isdir(os.path.expanduser(source)):
        raise WeightsError(f"{path} is a folder: name the .pth or .safetensors file in it.")
    source = source.removesuffix(f"#{entry}")
    hub = _HUB_ID.fullmatch(source)
    if hub is None or os.path.isdir(hub["owner"]):
        raise WeightsError(
            f"There is no file {source}: weights can be a path to a .pth or .safetensors file, "
            "a Hub id like owner/repo/file.pth, 'default', or None for an untrained model."
        )
    file = HubFile(hub["repo"], hub["file"], hub["revision"] or "main")
    try:
        return replace(_download(file, progress), entry=entry)
    except Exception as error:  # which transport raises differs between huggingface_hub versions
        raise WeightsError(
            f"There is no file {source} here, and as a Hub id it failed: {reason_of_hub(error)}."
        ) from error


def _find_default(config: ModelConfig, progress: DownloadProgress | None) -> _Found | None:
    if config.bundled is not None:
        return _bundled(config.bundled)
    if config.hub:
        return _first_download(config, progress)
    if config.drive_id is not None:
        raise WeightsError(
            f"{config.name} has no copy on the Hub: download {_drive_link(config)} in a browser "
            "and pass its path as weights, use the model nano, or pass weights=None."
        )
    if config.published_miou is not None:
        raise WeightsError(f"The authors never released a checkpoint of {config.name}: {_HELP}.")
    return None


def _bundled(filename: str) -> _Found:
    path = DATA / filename
    try:
        card = json.loads(path.with_name(f"{filename}.json").read_text(encoding="utf-8"))
        path.stat()
        return _Found(path, f"bundled {filename}", "Bundled with this package.", card["sha256"])
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"The bundled weights {filename} or their card are missing or damaged: install again."
        ) from error


def _first_download(config: ModelConfig, progress: DownloadProgress | None) -> _Found:
    failed: dict[str, list[str]] = {}
    for file in config.hub:
        try:
            # Without a network, asking again would only wait again; the cache may still answer.
            return _download(file, progress, cache_only=_UNREACHABLE in failed)
        except Exception as error:  # which transport raises differs between versions
            failed.setdefault(reason_of_hub(error), []).append(file.repo_id)
    reasons = "; ".join(f"{' and '.join(repos)}: {reason}" for reason, repos in failed.items())
    drive = "" if config.drive_id is None else f" (the authors' copy is {_drive_link(config)})"
    raise WeightsError(
        f"The weights of {config.name} could not be downloaded ({reasons}): {_HELP}{drive}."
    )


def _download(file: HubFile, progress: DownloadProgress | None, cache_only: bool = False) -> _Found:
    path = hf_hub_download(
        file.repo_id,
        file.filename,
        revision=file.revision,
        local_files_only=cache_only,
        tqdm_class=None if progress is None else _reporting_bar(progress),
    )
    checked = "checked against its known sha256." if file.sha256 else _UNSEEN
    return _Found(
        path=Path(path),
        source=f"{file.repo_id}/{file.filename}@{file.revision}",
        note=f"Downloaded from the Hugging Face Hub; {checked}",
        sha256=file.sha256,
        cached=True,
    )


def _read(found: _Found) -> Contents:
    try:
        return read_contents(found.path, found.entry)
    except WeightsError as error:
        if not found.cached:
            raise
        cause = str(error).rstrip(".")
        raise WeightsError(
            f"{cause}; to download it again, delete {found.path.resolve()}."
        ) from error


def reason_of_hub(error: Exception) -> str:
    """Say why a download failed, without full stop."""
    reason = next((text for kind, text in _HUB_ERRORS if isinstance(error, kind)), None)
    if reason == _UNREACHABLE and constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set and the cache has no copy"
    return reason or str(error).strip().partition("\n")[0].rstrip(".")


def _reporting_bar(progress: DownloadProgress) -> type[tqdm]:
    class Bar(tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            if self.disable:  # a switched-off bar does not count
                self.n += n
            progress(self.n, self.total)
            return shown

    return Bar


def _drive_link(config: ModelConfig) -> str:
    return f"https://drive.google.com/file/d/{config.drive_id}"
