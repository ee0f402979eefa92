"""Results in a folder that servers share: another one answers, nobody else, and not for ever."""

import json
import os
import shutil
import signal
import time
from dataclasses import asdict, replace

import httpx
import numpy as np
import pytest
from serving import ROOT, serving
from toy import Toy

from ui.messages import page
from ui.messages import web as text
from ui.service.selection import Selection, from_browser
from ui.service.shared_results import SharedResults
from ui.service.stored_results import PictureInfo, ResultGone, ResultStore
from uniformer import segment

KEPT = 100
PHOTO = ROOT / "assets" / "examples" / "chelsea_cat.jpg"
ABOUT = PictureInfo("Noise", "noise.png", "A credit", None)


@pytest.fixture(scope="module")
def result():
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return replace(segment(noise, Toy()), notes=("Something was assumed.",))


@pytest.fixture
def server_of(tmp_path):
    """Return a function that makes the store of one more server on the same folder."""

    def make(most=10**9):
        return ResultStore(10**9, KEPT, SharedResults(tmp_path / "shared", most, KEPT))

    return make


def files(tmp_path):
    return sorted((tmp_path / "shared").iterdir())


def age(file, seconds):
    when = time.time() - seconds
    os.utime(file, (when, when))


def test_another_server_finds_the_very_result(result, server_of):
    key = server_of().put(ABOUT, result, 0.5, model="nano")
    found = server_of().get(key)
    assert (found.subject, found.seconds, found.model) == (ABOUT, 0.5, "nano")
    for name in ("picture", "labels", "confidence", "entropy", "margin"):
        one, other = getattr(found.result, name), getattr(result, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert found.result.describe() == json.loads(json.dumps(result.describe()))
    assert (found.result.classes, found.result.weights) == (result.classes, result.weights)


def test_what_was_forgotten_here_for_want_of_memory_is_found_again(result, tmp_path):
    store = ResultStore(10, KEPT, SharedResults(tmp_path / "shared", 10**9, KEPT))
    keys = [store.put(ABOUT, result, 0.5) for _ in range(3)]
    assert store.usage()[0] == 1
    assert all(store.get(key).result.labels.shape == (24, 32) for key in keys)


def test_no_name_in_the_folder_is_a_key_or_tells_one(result, server_of, tmp_path):
    store = server_of()
    keys = [store.put(ABOUT, result, 0.5) for _ in range(3)]
    names = [file.name for file in files(tmp_path)]
    assert len(names) == 3
    assert not [name for name in names for key in keys if key in name]
    for file in files(tmp_path):
        assert file.stat().st_mode & 0o077 == 0
        assert not [key for key in keys if key.encode() in file.read_bytes()]
        for guess in (file.name, file.name.partition(".")[0], "../shared/" + file.name, ""):
            with pytest.raises(ResultGone):
                server_of().get(guess)
    assert (tmp_path / "shared").stat().st_mode & 0o077 == 0


def test_what_nobody_uses_goes_and_what_is_used_stays_whoever_looks(result, server_of, tmp_path):
    one, other = server_of(), server_of()
    key = one.put(ABOUT, result, 0.5)
    (file,) = files(tmp_path)
    age(file, KEPT - 1)
    one.get(key)  # from memory, which the others must know of
    assert time.time() - file.stat().st_mtime < KEPT / 2
    other.forget_old()
    assert files(tmp_path) == [file]
    age(file, KEPT + 1)
    other.forget_old()
    assert files(tmp_path) == []


def test_the_folder_has_a_bound_and_the_least_recently_used_go_first(result, server_of, tmp_path):
    server_of().put(ABOUT, result, 0.5)
    size = files(tmp_path)[0].stat().st_size
    store = server_of(most=int(2.5 * size))
    for seconds in (30, 20):
        store.put(ABOUT, result, 0.5)
        for file in files(tmp_path):
            age(file, time.time() - file.stat().st_mtime + seconds)
    last = store.put(ABOUT, result, 0.5)
    assert len(files(tmp_path)) == 2
    assert server_of().get(last)


def test_files_of_others_in_the_folder_stay(result, server_of, tmp_path):
    store = server_of(most=1)
    others = [tmp_path / "shared" / name for name in ("a.npz", "b.result.npz", ".c.part")]
    for file in others:
        file.write_bytes(b"kept")
        age(file, 10 * KEPT)
    half = tmp_path / "shared" / f".{'0' * 40}.0000-1-1.part"  # of a server that was killed
    half.write_bytes(b"half")
    store.put(ABOUT, result, 0.5)
    store.forget_old()
    assert files(tmp_path) == sorted(others)


@pytest.mark.parametrize("harm", [b"", b"no archive", None])
def test_a_file_that_is_damaged_or_of_another_form_is_as_good_as_none(
    result, server_of, tmp_path, harm
):
    key = server_of().put(ABOUT, result, 0.5)
    (file,) = files(tmp_path)
    if harm is None:
        np.savez(file, picture=result.picture, facts=np.frombuffer(b"{}", np.uint8))
    else:
        file.write_bytes(harm)
    with pytest.raises(ResultGone):
        server_of().get(key)


def test_a_full_disk_or_a_folder_that_is_gone_fails_no_visitor(result, server_of, tmp_path):
    store = server_of()
    shutil.rmtree(tmp_path / "shared")
    (tmp_path / "shared").write_bytes(b"in the way")
    key = store.put(ABOUT, result, 0.5)
    assert store.get(key).result is result
    store.forget_old()


def test_a_folder_that_cannot_be_used_is_told_before_anything_is_served(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        SharedResults(tmp_path / "file" / "shared", 1, 1)


SELECTION = Selection("key", "nano", "global", 32, pixel=(3, 4), block=7)


def test_a_selection_comes_back_from_the_browser_as_it_was():
    for selection in (SELECTION, replace(SELECTION, pixel=None, head=2, short_side=128)):
        assert from_browser(json.loads(json.dumps(asdict(selection)))) == selection


WRONG = {
    "key": [None, 1, "k" * 201],
    "model": [["nano"], None],
    "reach": ["far", None, {}, []],
    "window_size": [0, -1, 1.5, "8", True, 10**9],
    "pixel": [[1], [1, 2, 3], [-1, 2], ["a", "b"], "12", {}, [0.5, 1], 5, [[1], [2]]],
    "region": ["all", [], None],
    "stage": [0, 5, None],
    "block": [-1, None, 10**9],
    "head": [-1, "1", []],
    "short_side": [1, 10**6, "64"],
}


@pytest.mark.parametrize("name", WRONG)
def test_whatever_else_comes_is_one_sentence(name):
    for value in WRONG[name]:
        with pytest.raises(ValueError, match=text.NOT_UNDERSTOOD):
            from_browser({**asdict(SELECTION), name: value})
    content = asdict(SELECTION)
    del content[name]
    for other in (content, {**asdict(SELECTION), "more": 1}, None, [], "nano"):
        with pytest.raises(ValueError, match=text.NOT_UNDERSTOOD):
            from_browser(other)


def frames(answer):
    """Yield the header and the arrays of every frame of an answer to the workbench."""
    content = answer.content
    while content:
        start = 4 + int.from_bytes(content[:4], "little")
        header = json.loads(content[4:start])
        end = start + header.get("bytes", 0)
        yield header, content[start:end]
        content = content[end:]


def ask(server, path):
    *_, last = frames(server.get(f"/web/api/{path}"))
    return last


def test_a_visitor_whose_server_was_killed_is_answered_by_another(tmp_path):
    """Two processes that have only the folder in common."""
    shared = ("--store", str(tmp_path / "shared"), "--weights", "default")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with serving(tmp_path / "one", *shared) as server:
        sent = httpx.post(
            f"{server.url}/web/api/open",
            files={"file": ("cat.jpg", PHOTO.read_bytes())},
            data={"setting": json.dumps({"shortSide": 128})},
            timeout=300,
        )
        *_, (picture, _) = frames(sent)
        key = picture["key"]
        asked = [f"{key}/probabilities?x=100&y=80", f"{key}/block/4/0"]
        before = [ask(server, path) for path in asked]
        assert all(len(arrays) > 100 for _, arrays in before)
        server.stop(signal.SIGKILL)
    with serving(tmp_path / "two", *shared) as server:
        assert [ask(server, path) for path in asked] == before
        gone, _ = ask(server, f"{key[::-1]}/block/4/0")
        assert gone["error"] == page.RESULT_GONE
