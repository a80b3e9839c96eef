"""From the data key of an envelope to the keys of its parts.

One HKDF-SHA-256 (RFC 5869) over the data key, with prefix and context as info: an envelope whose
prefix was changed, or that is opened in another context, has other keys altogether.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from safelight.errors import VaultError
from safelight.vault.envelope.limits import MAX_CONTEXT_BYTES

_DOMAIN = b"safelight envelope v1\0"
NONCE_PREFIX_BYTES = 7
_KEY_BYTES = 32


def hkdf(secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA-256 without salt: ``secret`` is uniformly random already."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=info).derive(secret)


@dataclass(frozen=True, repr=False)
class EnvelopeKeys:
    """Keys of one envelope.

    Args:
        header: Of the HMAC over the whole header. The HMAC also commits to the data key: two
            recipients cannot be given different ones.
        chunks: Of the cipher.
        chunk_hmac: Of the chunks' HMAC, where the suite has one.
        nonce_prefix: First bytes of each chunk's nonce.
        bound: Associated data of every chunk: prefix and digest of the context.
    """

    header: bytes
    chunks: bytes
    chunk_hmac: bytes
    nonce_prefix: bytes
    bound: bytes


def bound_data(prefix: bytes, context: bytes) -> bytes:
    """What wrapped data keys and chunks are tied to.

    Args:
        prefix: The fixed part of the header, with suite and fresh nonce.
        context: The caller's own words, not stored; both sides must give the same.

    Raises:
        VaultError: an absurdly long context.
    """
    if len(context) > MAX_CONTEXT_BYTES:
        raise VaultError(f"a context of {len(context)} bytes is longer than {MAX_CONTEXT_BYTES}")
    return _DOMAIN + prefix + hashlib.sha256(context).digest()


def derive_keys(data_key: bytes, bound: bytes) -> EnvelopeKeys:
    """All keys of an envelope."""
    stream = hkdf(data_key, bound, 3 * _KEY_BYTES + NONCE_PREFIX_BYTES)
    return EnvelopeKeys(
        header=stream[:32],
        chunks=stream[32:64],
        chunk_hmac=stream[64:96],
        nonce_prefix=stream[96:],
        bound=bound,
    )
