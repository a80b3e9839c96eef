"""Measures a service process as a client sees it: memory, cold start, answers a second.

1. A service starts with an empty folder and compiles what it serves.
2. One client uploads the keys of every model and asks each once; the process's peak is read.
3. For each model the service is started again: from the start of the process to the first answer,
   the keys lying there already. Then answers a second, with as many requesters as there are cores.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from safelight.ckks.parameters import Parameters
from safelight.client.client import Client, Model
from safelight.client.key_sets import KeyState
from safelight.client.local_service import LocalService
from safelight.errors import InputError

_THROUGHPUT_S = 3.0
_STARTS = 3


@dataclass(frozen=True)
class ServiceRow:
    """One model, or ``all`` of them in one process.

    Args:
        model: Its name, or ``all``.
        models: How many the service served.
        ready_ms: From the start of the process until it listened; of ``all`` with compiling.
        first_answer_ms: From the start of the process to the first decrypted answer.
        answer_ms: A later answer: encryption, transfer, evaluation, decryption.
        answers_per_s: With a requester for each core; each answer is of one ciphertext.
        peak_memory_mb: Largest resident memory of the process so far.
        memory_mb: Resident memory at the end.
    """

    model: str
    models: int
    ready_ms: float
    first_answer_ms: float | None
    answer_ms: float | None
    answers_per_s: float | None
    peak_memory_mb: float
    memory_mb: float


def bench_service(names: Sequence[str], threads: int | None = None) -> Iterator[dict[str, Any]]:
    """A row for all models together, then one for each.

    Args:
        names: The models that are served.
        threads: Threads that evaluate; one a core if None.

    Raises:
        InputError: This system does not tell the memory of a process.
    """
    if not Path("/proc/self/status").is_file():
        raise InputError(
            "this system does not tell the memory of a process", hint="measure on Linux"
        )
    if threads is not None:
        os.environ["SAFELIGHT_THREADS"] = str(threads)
    with tempfile.TemporaryDirectory(prefix="safelight-bench-") as folder:
        keys: dict[Parameters, KeyState] = {}
        yield asdict(_all_models(Path(folder), names, keys))
        for name in names:
            yield asdict(_one_model(Path(folder), names, name, keys))


def _all_models(folder: Path, names: Sequence[str], keys: dict[Parameters, KeyState]) -> ServiceRow:
    started = time.perf_counter()
    with _service(folder, names) as service:
        ready = _since(started)
        with _client(service, keys) as client:
            for name in names:
                client.infer(name, _inputs(client.model(name)))
            keys.update(client.keys)
        peak, now = _memory_mb(service.pid)
    return ServiceRow("all", len(names), ready, None, None, None, peak, now)


def _one_model(
    folder: Path, names: Sequence[str], name: str, keys: dict[Parameters, KeyState]
) -> ServiceRow:
    ready, first = [], []
    for attempt in range(_STARTS):
        started = time.perf_counter()
        with _service(folder, names) as service:
            ready.append(_since(started))
            with _client(service, keys) as client:
                inputs = np.zeros(client.model(name).signature.input_shape)[None]
                client.infer(name, inputs)
                first.append(_since(started))
                if attempt + 1 < _STARTS:
                    continue
                times = []
                for _ in range(5):
                    before = time.perf_counter()
                    client.infer(name, inputs)
                    times.append(_since(before))
            rate = _rate(service, name, keys)
            peak, now = _memory_mb(service.pid)
    return ServiceRow(
        name,
        len(names),
        float(np.median(ready)),
        float(np.median(first)),
        float(np.median(times)),
        rate,
        peak,
        now,
    )


def _service(folder: Path, names: Sequence[str]) -> LocalService:
    return LocalService(tuple(names), data=folder)


def _client(service: LocalService, keys: dict[Parameters, KeyState]) -> Client:
    client = Client(service.url, service.token, service_key=service.public_key)
    client.keys.update(keys)
    return client


def _rate(service: LocalService, name: str, keys: dict[Parameters, KeyState]) -> float:
    count = os.cpu_count() or 1
    until = time.perf_counter() + _THROUGHPUT_S
    answers = [0] * count

    def ask(index: int) -> None:
        with _client(service, keys) as client:
            inputs = _inputs(client.model(name))
            while time.perf_counter() < until:
                client.infer(name, inputs)
                answers[index] += 1

    started = time.perf_counter()
    askers = [threading.Thread(target=ask, args=(index,)) for index in range(count)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    return 1000 * sum(answers) / _since(started)


def _inputs(model: Model) -> np.ndarray:
    shape = model.signature.input_shape
    return np.random.default_rng(0).normal(0.0, 0.5, (1, *shape))


def _since(start: float) -> float:
    return 1000 * (time.perf_counter() - start)


def _memory_mb(pid: int) -> tuple[float, float]:
    """Peak and present resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    kilobytes = {
        key: int(value.split()[0])
        for key, _, value in (line.partition(":") for line in lines)
        if key in ("VmHWM", "VmRSS")
    }
    return kilobytes["VmHWM"] / 1024, kilobytes["VmRSS"] / 1024
