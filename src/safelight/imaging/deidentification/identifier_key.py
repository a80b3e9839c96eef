"""The key behind consistent replacements: UIDs, pseudonyms, date shifts.

Replacements are HMAC-SHA-256 of the original: equal originals give equal replacements, in any
file and at any time, as long as the key is the same; without the key nobody can tell which
original belongs to a replacement, nor try candidates.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Self

from safelight.errors import DeidentificationError

KEY_BYTES = 32
_MAX_SHIFT_DAYS = 1825


class IdentifierKey:
    """A secret of 32 bytes.

    **Security**: whoever holds it can find the replacement of a known original, and so whether a
    known patient is in a set of files.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) != KEY_BYTES:
            raise DeidentificationError(f"an identifier key does not have {len(data)} bytes")
        self._data = bytes(data)

    @classmethod
    def generate(cls) -> Self:
        """A fresh key."""
        return cls(os.urandom(KEY_BYTES))

    def unsafe_bytes(self) -> bytes:
        """The secret, for a file."""
        return self._data

    def uid(self, original: str) -> str:
        """A UID under 2.25 (PS3.5 B.2), from 122 bits of the HMAC laid out as a UUID version 8."""
        raw = bytearray(self._digest(b"uid", original)[:16])
        raw[6] = (raw[6] & 0x0F) | 0x80
        raw[8] = (raw[8] & 0x3F) | 0x80
        return f"2.25.{int.from_bytes(raw, 'big')}"

    def pseudonym(self, original: str) -> str:
        """A name for a patient: ``SL-`` and 16 hexadecimal digits."""
        return f"SL-{self._digest(b'patient', original)[:8].hex().upper()}"

    def shift_days(self, patient: str) -> int:
        """Days by which a patient's dates move back, 1 to 1825."""
        number = int.from_bytes(self._digest(b"dates", patient)[:8], "big")
        return 1 + number % _MAX_SHIFT_DAYS

    def _digest(self, purpose: bytes, original: str) -> bytes:
        message = purpose + b"\0" + original.encode("utf-8", "surrogateescape")
        return hmac.digest(self._data, message, hashlib.sha256)

    def __repr__(self) -> str:
        return "IdentifierKey()"
