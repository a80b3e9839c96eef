"""Opening: envelope to plaintext.

1. Parse the header, strictly; the suite must be one that the opener accepts.
2. Unwrap the data key with the one of our keys that is named; verify the header's HMAC.
3. Decrypt chunk by chunk; each is verified before it is used, the last one must say that it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO

from safelight.errors import VaultError
from safelight.vault.envelope.chunk_cipher import ChunkCipher, chunk_cipher
from safelight.vault.envelope.chunked_reading import blocks
from safelight.vault.envelope.header import MAX_HEADER_BYTES, Header, parse_header
from safelight.vault.envelope.header_hmac import is_authentic
from safelight.vault.envelope.key_schedule import EnvelopeKeys, bound_data, derive_keys
from safelight.vault.envelope.keys import DATA_KEY_BYTES, PrivateKey
from safelight.vault.envelope.limits import MAX_CHUNKS, MAX_IN_MEMORY_BYTES
from safelight.vault.envelope.refusal import refusal
from safelight.vault.envelope.sealing import write_all
from safelight.vault.envelope.suites import DEFAULT_ACCEPTED, Suite
from safelight.vault.envelope.whole_file import whole_file
from safelight.vault.envelope.writable_bytes import WritableBytes

_ROOM_BYTES = 32  # CBC asks for a block of room beyond what it writes


def open_bytes(
    envelope: bytes | bytearray | memoryview,
    keys: Sequence[PrivateKey],
    *,
    accept: Collection[Suite] = DEFAULT_ACCEPTED,
    context: bytes = b"",
) -> bytes:
    """Opens an envelope in memory: all of it, verified, or an error.

    Args:
        envelope: All of it.
        keys: Ours; one of them must be a recipient's.
        accept: The suites that we open. By default the hybrid one alone.
        context: As it was sealed.

    Raises:
        EnvelopeError: it does not open; nothing says why.
    """
    if len(envelope) > MAX_IN_MEMORY_BYTES:
        raise refusal()
    sealed = memoryview(envelope).cast("B")
    header, keys_of_it, start = unlock(sealed[:MAX_HEADER_BYTES], keys, accept, context)
    cipher = chunk_cipher(header.suite, keys_of_it)
    step = cipher.sealed_bytes(1 << header.chunk_log2)
    # never longer than what is sealed; chunks are opened straight into their places
    opened = WritableBytes(len(sealed))
    length = 0
    with opened.view() as out:
        for index, place in enumerate(range(start, max(len(sealed), start + 1), step)):
            chunk = sealed[place : place + step]
            final = place + step >= len(sealed)
            length += _open_chunk(header, cipher, (index, final), chunk, out[length:])
    return opened.finish(length)


def open_file(
    source: Path,
    target: Path,
    keys: Sequence[PrivateKey],
    *,
    accept: Collection[Suite] = DEFAULT_ACCEPTED,
    context: bytes = b"",
    replace: bool = False,
) -> None:
    """Opens a file; ``target`` appears only after the last chunk has verified.

    Raises:
        EnvelopeError: it does not open.
        VaultError: ``target`` exists and ``replace`` is false; a file cannot be read or written.
    """
    with whole_file(target, replace=replace) as sink:
        try:
            stream = source.open("rb", buffering=0)
        except OSError as exc:
            raise VaultError(f"{source.name} cannot be read ({exc.strerror})") from exc
        with stream:
            open_stream_unverified(stream, sink, keys, accept=accept, context=context)


def open_stream_unverified(
    source: BinaryIO,
    sink: BinaryIO,
    keys: Sequence[PrivateKey],
    *,
    accept: Collection[Suite] = DEFAULT_ACCEPTED,
    context: bytes = b"",
) -> None:
    """Reads an envelope to its end and writes its plaintext.

    ``sink`` gets chunks that are authentic each, but whether the envelope is whole shows only at
    its end: use nothing of it before this returns. `open_file` and `open_bytes` see to that. Our
    own buffer of plaintext is overwritten at the end.

    Raises:
        EnvelopeError: it does not open.
    """
    beginning = read_up_to(source, MAX_HEADER_BYTES)
    header, keys_of_it, start = unlock(memoryview(beginning), keys, accept, context)
    cipher = chunk_cipher(header.suite, keys_of_it)
    size = 1 << header.chunk_log2
    out = memoryview(bytearray(size + _ROOM_BYTES))
    rest = beginning[start:]
    try:
        for index, (sealed, final) in enumerate(blocks(source, cipher.sealed_bytes(size), rest)):
            write_all(sink, out[: _open_chunk(header, cipher, (index, final), sealed, out)])
    finally:
        out[:] = bytes(len(out))


def unlock(
    beginning: memoryview,
    keys: Sequence[PrivateKey],
    accept: Collection[Suite],
    context: bytes,
) -> tuple[Header, EnvelopeKeys, int]:
    """Reads and verifies the header.

    Args:
        beginning: Of the envelope: `MAX_HEADER_BYTES`, or all.
        keys: As in `open_bytes`.
        accept: The same.
        context: The same.

    Returns:
        The header, the envelope's keys, and where the chunks start.

    Raises:
        EnvelopeError: not accepted, not ours, or altered.
    """
    header, given, start = parse_header(beginning)
    if header.suite not in accept:
        raise refusal()
    bound = bound_data(header.prefix, context)
    envelope_keys = derive_keys(unwrap(header, keys, bound), bound)
    if not is_authentic(header, envelope_keys, given):
        raise refusal()
    return header, envelope_keys, start


def unwrap(header: Header, keys: Sequence[PrivateKey], bound: bytes) -> bytes:
    """The data key, by the first of our keys that the header names; not verified yet.

    Raises:
        EnvelopeError: none of ours, or wrapped for something else.
    """
    ours = {key.key_id: key for key in keys if key.kind is header.suite.key_kind}
    for stanza in header.stanzas:
        if key := ours.get(stanza.key_id):
            data_key = key.unwrap(stanza.wrapped, bound)
            if len(data_key) != DATA_KEY_BYTES:
                raise refusal()
            return data_key
    raise refusal()


def read_up_to(source: BinaryIO, size: int) -> bytes:
    """That many bytes, or fewer at the stream's end."""
    parts: list[bytes] = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _open_chunk(
    header: Header,
    cipher: ChunkCipher,
    place: tuple[int, bool],
    sealed: memoryview,
    out: memoryview,
) -> int:
    index, final = place
    size = 1 << header.chunk_log2
    if cipher.plain_bytes(len(sealed)) < 0 or index >= MAX_CHUNKS:
        raise refusal()
    length = cipher.open_into(index, final, sealed, out)
    # a plaintext has one shape: only the last chunk is short, and it is empty only if all is
    if length > size or (not final and length != size) or (index > 0 and length == 0):
        raise refusal()
    return length
