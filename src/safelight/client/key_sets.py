"""Evaluation keys on their way to a service: what it lacks is made, one key at a time, and sent."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safelight.ckks.ciphertext import KeyRequirements
from safelight.ckks.secret import RELINEARIZATION, SecretKeys
from safelight.client.answers import ModelInfo
from safelight.client.transport import Transport
from safelight.errors import KeyFileError, RequestRejectedError
from safelight.wire.keys import encode_key, keyset_digest

# (what, done, total): "keys" counts keys, "evaluate" runs to 1.
Watch = Callable[[str, float, float], None]


@dataclass
class KeyState:
    """The keys in use for one set of parameters.

    Args:
        secret: The secret key, which stays here.
        keyset_id: Name of the evaluation keys at the service, once made.
        keygen_ms: Time to make secret and evaluation keys.
        upload_ms: Time to upload the evaluation keys.
        uploaded_bytes: Evaluation keys uploaded.
        digests: SHA-256 of each key message that this object sent, by element.
        complete_for: Models whose keys are all there.
    """

    secret: SecretKeys
    keyset_id: str | None = None
    keygen_ms: float = 0.0
    upload_ms: float = 0.0
    uploaded_bytes: int = 0
    digests: dict[int, bytes] = field(default_factory=dict)
    complete_for: set[str] = field(default_factory=set)

    def digest_for(self, info: ModelInfo) -> bytes | None:
        """What the service must sign as the keys it used; None where an earlier run sent some."""
        elements = [element for element, _ in required_keys(info.requirements)]
        if any(element not in self.digests for element in elements):
            return None
        return keyset_digest(
            info.parameters.digest, {element: self.digests[element] for element in elements}
        )


def required_keys(requirements: KeyRequirements) -> list[tuple[int, int]]:
    """(element or `RELINEARIZATION`, level) of every required key."""
    keys = list(requirements.galois_levels.items())
    if requirements.relinearization_level is not None:
        keys.insert(0, (RELINEARIZATION, requirements.relinearization_level))
    return keys


def upload_missing_keys(
    transport: Transport, info: ModelInfo, state: KeyState, watch: Watch | None
) -> None:
    """Makes and sends the keys that a model needs and the service lacks."""
    if info.name in state.complete_for:
        return
    missing = _missing(transport, info, state)
    assert state.keyset_id is not None
    for done, (element, level) in enumerate(missing):
        if watch is not None:
            watch("keys", done, len(missing))
        start = time.perf_counter()
        message = encode_key(element, state.secret.evaluation_key(element, level))
        made = time.perf_counter()
        name = "relinearization" if element == RELINEARIZATION else element
        transport.put_key(state.keyset_id, name, message)
        state.keygen_ms += 1000 * (made - start)
        state.upload_ms += 1000 * (time.perf_counter() - made)
        state.uploaded_bytes += len(message)
        state.digests[element] = hashlib.sha256(message).digest()
    if watch is not None:
        watch("keys", len(missing), len(missing))
    state.complete_for.add(info.name)


def _missing(transport: Transport, info: ModelInfo, state: KeyState) -> list[tuple[int, int]]:
    """(element, level) of the keys that the service lacks; makes the key set if need be."""
    needed = required_keys(info.requirements)
    if state.keyset_id is not None:
        try:
            present = transport.keyset_present(state.keyset_id, info.name)
        except RequestRejectedError as exc:
            if exc.status != 404:
                raise
            state.keyset_id = None  # the service forgot it: upload again
            state.complete_for.clear()
            state.digests.clear()
        else:
            if present.parameters_digest != info.parameters.digest.hex():
                raise KeyFileError("the service holds keys of other parameters under this id")
            return [
                (element, level)
                for element, level in needed
                if ("relinearization" if element == RELINEARIZATION else str(element))
                in present.missing
            ]
    state.keyset_id = transport.create_keyset(info.parameters.digest)
    return needed


@dataclass(frozen=True)
class KnownService:
    """What a key file's companion remembers of a service.

    Args:
        service_key: Its Ed25519 public key at the first contact.
        keyset_id: The evaluation keys of this key file there.
    """

    service_key: bytes
    keyset_id: str | None


class ServiceMemory:
    """The companion of a key file, ``FILE.services.json``: public facts on services, by URL.

    It lets a second run use the keys that the first one uploaded, and refuse a service that
    answers with another signing key than before.

    Args:
        key_file: The file beside which it lies.
        epoch: Of the secret key: evaluation keys of another one, which had this file's name
            before, would give answers that are wrong without a sign of it.
    """

    def __init__(self, key_file: Path, epoch: bytes) -> None:
        self._path = key_file.with_name(key_file.name + ".services.json")
        self._epoch = epoch.hex()

    def get(self, url: str) -> KnownService | None:
        """What is known of the service at ``url``.

        Raises:
            KeyFileError: The companion is damaged.
        """
        known = self._read().get(_normal(url))
        if known is None:
            return None
        try:
            service_key, keyset = bytes.fromhex(known["service_key"]), known["keyset"]
            same_key = known["epoch"] == self._epoch
        except (KeyError, TypeError, ValueError) as exc:
            raise self._damaged() from exc
        if len(service_key) != 32 or not isinstance(keyset, str):
            raise self._damaged()
        return KnownService(service_key, keyset if same_key else None)

    def put(self, url: str, known: KnownService) -> None:
        """Remembers, whole or not at all."""
        services = self._read()
        services[_normal(url)] = {
            "service_key": known.service_key.hex(),
            "keyset": known.keyset_id,
            "epoch": self._epoch,
        }
        temporary = self._path.with_name(f".{self._path.name}.{os.urandom(6).hex()}")
        try:
            temporary.write_text(json.dumps({"services": services}, indent=2) + "\n", "utf-8")
            temporary.replace(self._path)
        except OSError as exc:
            raise KeyFileError(f"{self._path.name} cannot be written ({exc.strerror})") from exc

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text("utf-8"))
            services: dict[str, Any] = dict(document["services"])
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise self._damaged() from exc
        return services

    def _damaged(self) -> KeyFileError:
        return KeyFileError(
            f"{self._path.name} is damaged",
            hint="delete it: the keys are then uploaded again, and the service is trusted anew",
        )


def _normal(url: str) -> str:
    return url.rstrip("/")
