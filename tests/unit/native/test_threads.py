"""Several requests at once share the process's threads and do not disturb one another."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from programs import program_and_client

from safelight import _native
from safelight.engine.native import NativeEngine, set_threads, simd
from safelight.errors import ProgramError


def test_concurrent_requests_agree() -> None:
    program, client = program_and_client()
    engine = NativeEngine()
    prepared, keys = engine.prepare(program), engine.load_keys(client.keys)
    expected = engine.run(prepared, keys, client.ciphertext).residues
    wrong: list[int] = []

    def request(number: int) -> None:
        for _ in range(3):
            found = engine.run(prepared, keys, client.ciphertext).residues
            if not np.array_equal(found, expected):
                wrong.append(number)

    for threads in (2, 3):
        set_threads(threads)
        assert _native.threads() == threads
        workers = [threading.Thread(target=request, args=(number,)) for number in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    set_threads(1)
    assert wrong == []


def test_memory_is_reused() -> None:
    program, client = program_and_client()
    engine = NativeEngine()
    prepared, keys = engine.prepare(program), engine.load_keys(client.keys)
    engine.run(prepared, keys, client.ciphertext)
    engine.run(prepared, keys, client.ciphertext)
    before = _native.stored_bytes()
    for _ in range(5):
        engine.run(prepared, keys, client.ciphertext)
    assert _native.stored_bytes() == before


def test_the_environment_chooses_path_and_threads() -> None:
    code = (
        "from safelight import _native; from safelight.engine.native import NativeEngine, simd;"
        "NativeEngine(); print(simd(), _native.threads())"
    )
    environment = os.environ | {"SAFELIGHT_SIMD": "portable", "SAFELIGHT_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["portable", "2"]


def test_an_unknown_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFELIGHT_SIMD", "abacus")
    with pytest.raises(ProgramError, match="abacus"):
        simd()
    program, _ = program_and_client()
    with pytest.raises(ProgramError, match="abacus"):
        NativeEngine().prepare(program)
