"""Times envelopes: large files chunk by chunk, small objects, and the public-key part alone.

Each suite is timed in a process of its own, so that its peak memory is its own. Files lie in a
temporary folder; what is timed is reading, encrypting and writing, without waiting for the disk.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safelight.errors import ServiceFailedError
from safelight.vault.envelope import (
    ArchiveKey,
    HybridPrivateKey,
    PrivateKey,
    PublicKey,
    RsaPrivateKey,
    Suite,
    open_bytes,
    open_stream_unverified,
    seal_bytes,
    seal_stream,
)
from safelight.vault.envelope.suites import SUITE_BY_LABEL, KeyKind

_RUNS, _SMALL_RUNS, _SMALL_BYTES = 7, 300, 4096
_TIMEOUT_S = 600.0


def bench_envelopes(megabytes: int) -> Iterator[dict[str, Any]]:
    """A row for each suite.

    Args:
        megabytes: Size of the large file, in 10^6 bytes.
    """
    for suite in Suite:
        command = [sys.executable, "-m", "safelight.lab.bench_envelopes", suite.label]
        done = subprocess.run(  # noqa: S603 - our own module
            [*command, str(megabytes)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise ServiceFailedError(f"the bench of {suite.label} failed")
        row: dict[str, Any] = json.loads(done.stdout)
        yield row


def _keys(suite: Suite) -> tuple[PrivateKey, PublicKey]:
    if suite.key_kind is KeyKind.ARCHIVE:
        symmetric = ArchiveKey.generate()
        return symmetric, symmetric
    private = RsaPrivateKey if suite.key_kind is KeyKind.RSA else HybridPrivateKey
    key: RsaPrivateKey | HybridPrivateKey = private.generate()
    return key, key.public_key


def _best_s(call: Callable[[], object], runs: int) -> tuple[float, float]:
    """Seconds on the clock and of the processor, the least of each: disturbance only adds."""
    walls, cores = [], []
    for _ in range(runs):
        wall, core = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        cores.append(time.process_time() - core)
    return min(walls), min(cores)


def _median_ms(call: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def _row(suite: Suite, megabytes: int) -> dict[str, Any]:
    private, public = _keys(suite)
    size = megabytes * 1_000_000
    with tempfile.TemporaryDirectory() as name:
        plain, sealed, opened = (Path(name) / part for part in ("plain", "sealed", "opened"))
        block = os.urandom(1_000_000)
        with plain.open("wb") as file:
            for _ in range(megabytes):
                file.write(block)

        def seal() -> None:
            with plain.open("rb", buffering=0) as source, sealed.open("wb", buffering=0) as sink:
                seal_stream(source, sink, [public], suite=suite)

        def unseal() -> None:
            with sealed.open("rb", buffering=0) as source, opened.open("wb", buffering=0) as sink:
                open_stream_unverified(source, sink, [private], accept={suite})

        (seal_s, seal_core_s), (open_s, open_core_s) = _best_s(seal, _RUNS), _best_s(unseal, _RUNS)
        sealed_bytes = sealed.stat().st_size
    small = os.urandom(_SMALL_BYTES)
    envelope = seal_bytes(small, [public], suite=suite)
    wrapped = public.wrap(bytes(32), b"bound")
    return {
        "suite": suite.label,
        "megabytes": megabytes,
        "seal_gb_per_s": round(size / seal_s / 1e9, 3),
        "open_gb_per_s": round(size / open_s / 1e9, 3),
        "seal_gb_per_core_s": round(size / seal_core_s / 1e9, 3),
        "open_gb_per_core_s": round(size / open_core_s / 1e9, 3),
        "overhead_bytes": sealed_bytes - size,
        "small_seal_ms": round(
            _median_ms(lambda: seal_bytes(small, [public], suite=suite), _SMALL_RUNS), 4
        ),
        "small_open_ms": round(
            _median_ms(lambda: open_bytes(envelope, [private], accept={suite}), _SMALL_RUNS), 4
        ),
        "wrap_ms": round(_median_ms(lambda: public.wrap(bytes(32), b"bound"), _SMALL_RUNS), 4),
        "unwrap_ms": round(_median_ms(lambda: private.unwrap(wrapped, b"bound"), _SMALL_RUNS), 4),
        "peak_memory_mb": _peak_memory_mb(),
    }


def _peak_memory_mb() -> float:
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_row(SUITE_BY_LABEL[sys.argv[1]], int(sys.argv[2]))))
