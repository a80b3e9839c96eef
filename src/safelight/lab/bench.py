"""Times whole networks: ours and, where it is installed, TenSEAL's with the same weights.

Each figure comes from a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from safelight.circuit.compiler import Compiled, compile_graph
from safelight.circuit.graph import FloatArray, Graph
from safelight.circuit.reference import evaluate
from safelight.errors import ServiceFailedError
from safelight.lab.workloads import Workload, workload_named, workloads

_OUR_RUNS = 60
_LONG_OUR_RUNS = 20  # of models that take tens of milliseconds
_THROUGHPUT_S = 1.0
# TenSEAL pads the patches of a convolution to powers of two, here beyond the slots: "can't
# execute conv2d_im2col on chunked vectors".
_BEYOND_TENSEAL = ("lola",)
_TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class BenchRow:
    """One system on one workload; times are medians of one ciphertext, errors of logits."""

    workload: str
    system: str
    threads: int
    simd: str | None
    parameters: str
    records: int
    encrypt_ms: float
    evaluate_ms: float
    decrypt_ms: float
    throughput_per_s: float
    bytes_up: int
    bytes_down: int
    bytes_keys: int
    peak_memory_mb: float
    max_error: float
    agreement: float
    runs: int


def bench_workloads(
    names: list[str] | None, threads: int, *, tenseal: bool
) -> Iterator[dict[str, Any]]:
    """A row for each workload and system."""
    for workload in workloads():
        if names and workload.name not in names:
            continue
        yield _in_own_process("workload", workload.name, "safelight", threads)
        # TenSEAL has no batched form of the last: the single one stands for it
        if tenseal and workload.records is not None and workload.name not in _BEYOND_TENSEAL:
            yield _in_own_process("workload", workload.name, "tenseal", 1)


def bench_models(names: list[str], threads: int) -> Iterator[dict[str, Any]]:
    """A row for each shipped model."""
    for name in names:
        yield _in_own_process("model", name, "safelight", threads)


def _in_own_process(kind: str, name: str, system: str, threads: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "safelight.lab.bench", kind, name, system, str(threads)]
    done = subprocess.run(  # noqa: S603 - our own module
        command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise ServiceFailedError(
            f"the benchmark of {name} with {system} failed", hint=lines[-1] if lines else ""
        )
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def _peak_memory_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _agreement(found: FloatArray, truth: FloatArray) -> float:
    if truth.shape[1] == 1:
        return float(((found > 0) == (truth > 0)).mean())
    return float((found.argmax(axis=1) == truth.argmax(axis=1)).mean())


def _ours(
    name: str, graph: Graph, compiled: Compiled, inputs: FloatArray, threads: int
) -> BenchRow:
    from safelight import _native
    from safelight.ckks.ciphertext import EvaluationKeys
    from safelight.ckks.secret import RELINEARIZATION, SecretKeys
    from safelight.engine.native import NativeEngine, set_threads
    from safelight.wire.ciphertext import encode_ciphertext
    from safelight.wire.keys import encode_key

    signature, program = compiled.signature, compiled.program
    set_threads(threads)
    secret = SecretKeys.generate(program.parameters)
    made = dict(secret.evaluation_keys(compiled.requirements))
    key_bytes = sum(len(encode_key(element, key)) for element, key in made.items())
    engine = NativeEngine()
    prepared = engine.prepare(program)
    relinearization = made.pop(RELINEARIZATION, None)
    keys = engine.load_keys(EvaluationKeys(program.parameters, relinearization, made))
    del made, relinearization

    times: dict[str, list[float]] = {"encrypt": [], "evaluate": [], "decrypt": []}
    logits, ciphertext, result = [], None, None
    batches = [
        inputs[start : start + signature.records]
        for start in range(0, len(inputs), signature.records)
    ]
    runs = 0
    wanted = _OUR_RUNS
    while runs < max(wanted, len(batches)):
        batch = batches[runs % len(batches)]
        marks = [time.perf_counter()]
        ciphertext = secret.encrypt(
            signature.pack(batch), scale=signature.input_scale, level=signature.input_level
        )
        marks.append(time.perf_counter())
        result = engine.run(prepared, keys, ciphertext)
        marks.append(time.perf_counter())
        found = signature.unpack(secret.decrypt(result), len(batch))
        marks.append(time.perf_counter())
        for phase, first, last in zip(times, marks, marks[1:], strict=False):
            times[phase].append(1000 * (last - first))
        if runs < len(batches):
            logits.append(found)
        if times["evaluate"][0] > 30:
            wanted = _LONG_OUR_RUNS
        runs += 1
    assert ciphertext is not None
    assert result is not None
    truth, found = evaluate(graph, inputs), np.concatenate(logits)
    return BenchRow(
        workload=name,
        system="safelight",
        threads=threads,
        simd=_native.simd(),
        parameters=str(program.parameters),
        records=signature.records,
        encrypt_ms=statistics.median(times["encrypt"]),
        evaluate_ms=statistics.median(times["evaluate"]),
        decrypt_ms=statistics.median(times["decrypt"]),
        throughput_per_s=_throughput(engine, prepared, keys, ciphertext) * signature.records,
        bytes_up=len(encode_ciphertext(ciphertext)),
        bytes_down=len(encode_ciphertext(result)),
        bytes_keys=key_bytes,
        peak_memory_mb=_peak_memory_mb(),
        max_error=float(np.abs(found - truth).max()),
        agreement=_agreement(found, truth),
        runs=runs,
    )


def _throughput(engine: Any, prepared: Any, keys: Any, ciphertext: Any) -> float:
    """Ciphertexts a second with one requester for each core."""
    import os

    counts = [0] * (os.cpu_count() or 1)
    until = time.perf_counter() + _THROUGHPUT_S

    def request(index: int) -> None:
        while time.perf_counter() < until:
            engine.run(prepared, keys, ciphertext)
            counts[index] += 1

    threads = [threading.Thread(target=request, args=(i,)) for i in range(len(counts))]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def _tenseal(workload: Workload) -> BenchRow:
    from safelight.lab.tenseal_peer import TenSealPeer

    peer = TenSealPeer(workload.graph)
    runs = [peer.run(workload.inputs[0])]
    count = 10 if runs[0].evaluate_ms < 200 else 3 if runs[0].evaluate_ms < 5000 else 1
    runs += [peer.run(values) for values in workload.inputs[1:count]]
    truth = evaluate(workload.graph, workload.inputs[: len(runs)])
    found = np.stack([run.logits[: truth.shape[1]] for run in runs])
    evaluate_ms = statistics.median(run.evaluate_ms for run in runs)
    return BenchRow(
        workload=workload.name,
        system="tenseal",
        threads=1,
        simd=None,
        parameters=f"N = 8192, {list(peer.prime_bits)} bits",
        records=1,
        encrypt_ms=statistics.median(run.encrypt_ms for run in runs),
        evaluate_ms=evaluate_ms,
        decrypt_ms=statistics.median(run.decrypt_ms for run in runs),
        throughput_per_s=1000 / evaluate_ms,
        bytes_up=runs[0].bytes_up,
        bytes_down=runs[0].bytes_down,
        bytes_keys=peer.key_bytes(),
        peak_memory_mb=_peak_memory_mb(),
        max_error=float(np.abs(found - truth).max()),
        agreement=_agreement(found, truth),
        runs=len(runs),
    )


def _row(kind: str, name: str, system: str, threads: int) -> BenchRow:
    if kind == "model":
        from safelight.models.registry import compiled_model

        model, compiled = compiled_model(name)
        rng = np.random.default_rng(0)
        bound = compiled.signature.input_bound
        inputs = rng.normal(0.0, 0.5, (16, *model.graph.input_shape)).clip(-bound, bound)
        return _ours(name, model.graph, compiled, inputs, threads)
    workload = workload_named(name)
    if system == "tenseal":
        return _tenseal(workload)
    compiled = compile_graph(workload.graph, workload.meaning, records=workload.records)
    return _ours(name, workload.graph, compiled, workload.inputs, threads)


if __name__ == "__main__":
    _kind, _name, _system, _threads = sys.argv[1:5]
    sys.stdout.write(json.dumps(asdict(_row(_kind, _name, _system, int(_threads)))))
