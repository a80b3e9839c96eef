"""Programs with their constants encoded: made when first used, or before, while nobody waits.

An engine may keep a large program in a fast or in a compact form. It is the fast one where there is
memory left for it, so that a service of few models is fast and one of many stays small.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from safelight.circuit.cost import prepared_bytes
from safelight.circuit.program import Program
from safelight.engine.base import Engine, PreparedProgram
from safelight.service.resident_cache import Lease, ResidentCache
from safelight.service.served_model import ServedModel
from safelight.service.stored_program import StoredProgram


class PreparedPrograms:
    """The prepared programs of the models that are served.

    Args:
        engine: Prepares them.
        cache: Holds them, with the keys.
    """

    def __init__(self, engine: Engine, cache: ResidentCache) -> None:
        self._prepare: Any = engine.prepare
        self._has_forms = engine.name == "native"
        self._cache = cache

    def get(self, lease: Lease, model: ServedModel) -> PreparedProgram:
        """The prepared program of a model, for the time of a lease."""
        program = model.program
        if isinstance(program, StoredProgram):
            os.utime(program.path)  # the next start prepares what was used last first
        room = self._cache.room

        def load() -> PreparedProgram:
            whole = program if isinstance(program, Program) else program.load()
            options = {"compact_above": room} if self._has_forms else {}
            made: PreparedProgram = self._prepare(whole, **options)
            return made

        found: PreparedProgram = lease.get(_name(model), load, _expected_bytes(model, room))
        return found

    def wanted(self, models: Iterable[ServedModel]) -> list[ServedModel]:
        """Models worth preparing before anybody asks, the most recently used first."""
        return sorted(models, key=_last_use, reverse=True)

    def warm(self, model: ServedModel) -> None:
        """Prepares a model if there is room for it."""
        room = self._cache.room
        if _name(model) not in self._cache and _expected_bytes(model, room) <= room:
            used = _last_use(model)
            with self._cache.lease() as lease:
                self.get(lease, model)
            if isinstance(model.program, StoredProgram):
                os.utime(model.program.path, (used, used))


def _name(model: ServedModel) -> tuple[str, ...]:
    return ("program", model.program_digest, model.name)


def _expected_bytes(model: ServedModel, room: int) -> int:
    program = model.program
    if isinstance(program, StoredProgram):
        return program.prepared_bytes(room) + program.constant_bytes
    return prepared_bytes(program, room)


def _last_use(model: ServedModel) -> float:
    program = model.program
    return program.path.stat().st_mtime if isinstance(program, StoredProgram) else 0.0
