"""What the commands of the command line do; :mod:`uniformer.cli` reads the arguments."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from glob import glob
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from uniformer import heap
from uniformer.annotations import check_folder, labelled_pictures, write_annotations
from uniformer.authorship import of_others, written_here
from uniformer.batch import PhotoBatch
from uniformer.checkpoint import WeightsError, convert_checkpoint, inspect_checkpoint
from uniformer.classify import classify
from uniformer.dataset import list_photos
from uniformer.engines import ENGINES, fastest_engine, optimize_for_inference
from uniformer.engines.model import Predictor
from uniformer.errors import PictureError, at_path, hits_all, reason_of, stopped
from uniformer.export import export_onnx
from uniformer.factory import create_model
from uniformer.files import file_names, replace_file, shown
from uniformer.manifest import write_manifest
from uniformer.model_table import model_table
from uniformer.options import for_command_line
from uniformer.runtime import find_device
from uniformer.segmentation import FILES
from uniformer.segmenter import Segmenter
from uniformer.sharding import run_sharded

NAMED_CLASSES = 3
"""Classes, largest first, on the line that tells of one photo."""


def run_segment(args: argparse.Namespace) -> int:
    """Label photos one by one, in one process or several; 1 when some could not be read."""
    if args.engine == "auto":  # one for all processes, and for the manifest
        args.engine = _engine_for_all(args)
    photos = list_photos(_expanded(args.photos), args.recursive, telling_once("uniformer"))
    _check_tables(args.output)
    for name in args.format:
        check_folder(args.output / name)
    names = file_names(photos, lambda name: bool(of_others(args.output, name, FILES)))
    work = list(zip(photos, names, strict=True))
    failed = run_sharded(partial(_label_share, args, work), args.processes)
    if failed is None:  # the first process of torchrun tells of all
        return 0
    if len(work) > 1 or args.format:
        _write_tables(args, work)
    return 1 if failed else 0


def _engine_for_all(args: argparse.Namespace) -> str:
    """Return what ``auto`` stands for: that of a run which this one goes on with, or the fastest.

    Raises ``ValueError`` for processes of torchrun, each of which would find its own.
    """
    for file in args.output.glob("*.json"):
        try:
            before = json.loads(file.read_text(encoding="utf-8"))["settings"]
            if before["precision"] == args.precision:
                return before["engine"].split()[0]
        except (OSError, ValueError, KeyError, TypeError):  # another's file
            continue
    if "RANK" in os.environ:
        raise ValueError(
            f"Under torchrun name the engine, {', '.join(ENGINES)}: each process would find the "
            "fastest for itself."
        )
    return fastest_engine(_create(args, args.device), args.precision)


def _write_tables(args: argparse.Namespace, work: Sequence[tuple[Path, str]]) -> None:
    """Write what is about all photos: the manifest, and the files for other tools."""
    batch = _open_batch(args)
    if len(work) > 1:
        write_manifest(batch, work)
    pictures = labelled_pictures(batch, work) if args.format else []
    for name in args.format if pictures else ():
        folder = args.output / name
        files = write_annotations(name, pictures, batch.model.classes, folder)
        print(f"{name}: {len(pictures)} labelled -> {files[0] if len(files) == 1 else folder}")


def run_video(args: argparse.Namespace) -> int:
    """Label a film frame by frame."""
    from uniformer.video import label_video

    target = args.output or args.film.with_name(f"{args.film.stem}.labelled.webm")
    model = _open_model(args)
    _tell_weights(model)
    with tqdm(unit="frame", disable=None) as bar:
        frames = label_video(args.film, target, model, progress=telling(bar), **_prediction(args))
    print(f"{args.film}: {frames} frame{'s' * (frames != 1)} -> {target}")
    return 0


def run_classify(args: argparse.Namespace) -> int:
    """Name what photos show, one by one; 1 when some could not be read."""
    if args.top < 1:
        raise ValueError(f"Name at least one class, not {args.top}.")
    photos = list_photos(_expanded(args.photos), args.recursive, telling_once("uniformer"))
    failed = 0
    model = _open_model(args)
    _tell_weights(model)
    for photo in photos:
        try:
            found = classify(photo, model, whole=args.whole, short_side=args.short_side)
        except PictureError as error:
            failed += 1
            print(f"uniformer: error: {at_path(photo, error)}", file=sys.stderr)
            continue
        except Exception as error:  # whatever one photo does, the others are named
            failed += 1
            print(f"uniformer: error: {shown(photo)}: {reason_of(error)}", file=sys.stderr)
            continue
        for note in found.notes:
            print(f"uniformer: note: {shown(photo)}: {note}", file=sys.stderr)
        if args.json:
            print(
                json.dumps({"file": shown(photo), **found.describe(args.top)}, ensure_ascii=False)
            )
            continue
        print(shown(photo))
        for row in found.top(args.top):
            print(f"{row.rank:>4}. {row.name}  {row.probability:.1%}")
    return 1 if failed else 0


def run_models(args: argparse.Namespace) -> int:
    """Print a line per model."""
    rows = model_table(args.count)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip())
    print(
        "* percent as published by the authors, not measured here: mIoU on ADE20K val, single "
        "scale; of classifiers (-cls) top-1 accuracy on ImageNet val, with GMAC at 224x224."
    )
    return 0


def run_inspect(args: argparse.Namespace) -> int:
    """Print what a checkpoint file holds."""
    report = asdict(inspect_checkpoint(args.file))
    if args.json:
        print(json.dumps(report))
        return 0
    for name, value in report.items():
        print(f"{name.replace('_', ' ') + ':':<14} {_plain(value)}")
    return 0


def run_convert(args: argparse.Namespace) -> int:
    """Rewrite a checkpoint as safetensors."""
    convert_checkpoint(args.file, args.out)
    print(f"{args.file} -> {args.out}")
    return 0


def run_evaluate(args: argparse.Namespace) -> int:
    """Score a model, print the table, write the report; 1 when pictures had to be left out."""
    from uniformer.evaluate import evaluate  # torchmetrics takes seconds to import

    if args.output is not None and not args.output.parent.is_dir():
        raise ValueError(f"There is no folder {args.output.parent} to write {args.output.name} to.")
    if args.output is not None and args.output.exists() and not written_here(args.output):
        raise ValueError(f"{args.output} is no report of this program: name another file with -o.")
    model = _open_model(args)
    _tell_weights(model)
    with tqdm(unit="picture", disable=None) as bar:
        result = evaluate(
            model,
            args.images,
            args.annotations,
            annotation_suffix=args.annotation_suffix,
            recursive=args.recursive,
            zero_is_other=args.zero_is_other,
            resume=args.resume,
            progress=telling(bar),
            **_prediction(args),
        )
    if args.output is not None:
        replace_file(args.output, lambda file: file.write(result.to_json().encode()))
    print(result.table())
    for sentence in result.left_out:
        print(f"uniformer: error: {for_command_line(sentence)}", file=sys.stderr)
    return 1 if result.left_out else 0


def run_export(args: argparse.Namespace) -> int:
    """Write a model as ONNX."""
    model = _create(args, "cpu")
    _tell_weights(model)
    file = export_onnx(
        model,
        args.output,
        form=args.form,
        size=args.size,
        outputs=args.outputs,
        weights=args.stored,
    )
    print(f"{args.model} -> {file} ({file.stat().st_size / 1e6:.1f} MB)")
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "segment": run_segment,
    "video": run_video,
    "classify": run_classify,
    "models": run_models,
    "inspect": run_inspect,
    "convert": run_convert,
    "evaluate": run_evaluate,
    "export": run_export,
}


def telling_once(program: str) -> Callable[[str], None]:
    """Return what prints a warning of ``program``, in the first process of torchrun alone."""
    if os.environ.get("RANK", "0") != "0":
        return lambda sentence: None
    return lambda sentence: print(
        f"{program}: warning: {for_command_line(sentence)}", file=sys.stderr
    )


def _expanded(arguments: Sequence[Path]) -> list[Path]:
    """Return the arguments with patterns such as ``*.png`` resolved where the shell did not."""
    paths: list[Path] = []
    for path in arguments:
        fits = [] if path.exists() or not set("*?[") & set(str(path)) else glob(str(path))
        paths += map(Path, sorted(fits)) if fits else [path]
    return paths


def _check_tables(folder: Path) -> None:
    """Refuse a folder whose manifest is somebody else's, before any work is done for it."""
    for file in of_others(folder, "manifest", ("csv", "parquet")):
        raise ValueError(
            f"{file} was not written by this program and would be replaced: choose another folder "
            "with -o."
        )


