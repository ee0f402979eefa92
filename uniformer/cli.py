"""The command line, ``python -m uniformer``: what can be asked, and how failures are told.

What the commands do is in :mod:`uniformer.commands`, which is only imported once there is one to
run: it needs PyTorch, and help should not wait for that.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path

from uniformer.config import CLASSIFIERS, MODELS
from uniformer.options import (
    Parser,
    add_annotated,
    add_classes,
    add_output,
    add_photos,
    add_processes,
    add_reach,
    add_weights,
    exit_code,
)

EXAMPLES = """examples:
  python -m uniformer segment photo.jpg
  python -m uniformer segment photos/ -o labelled --model small-upernet --weights my.pth
  python -m uniformer video walk.mp4
  python -m uniformer classify photo.jpg --model small-cls
  python -m uniformer models
  python -m uniformer inspect upernet_global_small.pth
  python -m uniformer convert upernet_global_small.pth upernet_global_small.safetensors
  python -m uniformer evaluate --images images/validation --annotations annotations/validation
  python -m uniformer export nano -o nano.onnx

"COMMAND --help" says more about each."""

SEGMENT = """Label photos. For each these files are written: NAME.labels.png (class ids),
NAME.overlay.png and NAME.json (class table and settings); --files chooses others: NAME.colors.png,
NAME.npz (labels uint8, and confidence, entropy and margin as float16). The JSON always comes, since
it tells what is done. Photos of one name get -2, -3, ... appended. A photo that cannot be read is
named at the end and does not stop the others; the exit code is then 1. Several photos get a table,
manifest.parquet and manifest.csv. What a folder has beside photos is left out and told, results of
this program among it; other files are not replaced. What is done already is not done again: after
an interruption, run the same command once more. torchrun shares the photos among its processes.
--format writes the labels for annotation tools as well, each format into a folder of its name."""

FILES = {
    "labels": "labels.png",
    "colors": "colors.png",
    "overlay": "overlay.png",
    "npz": "npz",
    "json": "json",
}
"""The files of one photo, by what they are called here."""

FORMATS = ("coco", "coco-panoptic", "labelme", "label-studio", "cvat", "geojson")
"""What :mod:`uniformer.annotations` writes; naming them here spares help the import."""

VIDEO = """Label a film frame by frame. Writes it with the class colours over it, as WebM without
sound, and beside it a CSV with the share of each class in every frame. Each frame is labelled on
its own, so labels may flicker."""

CLASSIFY = """Say what photos show: the most probable of ImageNet's 1000 classes, best first. As in
the official test only the square in the middle of a photo is looked at."""

EVALUATE = """Score a model on annotated pictures: mIoU, mean and overall pixel accuracy, boundary
IoU. The annotation of NAME.jpg is NAME.png, one class id per pixel, 255 for "not annotated"."""

EXPORT = """Write a model as an ONNX file for other programs and browsers. Its input is "image",
normalised RGB (1, 3, height, width); its first output is "logits". The file's metadata tell the
classes and how a picture becomes the input."""

EVALUATE_EXAMPLE = """example, on ADE20K as downloaded:
  python -m uniformer evaluate --model small-upernet --zero-is-other \\
    --images ADEChallengeData2016/images/validation \\
    --annotations ADEChallengeData2016/annotations/validation \\
    --resume ade20k.state.json -o ade20k.json"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 for a failure, 130 when interrupted.

    Failures are one sentence on stderr. Wrong usage raises ``SystemExit`` with 2, as argparse does.
    """
    parser = build_parser()
    args = parser.parse_args(argv)
    if getattr(args, "exact", False) and getattr(args, "engine", "torch") != "torch":
        parser.error("--exact is PyTorch's own path: leave out --engine")

    def run() -> int:
        from uniformer.commands import COMMANDS  # which need PyTorch

        return COMMANDS[args.command](args)

    return exit_code("uniformer", run)


def build_parser() -> Parser:
    """Return the parser of the whole command line."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog="python -m uniformer",
        description="UniFormer semantic segmentation: label photos, look into checkpoints, score.",
        epilog=EXAMPLES,
        formatter_class=plain,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    segment = commands.add_parser("segment", help="label photos", description=SEGMENT)
    add_photos(segment)
    add_output(segment, "segmented")
    segment.add_argument(
        "--files",
        type=_files,
        default=_files("labels,overlay,json"),
        metavar="A,B,...",
        help=f"what to write: {', '.join(FILES)} (default: labels,overlay,json)",
    )
    segment.add_argument(
        "--format",
        type=_formats,
        default=(),
        metavar="A,B,...",
        help=f"write the labels for other tools, too: {', '.join(FORMATS)}",
    )
    add_processes(segment)
    _add_model(segment)
    _add_prediction(segment)

    video = commands.add_parser("video", help="label a film frame by frame", description=VIDEO)
    video.add_argument("film", type=Path, metavar="FILM", help="MP4, WebM, AVI, ...")
    video.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="the labelled film, .webm (default: beside it, NAME.labelled.webm)",
    )
    _add_model(video)
    _add_prediction(video)

    classify = commands.add_parser("classify", help="name what photos show", description=CLASSIFY)
    add_photos(classify)
    classify.add_argument(
        "--top", type=int, default=5, metavar="N", help="classes to name (default: %(default)s)"
    )
    classify.add_argument(
        "--whole", action="store_true", help="show all of each photo, not the square in its middle"
    )
    classify.add_argument(
        "--short-side", type=int, metavar="PX", help="of a whole photo as it is shown to the model"
    )
    classify.add_argument("--json", action="store_true", help="print a line of JSON per photo")
    _add_model(classify, CLASSIFIERS, "small-cls")

    models = commands.add_parser("models", help="list the models")
    models.add_argument(
        "--count", action="store_true", help="count multiply-accumulates too (some seconds)"
    )

    inspect = commands.add_parser("inspect", help="say what a checkpoint file holds")
    inspect.add_argument("file", type=Path, metavar="FILE", help=".pth or .safetensors")
    inspect.add_argument("--json", action="store_true", help="print JSON instead of text")

    convert = commands.add_parser("convert", help="rewrite a checkpoint as safetensors")
    convert.add_argument("file", type=Path, metavar="FILE", help=".pth or .safetensors")
    convert.add_argument("out", type=Path, metavar="OUT", help="the new .safetensors file")

    evaluate = commands.add_parser(
        "evaluate",
        help="score a model on annotated pictures",
        description=EVALUATE,
        epilog=EVALUATE_EXAMPLE,
        formatter_class=plain,
    )
    _add_evaluation(evaluate)
    _add_model(evaluate)
    _add_prediction(evaluate)

    export = commands.add_parser("export", help="write a model as ONNX", description=EXPORT)
    _add_export(export)
    return parser


