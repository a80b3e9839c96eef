"""Which keyed transformation an obfuscated image went through, and under which key: never the key.

It stands in the model's description and in every request at the level `obfuscated`. The service
refuses a request whose transformation is not the one that the network was trained on.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from safelight.errors import MalformedError
from safelight.wire.frame import Buffer
from safelight.wire.json_object import JsonObject

VERSION = 1
KEY_ID_BYTES = 16
LOSSLESS = 1
MAX_BLOCK = 64
MAX_RATIO = 100

# version, side of a block, ratio of JPEG 2000, key id
_FIELDS = struct.Struct("<BBH16s")
TRANSFORMATION_BYTES = _FIELDS.size


@dataclass(frozen=True)
class Transformation:
    """The public part of a client's transformation.

    Args:
        key_id: 16 bytes, a keyed digest of the obfuscation key under a label.
        block: Side of a block in pixels.
        jpeg2000_ratio: How many times smaller JPEG 2000 made the image before; 1 is lossless.

    Raises:
        MalformedError: A value out of range.
    """

    key_id: bytes
    block: int
    jpeg2000_ratio: int = LOSSLESS

    def __post_init__(self) -> None:
        if (
            len(self.key_id) != KEY_ID_BYTES
            or not 2 <= self.block <= MAX_BLOCK
            or not LOSSLESS <= self.jpeg2000_ratio <= MAX_RATIO
        ):
            raise MalformedError("a transformation has a value out of range")

    def to_bytes(self) -> bytes:
        """As a request has it."""
        return _FIELDS.pack(VERSION, self.block, self.jpeg2000_ratio, self.key_id)

    @classmethod
    def from_bytes(cls, data: Buffer) -> Transformation:
        """Reads `to_bytes`.

        Raises:
            MalformedError: Another length, version, or a value out of range.
        """
        if len(data) != TRANSFORMATION_BYTES:
            raise MalformedError(f"a transformation of {len(data)} bytes")
        version, block, ratio, key_id = _FIELDS.unpack(data)
        if version != VERSION:
            raise MalformedError("a transformation of another version")
        return cls(key_id, block, ratio)

    def to_json(self) -> dict[str, Any]:
        """As a model's description has it."""
        return {
            "version": VERSION,
            "key_id": self.key_id.hex(),
            "block": self.block,
            "jpeg2000_ratio": self.jpeg2000_ratio,
        }

    @classmethod
    def from_json(cls, document: object) -> Transformation:
        """Reads `to_json`, which may come from a stranger.

        Raises:
            MalformedError: Anything missing, unknown, of a wrong type or out of range.
        """
        fields = JsonObject(document, "the transformation")
        fields.integer("version", VERSION, VERSION)
        text = fields.text("key_id", 2 * KEY_ID_BYTES)
        block = fields.integer("block", 2, MAX_BLOCK)
        ratio = fields.integer("jpeg2000_ratio", LOSSLESS, MAX_RATIO)
        fields.close()
        try:
            key_id = bytes.fromhex(text)
        except ValueError as exc:
            raise MalformedError("the transformation's key id is not hex") from exc
        return cls(key_id, block, ratio)
