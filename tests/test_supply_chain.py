"""What is installed is what was locked, and nothing here fetches or runs code of others."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGES = ("uniformer", "analysis", "ui", "training", "scripts", "benchmarks")


def requirements(name):
    text = re.sub(r"\\\n\s*", " ", (ROOT / name).read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {
        canonicalize_name(entry.name): (entry, re.findall(r"--hash=(\S+)", line))
        for line in lines
        for entry in [Requirement(line.partition(" --hash")[0])]
    }


def test_every_dependency_is_pinned_with_its_hashes():
    for name, (entry, hashes) in requirements("requirements.lock").items():
        assert re.fullmatch(r"==[^*,]+", str(entry.specifier)), name
        assert hashes, name
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", value) for value in hashes), name


def test_lock_satisfies_the_ranges_of_the_hosts():
    locked = requirements("requirements.lock")
    for name, (entry, _) in requirements("requirements.txt").items():
        (pin,) = locked[name][0].specifier
        assert entry.specifier.contains(pin.version), name


def test_tools_for_development_are_pinned():
    for name, (entry, _) in requirements("requirements-dev.txt").items():
        assert str(entry.specifier).startswith("=="), name


@pytest.mark.parametrize("package", ["gradio", "torch", "pillow", "safetensors", "numpy", "mcp"])
def test_these_tests_run_on_the_locked_versions(package):
    (pin,) = requirements("requirements.lock")[package][0].specifier
    assert importlib.metadata.version(package).partition("+")[0] == pin.version


def test_import_opens_no_connection_and_asks_no_name():
    program = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        raise RuntimeError(f"{event} {arguments}")

sys.addaudithook(refuse)
import analysis, ui, uniformer
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


BETWEEN_OWN_PROCESSES = {ROOT / "ui/service" / name for name in ("figures.py", "figure_process.py")}
"""What they read was written by the server itself, into a pipe nobody else has."""


def test_no_code_that_comes_with_a_model_is_trusted():
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    assert files
    for file in files:
        source = file.read_text(encoding="utf-8")
        assert "trust_remote_code" not in source, file
        assert "weights_only=False" not in source, file
        for call in re.finditer(r"torch\.load\((?:[^()]|\([^()]*\))*\)", source):
            assert "weights_only=True" in call[0], file
        if file not in BETWEEN_OWN_PROCESSES:
            assert not re.search(r"\b(pickle|dill|cloudpickle|joblib)\.loads?\(", source), file