def _label_share(
    args: argparse.Namespace, work: Sequence[tuple[Path, str]], rank: int, count: int
) -> int:
    """Label every ``count``-th photo from ``rank`` on and return how many could not be read."""
    heap.reuse()
    batch, failures = _open_batch(args, rank), []
    if rank == 0:
        _tell_weights(batch.model)
    share = work[rank::count]
    bar = tqdm(share, unit="photo", disable=None if len(share) > 1 else True)
    try:
        with ThreadPoolExecutor(1) as writer:  # one photo is written while the next is labelled
            writing: tuple[Path, Future[None]] | None = None
            for photo, name in bar:
                try:
                    record, write = batch.predict(photo, name)
                except PictureError as error:
                    failures.append(at_path(photo, error))
                    continue
                except Exception as error:  # whatever one photo does, the others are labelled
                    failures.append(f"{shown(photo)}: {reason_of(error)}")
                    continue
                failures += _unwritten(writing)
                told = partial(_tell_of, photo, record, args.output / name)
                writing = photo, writer.submit(_write_and_tell, write, told)
            failures += _unwritten(writing)
    finally:
        for failure in failures:
            print(f"uniformer: error: {failure}", file=sys.stderr)
    return len(failures)


def _unwritten(writing: tuple[Path, Future[None]] | None) -> list[str]:
    """Wait for the files of a photo and return why they could not be written, if so.

    Raises ``ValueError`` where those of the other photos could not be written either.
    """
    if writing is None:
        return []
    photo, written = writing
    try:
        written.result()
    except Exception as error:  # whatever one photo does, the others are labelled
        if hits_all(error):
            raise stopped(error) from error
        return [f"{shown(photo)}: {reason_of(error)}"]
    return []


