"""GPUs that are lent by the call: marked there, left alone elsewhere."""

import pickle
import sys
import types

import numpy as np
import pytest

from ui.zerogpu import on_gpu

CACHE = []


@pytest.fixture
def lent(monkeypatch):
    """A ``spaces`` package whose calls happen as if in another process; what it was asked for."""
    asked = []

    def lend(duration):
        asked.append(duration)

        def wrap(function):
            def call(*arguments):
                kept = list(CACHE)
                result = function(*pickle.loads(pickle.dumps(arguments)))
                CACHE[:] = kept  # what a fork changes is lost
                return pickle.loads(pickle.dumps(result))

            return call

        return wrap

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=lend))
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    return asked


def doubled(values):
    CACHE.append(1)
    return 2 * values


@pytest.mark.parametrize("value", [None, "", "0", "false"])
def test_elsewhere_a_function_stays_itself_and_nothing_is_imported(monkeypatch, value):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    if value is not None:
        monkeypatch.setenv("SPACES_ZERO_GPU", value)
    monkeypatch.setitem(sys.modules, "spaces", None)  # importing it would fail
    assert on_gpu(30)(doubled) is doubled


def test_on_zerogpu_a_call_asks_for_its_seconds_and_returns_arrays(lent):
    marked = on_gpu(45)(doubled)
    np.testing.assert_array_equal(marked(np.arange(3)), [0, 2, 4])
    assert lent == [45]


def test_what_a_lent_call_caches_is_lost(lent):
    CACHE.clear()
    on_gpu(45)(doubled)(np.arange(3))
    assert CACHE == []
    doubled(np.arange(3))
    assert CACHE == [1]
