"""Make a folder to train on: pictures, what is known of them, and what the teachers think.

``OUT/images/train``, ``OUT/masks/train`` (ids of :mod:`training.vocabulary`) and
``OUT/confidence/train`` (0 to 255 for 0 to 1), ``OUT/classes.json``. A true label is kept wherever
there is one, with confidence 1; of a group of classes the teachers choose the member when they are
sure of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from training.teachers import ADE_IDS, VOC_IDS, Opinion, Teachers
from training.vocabulary import (
    FIRST_GROUP,
    OTHER,
    UNKNOWN,
    from_coarse,
    from_coco,
    groups,
    read_id_names,
)
from uniformer.classes import class_set
from uniformer.dataset import DatasetError, list_pictures, pair_annotations, read_annotation
from uniformer.files import replace_file
from uniformer.pictures import PictureError, open_picture

NEAR_COPY = 6
"""Bits of 64 by which the hashes of two copies of one picture differ at most."""

TAUGHT = np.union1d(ADE_IDS, VOC_IDS)
SURE_OF_MEMBER = 0.5
LOOKED_AT = 768
"""Longest side that the teachers are shown, in pixels: their inputs have 512."""

QUALITY = 90


@dataclass(frozen=True)
class Source:
    """A folder of pictures, with label maps in ``vocabulary`` ("everyday22" or "coco") or none.

    Names of coco's ids stand in the file ``names``, JSON. ``prefix`` is put before the names of
    the pictures: what stands before the first underscore is a picture's source.
    """

    images: Path
    masks: Path | None = None
    vocabulary: str = "everyday22"
    names: Path | None = None
    prefix: str = ""


def label_folder(
    source: Source,
    teachers: Path,
    out: Path,
    longest_side: int,
    exclude: Sequence[Path] = (),
    processes: int = 1,
) -> tuple[int, list[str]]:
    """Write the pictures of ``source`` into ``out`` and return how many, and which were left out.

    Pictures that are there already are not made again. One that is a near copy of a picture in a
    folder of ``exclude`` (dHash) is left out, and removed if it is there already, so that nothing
    is learned from what is used to judge. Raises :class:`~uniformer.dataset.DatasetError` for a
    folder, file or label map that cannot be used, naming it.
    """
    table = _table(source)
    pairs = (
        [(file, None) for file in list_pictures(source.images)]
        if source.masks is None
        else pair_annotations(source.images, source.masks)
    )
    stem, uses = Counter(file.stem for file, _ in pairs).most_common(1)[0]
    if uses > 1:
        raise DatasetError(
            f"{uses} pictures in {source.images} are called {stem}: rename all but one."
        )
    kept_apart = [_hash(open_picture(f)) for folder in exclude for f in list_pictures(folder)]
    _write_classes(out)
    for kind in ("images", "masks", "confidence"):
        (out / kind / "train").mkdir(parents=True, exist_ok=True)
    work = _Work(teachers, out, longest_side, table, source.prefix, kept_apart)
    Teachers(teachers)  # so that a missing file is told once, here
    if processes == 1:
        left_out = [name for name in map(work, pairs) if name]
    else:
        with get_context("spawn").Pool(processes) as pool:
            left_out = [name for name in pool.imap_unordered(work, pairs, chunksize=8) if name]
    return len(pairs) - len(left_out), left_out


class _Work:
    """Labels one pair of files; in a process of its own it loads the teachers once."""

    def __init__(
        self,
        teachers: Path,
        out: Path,
        longest_side: int,
        table: np.ndarray,
        prefix: str,
        apart: Sequence[int],
    ) -> None:
        self.folder, self.out, self.longest_side = teachers, out, longest_side
        self.table, self.prefix = table, prefix
        self.apart = np.array(apart, dtype=np.uint64)

    def __call__(self, pair: tuple[Path, Path | None]) -> str | None:
        """Write what is known of the picture, or return its name where it is left out."""
        global _teachers
        file, mask = pair
        targets = [
            self.out / kind / "train" / f"{self.prefix}{file.stem}.{suffix}"
            for kind, suffix in (("masks", "png"), ("confidence", "png"), ("images", "jpg"))
        ]
        done = targets[-1].is_file()
        if done and not len(self.apart):
            return None
        try:
            picture = open_picture(file)
        except PictureError as error:
            raise DatasetError(f"{file.parent}: {error}") from error
        if (
            len(self.apart)
            and np.bitwise_count(self.apart ^ np.uint64(_hash(picture))).min() <= NEAR_COPY
        ):
            for target in reversed(targets):  # the picture first: without it none is learned from
                target.unlink(missing_ok=True)
            return file.name
        if done:
            return None
        true = None if mask is None else read_annotation(mask, picture.shape[:2], 255)
        if _teachers is None:
            cv2.setNumThreads(1)
            _teachers = Teachers(self.folder)
        opinion = _teachers(_reduced(picture, LOOKED_AT, cv2.INTER_AREA))
        small = _reduced(picture, self.longest_side, cv2.INTER_AREA)
        labels, confidence = known(opinion, small.shape[:2], true, self.table)
        for target, array in zip(
            targets, (labels, np.round(confidence * 255), small[..., ::-1]), strict=True
        ):
            options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY] if target.suffix == ".jpg" else []
            data = cv2.imencode(target.suffix, array.astype(np.uint8), options)[1].tobytes()
            replace_file(target, partial(_write, data))
        return None


_teachers: Teachers | None = None


def known(
    opinion: Opinion, size: tuple[int, int], true: np.ndarray | None, table: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return ids uint8 and confidence float32 at ``size`` = (height, width).

    ``true`` holds ids of another vocabulary that ``table`` translates, or is None.
    """
    width_height = size[::-1]
    labels = cv2.resize(opinion.labels, width_height, interpolation=cv2.INTER_NEAREST_EXACT)
    confidence = cv2.resize(opinion.confidence, width_height, interpolation=cv2.INTER_NEAREST_EXACT)
    if true is None:
        return labels, confidence
    truth = table[cv2.resize(true, width_height, interpolation=cv2.INTER_NEAREST_EXACT)]
    other, certain = truth == OTHER, truth < OTHER
    labels = np.where(certain, truth, np.where(other, np.uint8(UNKNOWN), labels))
    confidence = np.where(certain, np.float32(1), np.where(other, np.float32(0), confidence))
    for group, members in enumerate(groups()):
        places = truth == FIRST_GROUP + group
        if not places.any():
            continue
        # A teacher that cannot say "sand" is no judge between earth and sand; VOC's has a
        # background, so what it does say of a group with an unknown member counts.
        ids = np.flatnonzero(members)
        judged = ids if np.isin(ids, TAUGHT).all() else ids[np.isin(ids, VOC_IDS)]
        if not len(judged):
            continue
        among = np.stack(
            [
                cv2.resize(
                    opinion.probability(int(index)), width_height, interpolation=cv2.INTER_LINEAR
                )
                for index in judged
            ]
        )
        sure = places & (among.max(0) > SURE_OF_MEMBER)
        labels[sure] = judged[among.argmax(0)[sure]]
    return labels, confidence