def _add_evaluation(parser: argparse.ArgumentParser) -> None:
    add_annotated(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write all figures to this file, as JSON"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="keep the state here, and go on from it"
    )


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        choices=(*MODELS, *CLASSIFIERS),
        metavar="MODEL",
        help='one that "models" lists, for example nano',
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the new .onnx file"
    )
    parser.add_argument(
        "--form",
        choices=("plain", "rewritten", "winograd"),
        default="plain",
        help="plain follows the official operations, rewritten needs fewer, winograd fewer still "
        "in wide 3x3 convolutions, for float32 only (default: %(default)s)",
    )
    parser.add_argument(
        "--size",
        type=_size,
        metavar="HxW",
        help="height and width in pixels that the file takes (default: every size)",
    )
    parser.add_argument(
        "--outputs",
        type=lambda text: tuple(text.split(",")),
        default=(),
        metavar="A,B",
        help="beside the logits: stages (their maps), blocks (queries, keys, values, kernels)",
    )
    parser.add_argument(
        "--stored",
        choices=("float32", "float16"),
        default="float32",
        help="weights in the file; arithmetic is float32 (default: %(default)s)",
    )
    group = parser.add_argument_group("model")
    add_weights(group)
    add_reach(group)
    add_classes(group)


def _add_model(
    parser: argparse.ArgumentParser, known: Collection[str] = MODELS, default: str = "nano"
) -> None:
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        choices=known,
        default=default,
        metavar="NAME",
        help='one that "models" lists (default: %(default)s)',
    )
    add_weights(group)
    add_reach(group)
    add_classes(group)
    group.add_argument("--device", help="cpu, cuda, ... (default: cuda where there is one)")
    group.add_argument(
        "--exact",
        action="store_true",
        help="follow the official operations one by one: slower, equal but for rounding",
    )


def _add_prediction(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("prediction")
    group.add_argument(
        "--mode", choices=("whole", "slide"), default="whole", help="default: %(default)s"
    )
    group.add_argument("--flip", action="store_true", help="average with the mirror image")
    group.add_argument(
        "--scales",
        type=_numbers,
        default=(1.0,),
        metavar="A,B,...",
        help="average over these sizes, for example 0.75,1.0,1.25",
    )
    group.add_argument(
        "--short-side", type=int, metavar="N", help="pixels the network sees (default: the model's)"
    )
    group.add_argument(
        "--engine",
        choices=("torch", "onnxruntime", "openvino", "auto"),
        default="torch",
        help="what runs it, if installed; auto tries which is fastest (default: %(default)s)",
    )
    group.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="bfloat16 is faster where the processor has it, and rounds more",
    )


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list like 0.75,1.0") from None


def _files(text: str) -> tuple[str, ...]:
    names = text.split(",")
    for name in names:
        if name not in FILES:
            raise argparse.ArgumentTypeError(f"there is no file {name!r} ({', '.join(FILES)})")
    return tuple(FILES[name] for name in names)


def _formats(text: str) -> tuple[str, ...]:
    names = text.split(",")
    for name in names:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"there is no format {name!r} ({', '.join(FORMATS)})")
    return tuple(names)


def _size(text: str) -> tuple[int, int]:
    try:
        height, width = map(int, text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size like 256x384") from None
    return height, width
