"""Memory that tensors free: kept while a CPU trains, given back however it ends."""

import pytest
import torch

from ucmt_lite.training import memory


@pytest.fixture
def calls(monkeypatch):
    """What the C library is asked for, in order."""
    asked = []

    class Library:
        def mallopt(self, option, size):
            asked.append("keep" if size in memory.KEEP.values() else "usual")
            return 1

        def malloc_trim(self, left):
            asked.append("trim")
            return 1

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library())
    return asked


AROUND = ["keep", "keep", "usual", "usual", "trim"]


def test_freed_memory_is_kept_while_training_and_given_back_after(calls):
    with memory.freed_memory_kept(torch.device("cpu")):
        assert calls == AROUND[:2]
    assert calls == AROUND


def test_it_is_given_back_after_an_error_too(calls):
    with pytest.raises(FloatingPointError), memory.freed_memory_kept(torch.device("cpu")):
        raise FloatingPointError
    assert calls == AROUND


def test_a_gpu_asks_nothing_of_it(calls):
    with memory.freed_memory_kept(torch.device("cuda")):
        pass
    assert calls == []


def test_without_such_a_library_nothing_happens(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(memory.ctypes, "CDLL", missing)
    with memory.freed_memory_kept(torch.device("cpu")):
        pass
    assert not memory.give_back_freed_memory()
