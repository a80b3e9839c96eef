"""Microsoft SEAL's files to arrays and back, for objects made on this machine.

TenSEAL's binding gives no access to the residues, so they travel through SEAL's own save and
load, on an anonymous memory file. **Security**: these bytes never leave the process; what comes
from outside has passed our own parser (`safelight.wire`) before it is written in this form.

Layout, read off SEAL 4.3.3: every object opens with a 16-byte header; a ciphertext is
``parms_id 32 B, NTT flag u8, size u64, N u64, limbs u64, scale f64, correction u64`` and an array
(header, count u64, words).
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from safelight.ckks.ciphertext import UInt64Array
from safelight.ckks.parameters import Parameters

_HEADER = struct.Struct("<HBBBBHQ")
_MAGIC, _VERSION = 0xA15E, (4, 3)
_NO_COMPRESSION, _ZSTD = 0, 2
_CIPHERTEXT = struct.Struct("<32sBQQQdQ")
_PLAINTEXT = struct.Struct("<32sQd")
_COUNT = struct.Struct("<Q")
_CKKS_SCHEME = 2


@contextmanager
def memory_file() -> Iterator[str]:
    """A path that SEAL can save to and load from, which no other process sees.

    Linux: an anonymous memory file. Elsewhere: a file in a fresh private folder.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("safelight", os.MFD_CLOEXEC)
        try:
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryDirectory(prefix="safelight-") as folder:
            yield str(Path(folder) / "object")


def saved(obj: Any) -> bytes:
    """The file that one of SEAL's objects saves itself to."""
    with memory_file() as path:
        obj.save(path)
        return Path(path).read_bytes()


def loaded(obj: Any, context: Any, data: bytes) -> Any:
    """``obj``, one of SEAL's, after it has loaded itself from a file that we wrote."""
    with memory_file() as path:
        Path(path).write_bytes(data)
        obj.load(context, path)
    return obj


def parms_id(parameters: Parameters, prime_count: int | None = None) -> bytes:
    """SEAL's name for a level: BLAKE2b-256 over scheme, N, the primes, and zero.

    Args:
        parameters: The full parameters.
        prime_count: How many data primes remain; all primes and the special one if None.
    """
    primes = parameters.primes if prime_count is None else parameters.primes[:prime_count]
    words = [_CKKS_SCHEME, parameters.n, *primes, 0]
    return hashlib.blake2b(struct.pack(f"<{len(words)}Q", *words), digest_size=32).digest()


def _body(data: bytes) -> bytes:
    """What follows the header, decompressed."""
    _, _, _, _, compression, _, size = _HEADER.unpack_from(data)
    body = data[_HEADER.size : size]
    if compression == _ZSTD:
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return body


def _object(body: bytes) -> bytes:
    """A body with SEAL's header for an uncompressed object."""
    size = _HEADER.size + len(body)
    return _HEADER.pack(_MAGIC, _HEADER.size, *_VERSION, _NO_COMPRESSION, 0, size) + body


def _array(words: UInt64Array) -> bytes:
    return _object(_COUNT.pack(words.size) + np.ascontiguousarray(words, dtype="<u8").tobytes())


def read_plaintext(data: bytes) -> UInt64Array:
    """The words of a plaintext (or secret key) file, flat."""
    body = _body(data)
    (count,) = _COUNT.unpack_from(body, _PLAINTEXT.size + _HEADER.size)
    offset = _PLAINTEXT.size + _HEADER.size + _COUNT.size
    return np.frombuffer(body, "<u8", count, offset).astype(np.uint64)


def write_plaintext(words: UInt64Array, level_id: bytes, scale: float) -> bytes:
    """A plaintext (or secret key) file from its words."""
    return _object(_PLAINTEXT.pack(level_id, words.size, scale) + _array(words.ravel()))


def read_ciphertext(data: bytes, offset: int = 0) -> tuple[UInt64Array, float]:
    """Residues ``[components, limbs, N]`` and the scale of a ciphertext file."""
    body = _body(data[offset:] if offset else data)
    _, _, size, n, limbs, scale, _ = _CIPHERTEXT.unpack_from(body)
    start = _CIPHERTEXT.size + _HEADER.size + _COUNT.size
    words = np.frombuffer(body, "<u8", size * limbs * n, start).astype(np.uint64)
    return words.reshape(size, limbs, n), scale


def write_ciphertext(residues: UInt64Array, level_id: bytes, scale: float) -> bytes:
    """A ciphertext file from its residues ``[components, limbs, N]``."""
    size, limbs, n = residues.shape
    head = _CIPHERTEXT.pack(level_id, 1, size, n, limbs, scale, 1)
    return _object(head + _array(residues.ravel()))


def read_key(data: bytes, index: int) -> UInt64Array:
    """One key-switching key ``[digits, 2, primes, N]`` from a file that holds it alone.

    Args:
        data: A RelinKeys or GaloisKeys file.
        index: Its entry: 0 for relinearisation, (element − 1)/2 for a Galois element.
    """
    body = _body(data)
    # every entry before it is empty: one zero count each
    position = 32 + _COUNT.size + index * _COUNT.size
    (digits,) = _COUNT.unpack_from(body, position)
    position += _COUNT.size
    parts = []
    for _ in range(digits):
        (*_, size) = _HEADER.unpack_from(body, position)
        residues, _ = read_ciphertext(body[position : position + size])
        parts.append(residues)
        position += size
    return np.stack(parts)


def write_keys(entries: Sequence[UInt64Array | None], key_level_id: bytes) -> bytes:
    """A RelinKeys or GaloisKeys file from entries ``[digits, 2, primes, N]`` (None: empty)."""
    chunks = [key_level_id, _COUNT.pack(len(entries))]
    for entry in entries:
        chunks.append(_COUNT.pack(0 if entry is None else len(entry)))
        if entry is not None:
            chunks.extend(write_ciphertext(digit, key_level_id, 1.0) for digit in entry)
    return _object(b"".join(chunks))
