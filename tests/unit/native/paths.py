"""The arithmetic paths that this machine can run."""

from __future__ import annotations

from safelight import _native
from safelight.ckks.parameters import Parameters


def _runs(name: str) -> bool:
    parameters = Parameters.from_bits(4096, (36, 37))
    try:
        _native.Context(parameters.n, list(parameters.primes), name)
    except RuntimeError:
        return False
    return True


PATHS = [name for name in ("ifma", "avx2", "portable") if _runs(name)]