def _write_and_tell(write: Callable[[], Any], tell: Callable[[], None]) -> None:
    write()
    tell()


def _tell_of(photo: Path, record: dict[str, Any], target: Path) -> None:
    tqdm.write(f"{shown(photo)}: {_summary(record)} -> {shown(target)}.*")
    for note in record["picture"].get("notes", ()):
        tqdm.write(f"uniformer: note: {shown(photo)}: {note}", file=sys.stderr)


def model_of(args: argparse.Namespace, program: str, **options: Any) -> Segmenter:
    """Return the model that the arguments ask for, with as many classes as the weights have.

    Unless the arguments say which classes there are, a file says itself how many. Raises what
    :func:`uniformer.create_model` raises.
    """
    asked = {"reach": args.reach, "window_size": args.window_size, **options}
    asked |= {"num_classes": args.num_classes, "class_names": args.class_names}
    weights = None if args.weights.lower() == "none" else args.weights
    try:
        return create_model(args.model, weights=weights, **asked)
    except WeightsError as error:
        if error.num_classes is None:
            raise
        if args.num_classes or args.class_names:
            said = str(error).replace("num_classes=", "--num-classes ")
            raise WeightsError(said) from error
        print(
            f"{program}: warning: {args.weights} has {error.num_classes} classes without names.",
            file=sys.stderr,
        )
        asked["num_classes"] = error.num_classes
        return create_model(args.model, weights=weights, **asked)


def _open_batch(args: argparse.Namespace, rank: int = 0) -> PhotoBatch:
    files = [*args.files, *(["labels.png"] if args.format else [])]
    return PhotoBatch(_open_model(args, rank), args.output, _prediction(args), files)


def _open_model(args: argparse.Namespace, rank: int = 0) -> Predictor:
    """Return the model asked for, ready to predict; unless told, each rank has its own GPU."""
    name = args.device
    if name in (None, "cuda") and torch.cuda.device_count() > 1:
        name = f"cuda:{rank % torch.cuda.device_count()}"
    model = _create(args, name)
    if args.exact:
        return model
    engine, precision = getattr(args, "engine", "torch"), getattr(args, "precision", "float32")
    return optimize_for_inference(model, engine, precision)


def _create(args: argparse.Namespace, device: str | None) -> Segmenter:
    return model_of(args, "uniformer", device=find_device(device))


def _tell_weights(model: Predictor) -> None:
    """Say what was taken of a file that held more, and when the labels mean nothing."""
    if model.weights.taken:
        print(f"uniformer: note: {model.weights.taken}", file=sys.stderr)
    if not model.weights.trained:
        print(f"uniformer: warning: {model.weights.note}", file=sys.stderr)


def telling(bar: tqdm) -> Callable[[int, int | None], None]:
    """Return what tells ``bar`` how much is done and how much there is."""

    def progress(done: int, total: int | None) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return progress


def _prediction(args: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments that ``segment`` and ``evaluate`` share."""
    names = ("mode", "flip", "scales", "short_side", "precision")
    return {name: getattr(args, name) for name in names}


def _summary(record: dict[str, Any]) -> str:
    """Return the largest classes and their share of the picture."""
    rows = record["table"][:NAMED_CLASSES]
    return ", ".join(f"{row['name']} {row['share']:.0%}" for row in rows)


def _plain(value: Any) -> str:
    """Return a value of a report as text."""
    if isinstance(value, dict):
        value = [f"{key} {item}" for key, item in value.items()]
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, int):
        return f"{value:,}"
    return "-" if value is None else str(value)