def _write(data: bytes, file: BinaryIO) -> None:
    file.write(data)


def _table(source: Source) -> np.ndarray:
    if source.vocabulary == "everyday22":
        return from_coarse()
    if source.vocabulary != "coco" or source.names is None:
        raise DatasetError(
            f"The label maps in {source.masks} must be of everyday22, or of coco with its names."
        )
    return from_coco(read_id_names(source.names))


def _write_classes(out: Path) -> None:
    everyday = class_set("everyday50")
    rows = [
        {"id": index, "name": name, "color": list(bytes.fromhex(color[1:]))}
        for index, (name, color) in enumerate(zip(everyday.names, everyday.colors, strict=True))
    ]
    members = [
        {"id": FIRST_GROUP + index, "members": np.flatnonzero(row).tolist()}
        for index, row in enumerate(groups())
        if row.sum() > 1
    ]
    text = json.dumps({"classes": rows, "groups": members}, indent=1).encode() + b"\n"
    target = out / "classes.json"
    if target.exists() and target.read_bytes() != text:
        raise DatasetError(f"{out} holds pictures of other classes: name another folder with -o.")
    out.mkdir(parents=True, exist_ok=True)
    replace_file(target, lambda file: file.write(text))


def _reduced(picture: np.ndarray, longest_side: int, kind: int) -> np.ndarray:
    factor = longest_side / max(picture.shape[:2])
    if factor >= 1:
        return picture
    size = tuple(max(1, round(side * factor)) for side in picture.shape[1::-1])
    return cv2.resize(picture, size, interpolation=kind)


def _hash(picture: np.ndarray) -> int:
    """Return the 64 bits that say whether brightness rises from left to right (dHash)."""
    grey = cv2.resize(
        cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA
    )
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")
