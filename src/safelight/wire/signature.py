"""A model's signature as bytes: canonical JSON, small enough to read in one go."""

from __future__ import annotations

from safelight.circuit.signature import Signature
from safelight.errors import MalformedError
from safelight.wire.canonical_json import canonical_json, parse_json
from safelight.wire.frame import Buffer

__all__ = [
    "MAX_SIGNATURE_BYTES",
    "canonical_json",
    "decode_signature",
    "encode_signature",
    "parse_json",
]

# The longest part is the input packing, a run of five numbers for each image row and copy.
MAX_SIGNATURE_BYTES = 1024 * 1024


def encode_signature(signature: Signature) -> bytes:
    """Canonical JSON of a signature.

    Raises:
        MalformedError: It holds something that JSON cannot carry, or is too long.
    """
    data = canonical_json(signature.to_json())
    if len(data) > MAX_SIGNATURE_BYTES:
        raise MalformedError(f"a signature of {len(data)} bytes, above {MAX_SIGNATURE_BYTES}")
    return data


def decode_signature(data: Buffer) -> Signature:
    """Reads a signature from a stranger.

    Raises:
        MalformedError: Not strict JSON, or not a signature.
    """
    document = parse_json(data, MAX_SIGNATURE_BYTES)
    if not isinstance(document, dict):
        raise MalformedError("the model's signature is not a JSON object")
    return Signature.from_json(document)
