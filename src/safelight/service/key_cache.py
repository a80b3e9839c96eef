"""Evaluation keys in memory between jobs, up to a size, the least recently used going first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from safelight.ckks.ciphertext import EvaluationKeys, KeyRequirements, KeySwitchKey
from safelight.ckks.parameters import Parameters
from safelight.engine.base import Engine
from safelight.errors import MissingKeyError
from safelight.service.keysets import Keyset, KeysetStore, needed_levels
from safelight.service.stored_messages import read_key
from safelight.wire.keys import RELINEARIZATION

# Which keys, by content: a key that was replaced is another entry.
_Name = tuple[str, ...]

# A key may be replaced by one of a higher level while its file is being opened.
_ATTEMPTS = 3


class KeyCache:
    """Loads the keys that a program needs and keeps what the engine made of them.

    Args:
        keysets: Where they are stored.
        engine: Its ``load_keys``, if it has one, turns keys into what ``run`` takes, which tells
            its size as ``nbytes``.
        max_bytes: Size of what is kept.
    """

    def __init__(self, keysets: KeysetStore, engine: Engine, max_bytes: int) -> None:
        self._keysets = keysets
        self._load: Callable[[EvaluationKeys], EvaluationKeys] | None = getattr(
            engine, "load_keys", None
        )
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Name, tuple[EvaluationKeys, int]] = OrderedDict()
        self.bytes = 0

    def keys(
        self, client_id: str, keyset_id: str, parameters: Parameters, needed: KeyRequirements
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
            elements = list(needed_levels(needed))
            name = (client_id, *(keyset.keys[element].sha256 for element in elements))
            if (kept := self._recall(name)) is not None:
                return kept, keyset
            try:
                read = {
                    element: self._read(client_id, keyset, element, parameters)
                    for element in elements
                }
            except FileNotFoundError:
                continue
            keys, size = self._prepare(read, parameters)
            self._keep(name, keys, size)
            return keys, keyset
        raise MissingKeyError("evaluation keys changed while they were read")

    def _read(
        self, client_id: str, keyset: Keyset, element: int, parameters: Parameters
    ) -> KeySwitchKey:
        path: Path = self._keysets.path(client_id, keyset.keys[element].sha256)
        return read_key(path.read_bytes(), parameters, element)

    def _prepare(
        self, read: dict[int, KeySwitchKey], parameters: Parameters
    ) -> tuple[EvaluationKeys, int]:
        size = sum(int(key.residues.nbytes) for key in read.values())
        relinearization = read.pop(RELINEARIZATION, None)
        keys = EvaluationKeys(parameters, relinearization, read)
        if self._load is None:
            return keys, size
        loaded = self._load(keys)
        return loaded, int(getattr(loaded, "nbytes", size))

    def _recall(self, name: _Name) -> EvaluationKeys | None:
        with self._lock:
            if name not in self._entries:
                return None
            self._entries.move_to_end(name)
            return self._entries[name][0]

    def _keep(self, name: _Name, keys: EvaluationKeys, size: int) -> None:
        with self._lock:
            if size > self._max_bytes or name in self._entries:
                return
            self._entries[name] = (keys, size)
            self.bytes += size
            while self.bytes > self._max_bytes:
                _, (_, freed) = self._entries.popitem(last=False)
                self.bytes -= freed
