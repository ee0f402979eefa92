"""Answers about many photos: what is answered already is not asked again, and a manifest of all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from uniformer.files import replace_file, shown


def stored_answer(
    folder: Path, stem: str, formats: Sequence[str], settings: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return what ``{stem}.json`` holds if it is the answer to the very same question, else None.

    ``settings`` are those the answer would have, of
    :func:`analysis.questions.answer.provenance`. All files in ``formats`` must be there: an answer
    cut short is asked for again.
    """
    try:
        stored = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
        same = all(stored["settings"][name] == value for name, value in settings.items())
        names = [name for kind in formats for name in _file_names(stem, kind, stored["tables"])]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stored if same and all((folder / name).is_file() for name in names) else None


def note_failure(folder: Path, stem: str, sentence: str | None) -> None:
    """Write why ``stem`` could not be answered to ``{stem}.error.txt``; None takes it away."""
    if sentence is None:
        _error_file(folder, stem).unlink(missing_ok=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(_error_file(folder, stem), lambda file: file.write(sentence.encode()))


def write_manifest(folder: Path, question: str, photos: Iterable[tuple[Path, str]]) -> Path:
    """Write ``{question}.manifest.jsonl``, a line of JSON per photo, and return it.

    ``photos`` are files and the stems of their answers. A line has the photo and the numbers of its
    answer, or why there is none. Both are read again one by one, so that memory does not grow and
    any process may have written them.
    """

    def lines() -> Iterator[dict[str, Any]]:
        for photo, stem in photos:
            failure = _error_file(folder, stem)
            if failure.exists():
                yield {"photo": shown(photo), "error": failure.read_text(encoding="utf-8")}
                continue
            if not (folder / f"{stem}.json").is_file():  # nor could it be noted why
                yield {"photo": shown(photo), "error": "No answer could be written."}
                continue
            stored = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
            picture = stored["settings"]["picture"]
            yield {"photo": shown(photo), "answer": f"{stem}.json", "picture": picture} | {
                name: stored[name] for name in ("title", "numbers")
            }

    folder.mkdir(parents=True, exist_ok=True)
    return replace_file(
        folder / f"{question}.manifest.jsonl",
        lambda file: file.writelines(
            f"{json.dumps(line, ensure_ascii=False)}\n".encode() for line in lines()
        ),
    )


def _error_file(folder: Path, stem: str) -> Path:
    return folder / f"{stem}.error.txt"


def _file_names(stem: str, kind: str, tables: Iterable[str]) -> list[str]:
    """Return the files that an answer saved as ``kind`` consists of."""
    return [f"{stem}.{table}.csv" for table in tables] if kind == "csv" else [f"{stem}.{kind}"]
