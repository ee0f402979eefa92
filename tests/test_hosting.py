"""The Dockerfile, as far as it can be known without building it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from serving import free_port

ROOT = Path(__file__).parent.parent
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
    assert user not in ("root", "0")
    assert any(
        name == "RUN" and f"useradd --create-home {user}" in rest for name, rest in stages[1]
    )
    assert max(i for i, name in enumerate(names) if name == "COPY") < names.index("USER")


def test_image_has_the_app_and_nothing_else():
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    assert patterns[1] == "*"
    allowed = {line[1:] for line in patterns if line.startswith("!")}
    assert set(NEEDED) <= allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_filter_of_the_lock_leaves_out_torch_and_its_cuda_packages_only(stages):
    run = next(rest for name, rest in stages[0] if name == "RUN" and "sed" in rest)
    sed = re.search(r"sed -E '([^']+)' requirements.lock", run)[1]
    grep = re.search(r"grep -oE '([^']+)' requirements.lock", run)[1]

    def piped(*command):
        lock = str(ROOT / "requirements.lock")
        return subprocess.run([*command, lock], capture_output=True, text=True, check=True).stdout

    def names(text):
        return {line.partition("==")[0] for line in text.splitlines() if line[0].isalpha()}

    every, rest = names((ROOT / "requirements.lock").read_text()), names(piped("sed", "-E", sed))
    left_out = every - rest
    assert {"torch", "torchvision", "triton"} <= left_out
    assert all(re.match("torch(vision)?$|triton|cuda-|nvidia-", name) for name in left_out)
    assert names(piped("grep", "-oE", grep)) == {"torch", "torchvision"}


@pytest.mark.parametrize("index", [None, "https://example.org/cpu"])
def test_everything_is_installed_by_hash_but_torch_from_an_index_of_its_own(
    stages, tmp_path, index
):
    """The command of the image, with a pip that only writes down what it is asked."""
    run = next(rest for name, rest in stages[0] if name == "RUN" and "sed" in rest)
    (tmp_path / "requirements.lock").write_text((ROOT / "requirements.lock").read_text())
    pip, asked = tmp_path / "pip", tmp_path / "asked"
    pip.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    pip.chmod(0o755)
    paths = {"PATH": f"{tmp_path}:/usr/bin:/bin"} | ({"TORCH_INDEX_URL": index} if index else {})
    subprocess.run(["sh", "-c", run], cwd=tmp_path, env=paths, check=True)
    *torch, rest = asked.read_text().splitlines()
    assert "--require-hashes" in rest
    assert torch == ([f"install --no-cache-dir --index-url {index} -r torch.txt"] if index else [])


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


def test_image_sets_only_settings_that_exist(stages):
    from ui.settings import read_settings

    words = re.findall(r"(UNIFORMER_LENS_\w+)=(\S+)", dict(stages[-1])["ENV"])
    settings = read_settings([], dict(words))
    assert (settings.host, settings.port) == ("0.0.0.0", 7860)
    assert len(words) == 3
