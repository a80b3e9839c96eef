"""What a service answers about sealed requests, as types; nothing is taken on trust."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from safelight.errors import InputError
from safelight.wire.interface import ModelInterface
from safelight.wire.levels import Level
from safelight.wire.transformation import Transformation

_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class SealedModel:
    """A model that is asked in sealed requests.

    Args:
        interface: Inputs and outputs.
        model_digest: SHA-256, hex.
        program_digest: SHA-256 of what runs, hex.
        transformation: Of the images that it takes; at the level `obfuscated`.
    """

    interface: ModelInterface
    model_digest: str
    program_digest: str
    transformation: Transformation | None = None


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


def sealed_model(document: dict[str, Any], level: Level = "envelope") -> SealedModel:
    """The answer of ``GET /v1/models/{name}`` about a level of sealed requests.

    Raises:
        InputError: The model is not served at that level.
    """
    described = document.get(level)
    if described is None or level not in document["levels"]:
        raise InputError(
            f"this model is not served at the level {level}",
            hint="ask it at the level homomorphic, which protects more"
            if "homomorphic" in document["levels"]
            else f"it is served at: {', '.join(map(str, document['levels']))}",
        )
    digests = (document["model_digest"], described["program_digest"])
    if not all(isinstance(d, str) and _HEX_DIGEST.fullmatch(d) for d in digests):
        raise ValueError("not a digest")
    interface = ModelInterface.from_json(described["interface"])
    if interface.model != document["name"]:
        raise ValueError("the interface of another model")
    if level != "obfuscated":
        return SealedModel(interface, *digests)
    transformation = Transformation.from_json(described["transformation"])
    return SealedModel(interface, *digests, transformation)
