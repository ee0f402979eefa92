"""The Dockerfile, as far as it can be known without building it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from serving import free_port, serving

ROOT = Path(__file__).parent.parent
USER = 1000
BY_HASH = "install --no-cache-dir --no-deps --require-hashes -r requirements.lock"
NEEDED = ("app.py", "uniformer", "analysis", "ui", "assets", "requirements.lock")


@pytest.fixture(scope="module")
def stages():
    """The instructions of the Dockerfile as (name, rest), one list for each stage."""
    source = (ROOT / "Dockerfile").read_text()
    lines = [line for line in source.splitlines() if not line.startswith("#")]
    instructions = re.sub(r"\\\n\s*", " ", "\n".join(lines)).split("\n")
    stages = []
    for name, _, rest in (line.partition(" ") for line in instructions if line):
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, rest))
    return stages


def test_image_runs_as_an_ordinary_user_whose_files_it_cannot_change(stages):
    names = [name for name, _ in stages[-1]]
    user = dict(stages[-1])["USER"]
    assert int(user) > 0
    assert any(
        name == "RUN" and f"useradd --uid {user} --create-home" in rest for name, rest in stages[1]
    )
    assert max(i for i, name in enumerate(names) if name == "COPY") < names.index("USER")


def test_image_has_the_app_and_nothing_else():
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    assert patterns[1] == "*"
    allowed = {line[1:] for line in patterns if line.startswith("!")}
    assert set(NEEDED) <= allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_everything_is_installed_from_the_lock_by_hash_and_nothing_else(stages, tmp_path):
    """The commands of the image, with a pip that only writes down what it is asked."""
    pip, asked = tmp_path / "pip", tmp_path / "asked"
    pip.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    pip.chmod(0o755)
    for name, rest in stages[0]:
        if name == "RUN" and "pip" in rest:
            paths = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
            subprocess.run(["sh", "-c", rest], cwd=tmp_path, env=paths, check=True)
    assert asked.read_text() == f"{BY_HASH}\n"
    assert not any("pip" in rest for name, rest in stages[1] if name == "RUN")


def test_a_linter_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a process as another user")
def test_the_files_of_the_image_are_served_by_a_user_who_cannot_change_them(tmp_path):
    """As in the image: the allowed files in a fresh folder, the user of the Dockerfile."""
    try:
        subprocess.run([sys.executable, "-c", ""], user=USER, cwd="/", check=True)
    except PermissionError:
        pytest.skip("Python itself is where only root may look")
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    app, home = tmp_path / "app", tmp_path / "home"
    app.mkdir()
    home.mkdir()
    for name in (line[1:] for line in patterns if line.startswith("!")):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, app / name)
    os.chown(home, USER, USER)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(0o755)
    before = sorted(str(file) for file in app.rglob("*"))
    with serving(home, root=app, user=USER, HOME=str(home)) as server:
        assert server.get("/").is_success
        assert server.get("/web/api/catalog").is_success
        assert server.stop() == 0
    assert sorted(str(file) for file in app.rglob("*")) == before


def test_image_names_no_host_to_take_packages_from():
    source = (ROOT / "Dockerfile").read_text()
    assert set(re.findall(r"https?://([\w.-]+)", source)) == {"127.0.0.1"}


def test_health_check_tells_a_server_that_is_up_from_one_that_is_not(stages, server):
    check = next(rest for name, rest in stages[-1] if name == "HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    command[0] = sys.executable

    def healthy(port):
        environment = {"UNIFORMER_LENS_PORT": str(port)}
        return subprocess.run(command, env=environment, capture_output=True).returncode == 0

    assert not healthy(free_port())
    assert healthy(server.url.rpartition(":")[2])


def test_image_sets_only_settings_that_exist(stages, monkeypatch):
    from ui.host.settings import Settings, read_settings, variable_name

    words = re.findall(r"(UNIFORMER_LENS_\w+)=(\S+)", dict(stages[-1])["ENV"])
    for name, value in words:
        monkeypatch.setenv(name, value)
    assert {name for name, _ in words} <= {variable_name(name) for name in Settings.model_fields}
    settings = read_settings([])
    assert (settings.host, settings.port) == ("0.0.0.0", 7860)
    assert len(words) == 3
