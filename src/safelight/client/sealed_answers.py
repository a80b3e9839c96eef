"""What a service answers about the level `envelope`, as types; nothing is taken on trust."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from safelight.errors import InputError
from safelight.wire.interface import ModelInterface

_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class SealedModel:
    """A model that is served in envelopes.

    Args:
        interface: Inputs and outputs.
        model_digest: SHA-256, hex.
        program_digest: SHA-256 of what runs, hex.
    """

    interface: ModelInterface
    model_digest: str
    program_digest: str


def envelope_key(document: dict[str, Any]) -> tuple[bytes, bytes]:
    """Envelope key and its signature, of ``GET /v1/service``.

    Raises:
        InputError: The service has none.
    """
    key = document.get("envelope_key")
    if key is None:
        raise InputError(
            "this service serves no model at the level envelope",
            hint="its operator starts it with --deep-model or --minimum-level MODEL=envelope",
        )
    return bytes.fromhex(key["public_key"]), bytes.fromhex(key["signature"])


def sealed_model(document: dict[str, Any]) -> SealedModel:
    """The answer of ``GET /v1/models/{name}`` about envelopes.

    Raises:
        InputError: The model is not served in envelopes.
    """
    described = document.get("envelope")
    if described is None or "envelope" not in document["levels"]:
        raise InputError(
            "this model is not served at the level envelope",
            hint="ask it at the level homomorphic, which protects more",
        )
    digests = (document["model_digest"], described["program_digest"])
    if not all(isinstance(d, str) and _HEX_DIGEST.fullmatch(d) for d in digests):
        raise ValueError("not a digest")
    interface = ModelInterface.from_json(described["interface"])
    if interface.model != document["name"]:
        raise ValueError("the interface of another model")
    return SealedModel(interface, *digests)
