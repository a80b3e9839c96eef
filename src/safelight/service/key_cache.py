"""The evaluation keys of a job, loaded one at a time and kept between jobs.

Models with the same parameters share keys, so each key is an entry of its own. A key is unpacked,
brought into the engine's form and its residues dropped before the next one is read: the whole set
is never in memory as 64-bit residues.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safelight.ckks.ciphertext import EvaluationKeys, KeyRequirements, KeySwitchKey
from safelight.ckks.parameters import Parameters
from safelight.engine.base import Engine
from safelight.errors import MissingKeyError
from safelight.service.keysets import Keyset, KeysetStore, needed_levels
from safelight.service.resident_cache import Lease
from safelight.service.stored_messages import read_key
from safelight.wire.keys import RELINEARIZATION

# A key may be replaced by one of a higher level while its file is being opened.
_ATTEMPTS = 3


class KeyCache:
    """Loads the keys that a program needs.

    Args:
        keysets: Where they are stored.
        engine: Its ``load_key`` and ``key_set``, if it has them, turn keys into what ``run`` takes.
    """

    def __init__(self, keysets: KeysetStore, engine: Engine) -> None:
        self._keysets = keysets
        self._load_key = getattr(engine, "load_key", None)
        self._key_set = getattr(engine, "key_set", None)

    def keys(
        self,
        lease: Lease,
        client_id: str,
        keyset_id: str,
        parameters: Parameters,
        needed: KeyRequirements,
    ) -> tuple[EvaluationKeys, Keyset]:
        """The keys for a program as the engine takes them, and the key set that they are of.

        Raises:
            MissingKeyError: Some are not stored, or trimmed too low.
            Refusal: ``unknown-keyset``.
        """
        for _ in range(_ATTEMPTS):
            keyset = self._keysets.get(client_id, keyset_id)
            if missing := keyset.missing(needed):
                raise MissingKeyError(f"{len(missing)} evaluation keys are missing")
            try:
                loaded = {
                    element: self._one(lease, client_id, keyset, element, parameters)
                    for element in needed_levels(needed)
                }
            except FileNotFoundError:
                continue
            return self._together(loaded, parameters), keyset
        raise MissingKeyError("evaluation keys changed while they were read")

    def _one(
        self, lease: Lease, client_id: str, keyset: Keyset, element: int, parameters: Parameters
    ) -> Any:
        stored = keyset.keys[element]

        def load() -> Any:
            path: Path = self._keysets.path(client_id, stored.sha256)
            key = read_key(path.read_bytes(), parameters, element)
            return _Plain(key) if self._load_key is None else self._load_key(element, key)

        # by content: a key that was replaced is another entry; by client: none sees another's
        name = ("key", client_id, stored.sha256)
        return lease.get(name, load, 2 * stored.bytes)  # a seed stands for half of a key

    def _together(self, loaded: dict[int, Any], parameters: Parameters) -> EvaluationKeys:
        if self._key_set is not None:
            keys: EvaluationKeys = self._key_set(parameters, loaded.values())
            return keys
        plain = {element: entry.key for element, entry in loaded.items()}
        relinearization = plain.pop(RELINEARIZATION, None)
        return EvaluationKeys(parameters, relinearization, plain)


class _Plain:
    """A key as it is, for engines that have no form of their own."""

    def __init__(self, key: KeySwitchKey) -> None:
        self.key = key
        self.nbytes = int(key.residues.nbytes)
