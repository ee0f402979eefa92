"""Temporary files of a server are private to it, and go with it or after it."""

import tempfile
import time
from pathlib import Path

from processes import child, wait_for

from ui.host import temp_files as scratch


def test_files_of_a_killed_server_go_at_the_next_start_and_those_of_a_living_one_stay(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def serve():
        with scratch.private_folder() as folder:
            (folder / "upload.jpg").write_bytes(b"private")
            time.sleep(60)

    def uploads():
        return {path.parent for path in tmp_path.glob("*/upload.jpg")}

    with child(serve):
        wait_for(uploads)
        (killed,) = uploads()
        with scratch.private_folder() as living:
            assert killed.exists()
            (living / "upload.jpg").touch()
            assert (living.stat().st_mode & 0o077) == 0
    assert not living.exists()
    with child(serve):
        wait_for(lambda: uploads() - {killed})
        with scratch.private_folder():
            assert not killed.exists()
            assert len(uploads()) == 1


def test_temporary_files_are_made_in_the_private_folder():
    before = tempfile.gettempdir()
    with scratch.private_folder() as folder, tempfile.NamedTemporaryFile() as file:
        assert Path(file.name).parent == folder
        assert tempfile.mkdtemp().startswith(str(folder))
    assert tempfile.gettempdir() == before
    assert not folder.exists()
