"""How threads wait is settled before PyTorch is loaded, whatever is imported first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from uniformer import threads

ROOT = Path(__file__).parents[1]

TELL_WHEN_TORCH_COMES = """
import importlib, os, sys
class Tell:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"))
            sys.stdout.flush()
            os._exit(0)
sys.meta_path.insert(0, Tell())
importlib.import_module(sys.argv[1])
"""


@pytest.mark.parametrize("door", ["uniformer", "analysis", "ui"])
@pytest.mark.parametrize("before", [None, "ACTIVE"])
def test_threads_wait_passively_unless_told_otherwise(door, before):
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    if before is not None:
        environment["OMP_WAIT_POLICY"] = before
    command = [sys.executable, "-c", TELL_WHEN_TORCH_COMES, door]
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert said.stdout.strip() == (before or "PASSIVE"), said.stderr


@pytest.mark.parametrize(
    ("content", "expected"),
    [("200000 100000", "2"), ("50000 100000", "1"), ("max 100000", None), ("", None)],
)
def test_a_container_gets_as_many_threads_as_it_may_use(tmp_path, monkeypatch, content, expected):
    file = tmp_path / "cpu.max"
    file.write_text(content)
    monkeypatch.setattr(threads, "CPU_QUOTA", file)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    threads.settle()
    assert os.environ.get("OMP_NUM_THREADS") == expected
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    threads.settle()
    assert os.environ["OMP_NUM_THREADS"] == "7"
