"""All CKKS checks of one model, with what they are to be compared with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from safelight.lab.ckks_checks import (
    Bench,
    LayerPrecision,
    Progress,
    SecurityRow,
    Timing,
    UnusedSlots,
    WorstCase,
    security_rows,
)
from safelight.lab.key_recovery import KeyRecovery, recover_key
from safelight.models.held_out import held_out
from safelight.models.registry import TrainedModel

_PRECISION_INPUTS = 4
_SLOT_INPUTS = 8


@dataclass(frozen=True)
class CkksChecks:
    """The findings."""

    precision: tuple[LayerPrecision, ...]
    worst_cases: tuple[WorstCase, ...]
    unused_slots: UnusedSlots
    timing: Timing
    key_recovery: KeyRecovery
    security: tuple[SecurityRow, ...]

    def to_json(self) -> dict[str, Any]:
        """All rows."""
        return asdict(self)


def check_ckks(
    model: TrainedModel,
    *,
    evaluations: int = 60,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> CkksChecks:
    """Runs all checks.

    Args:
        model: With data at hand.
        evaluations: Encrypted inferences for each start of the search for the worst error.
        seed: Of the search.
        progress: Told of (phase, done, total).
    """
    bench = Bench(model)
    inputs = held_out(model).inputs
    bound = bench.compiled.signature.input_bound
    rng = np.random.default_rng(seed)
    shape = inputs[0].shape
    starts = {
        "a real input": inputs[0],
        "uniform noise in the declared range": rng.uniform(-bound, bound, shape),
        "the range's two ends, at random": rng.choice([-bound, bound], shape),
    }
    return CkksChecks(
        precision=tuple(bench.precision(inputs[:_PRECISION_INPUTS], progress)),
        worst_cases=tuple(bench.worst_cases(starts, evaluations, seed, progress)),
        unused_slots=bench.unused_slots(inputs[:_SLOT_INPUTS]),
        timing=bench.timing(progress),
        key_recovery=recover_key(seed),
        security=tuple(security_rows()),
    )
