"""Every file of the hostile corpus gets a result or one sentence, soon and in bounded memory."""

import json
import subprocess
import sys
from pathlib import Path

import corpus
import pytest

ROOT = Path(__file__).parent.parent.parent
MAX_GROWTH_MB = 300
MAX_SECONDS = 20
"""For one file on a busy machine; the slowest takes a quarter of a second on an idle one."""

# In a process of its own, so that memory can be measured and a crash does not end the tests. The
# network is a toy: what is tried here is the way of a picture, not the labels.
READER = """
import json, resource, sys, time, warnings
from pathlib import Path
from toy import Toy
from uniformer import segment
from uniformer.pictures import PictureError, open_picture

warnings.simplefilter("ignore")
model, report = Toy(), {}
segment(__import__("PIL.Image").Image.new("RGB", (16, 16)), model)
memory = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = memory()
for path in sorted(Path(sys.argv[1]).iterdir()):
    start = time.perf_counter()
    try:
        picture = open_picture(path)
        answer = {"shape": picture.shape}
        if picture.size < 10**6:
            result = segment(picture, model)
            answer["labelled"] = result.labels.shape == picture.shape[:2]
    except PictureError as error:
        answer = {"sentence": str(error)}
    except Exception as error:
        answer = {"failure": repr(error)}
    report[path.name] = answer | {"seconds": time.perf_counter() - start}
print(json.dumps({"report": report, "growth": memory() - before}))
"""


@pytest.fixture(scope="module")
def parts():
    return corpus.corpus()


@pytest.fixture(scope="module")
def answers(parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for files in parts.values():
        for name, content in files.items():
            (folder / name).write_bytes(content)
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", READER, str(folder)], env=paths, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_corpus_is_large_and_the_same_each_time(parts):
    names = [name for files in parts.values() for name in files]
    assert len(names) == len(set(names)) >= 300
    assert dict(corpus.truncated()) == parts["truncated"]
    assert dict(corpus.flipped()) == parts["flipped"]


def test_every_file_is_answered_with_a_picture_or_one_sentence(parts, answers):
    assert len(answers["report"]) == sum(map(len, parts.values()))
    for name, answer in answers["report"].items():
        assert "failure" not in answer, (name, answer)
        sentence = answer.get("sentence")
        if sentence is None:
            assert answer.get("labelled", True), name
            continue
        assert sentence.startswith(name), (name, sentence)
        assert sentence.endswith("."), sentence
        assert "\n" not in sentence
        assert len(sentence) < 250
        assert "/" not in sentence, sentence


def test_memory_and_time_stay_bounded(answers):
    assert answers["growth"] < MAX_GROWTH_MB
    for name, answer in answers["report"].items():
        assert answer["seconds"] < MAX_SECONDS, name


def test_what_is_no_picture_is_refused_and_so_are_bombs_that_would_go_off(parts, answers):
    for name in {*parts["renamed"], *parts["bombs"]} - HARMLESS:
        assert "sentence" in answers["report"][name], name
    for name in HARMLESS:
        assert "shape" in answers["report"][name], name


def test_half_a_picture_is_refused(answers):
    for kind, data in corpus.seeds().items():
        half = f"{kind.lower()}-cut-at-{len(data) // 2}"
        assert "sentence" in answers["report"][half], half


def test_sound_pictures_open_whatever_they_carry(parts, answers):
    for name in {*parts["metadata"], *parts["kinds"]} - REFUSED - HALF:
        assert "shape" in answers["report"][name], (name, answers["report"][name])
    for name in REFUSED:
        assert "sentence" in answers["report"][name], name


HARMLESS = {
    "png-64x64-with-300-MB-of-pixels",
    "png-black-16-megapixels",
}
"""Bombs of which what is too much is never unpacked."""

REFUSED = {"tiff-nan", "tiff-infinite", "tiff-LAB", "tiff-YCbCr"}
"""Pillow itself does not read the YCbCr that it wrote uncompressed."""

HALF = {f"{kind}-of-60-frames-cut" for kind in ("gif", "webp", "png", "tiff")}
"""Animations cut after their first frame, which some formats still give."""
