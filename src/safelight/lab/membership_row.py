"""One row of a report on membership inference: an attack on a target, and how it went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from safelight.lab.membership import AttackSuccess, BoolArray, FloatArray, attack_success


@dataclass(frozen=True)
class MembershipRow:
    """One attack on one target."""

    target: str
    sees: str
    attack: str
    success: AttackSuccess

    def to_json(self) -> dict[str, Any]:
        """Flat."""
        return {"target": self.target, "sees": self.sees, "attack": self.attack} | asdict(
            self.success
        )


def judged_rows(
    target: str, sees: str, scores: Mapping[str, Sequence[FloatArray]], members: BoolArray
) -> Iterator[MembershipRow]:
    """A row an attack; scores and membership ``[targets, records]``."""
    networks, records = np.indices(members.shape).reshape(2, -1)
    for name, parts in scores.items():
        success = attack_success(
            np.concatenate(parts), members.ravel(), records=records, networks=networks
        )
        yield MembershipRow(target, sees, name, success)
