"""Sealing: plaintext to envelope.

1. Draw a data key and a nonce.
2. Wrap the data key for each recipient, bound to prefix and context.
3. Write the header with its HMAC.
4. Encrypt chunk by chunk.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace as replaced
from pathlib import Path
from typing import BinaryIO

from safelight.errors import VaultError
from safelight.vault.envelope.chunk_cipher import ChunkCipher, chunk_cipher
from safelight.vault.envelope.chunked_reading import blocks
from safelight.vault.envelope.header import NONCE_BYTES, Header, Stanza
from safelight.vault.envelope.header_hmac import header_hmac
from safelight.vault.envelope.key_schedule import bound_data, derive_keys
from safelight.vault.envelope.keys import DATA_KEY_BYTES, PublicKey
from safelight.vault.envelope.limits import (
    DEFAULT_CHUNK_LOG2,
    MAX_CHUNK_LOG2,
    MAX_CHUNKS,
    MAX_RECIPIENTS,
    MIN_CHUNK_LOG2,
)
from safelight.vault.envelope.suites import DEFAULT_SUITE, Suite
from safelight.vault.envelope.whole_file import whole_file
from safelight.vault.envelope.writable_bytes import WritableBytes


def seal_bytes(
    plaintext: bytes | bytearray | memoryview,
    recipients: Sequence[PublicKey],
    *,
    suite: Suite = DEFAULT_SUITE,
    context: bytes = b"",
) -> bytes:
    """Seals bytes in memory, each chunk straight into its place; see `seal_stream`."""
    plain = memoryview(plaintext).cast("B")
    start, cipher = _start(recipients, suite, context, DEFAULT_CHUNK_LOG2)
    size = 1 << DEFAULT_CHUNK_LOG2
    ends = [*range(size, len(plain), size), len(plain)]
    sealed = WritableBytes(
        len(start) + sum(cipher.sealed_bytes(end - (i * size)) for i, end in enumerate(ends))
    )
    with sealed.view() as out:
        out[: len(start)] = start
        position = len(start)
        for index, end in enumerate(ends):
            chunk = plain[index * size : end]
            position += cipher.seal_into(index, end == len(plain), chunk, out[position:])
    return sealed.finish()


def seal_file(
    source: Path,
    target: Path,
    recipients: Sequence[PublicKey],
    *,
    suite: Suite = DEFAULT_SUITE,
    context: bytes = b"",
    replace: bool = False,
) -> None:
    """Seals a file; ``target`` is whole or not there.

    Raises:
        VaultError: as `seal_stream`; ``target`` exists and ``replace`` is false; a file cannot be
            read or written.
    """
    with whole_file(target, replace=replace) as sink:
        try:
            stream = source.open("rb", buffering=0)
        except OSError as exc:
            raise VaultError(f"{source.name} cannot be read ({exc.strerror})") from exc
        with stream:
            seal_stream(stream, sink, recipients, suite=suite, context=context)


def seal_stream(
    source: BinaryIO,
    sink: BinaryIO,
    recipients: Sequence[PublicKey],
    *,
    suite: Suite = DEFAULT_SUITE,
    context: bytes = b"",
    chunk_log2: int = DEFAULT_CHUNK_LOG2,
) -> None:
    """Reads plaintext to its end and writes an envelope.

    Args:
        source: Plaintext.
        sink: Takes the envelope; worth nothing if this raises.
        recipients: Each can open it alone. All of the suite's kind, all different.
        suite: How to seal.
        context: Bound but not stored: what the envelope is for, such as a request's digest. It
            opens in the same context only.
        chunk_log2: log2 of the chunk size in bytes.

    Raises:
        VaultError: no recipients, too many, twice the same, or of another kind than the suite's.

    **Security**: anyone with a recipient's public key can seal; an envelope does not prove who
    did. Its length gives away that of the plaintext; key ids in its header name the recipients.
    """
    start, cipher = _start(recipients, suite, context, chunk_log2)
    write_all(sink, memoryview(start))
    size = 1 << chunk_log2
    out = memoryview(bytearray(cipher.sealed_bytes(size)))
    for index, (plain, final) in enumerate(blocks(source, size)):
        if index >= MAX_CHUNKS:
            raise VaultError("the file is too long for one envelope")
        write_all(sink, out[: cipher.seal_into(index, final, plain, out)])


def _start(
    recipients: Sequence[PublicKey], suite: Suite, context: bytes, chunk_log2: int
) -> tuple[bytes, ChunkCipher]:
    """The header, and the cipher for what follows it."""
    check_recipients(recipients, suite)
    if not MIN_CHUNK_LOG2 <= chunk_log2 <= MAX_CHUNK_LOG2:
        raise VaultError(f"chunks of 2^{chunk_log2} bytes are outside our limits")
    data_key = os.urandom(DATA_KEY_BYTES)
    unaddressed = Header(suite, chunk_log2, os.urandom(NONCE_BYTES), ())
    bound = bound_data(unaddressed.prefix, context)
    keys = derive_keys(data_key, bound)
    header = replaced(unaddressed, stanzas=wrap_for(recipients, data_key, bound))
    return header.authenticated() + header_hmac(header, keys), chunk_cipher(suite, keys)


def wrap_for(recipients: Sequence[PublicKey], data_key: bytes, bound: bytes) -> tuple[Stanza, ...]:
    """The data key, wrapped for each."""
    return tuple(Stanza(key.key_id, key.wrap(data_key, bound)) for key in recipients)


def check_recipients(recipients: Sequence[PublicKey], suite: Suite) -> None:
    """Refuses a list that no envelope can have.

    Raises:
        VaultError: none, too many, twice the same, or of another kind than the suite's.
    """
    if not recipients:
        raise VaultError("nobody could open an envelope without recipients")
    if len(recipients) > MAX_RECIPIENTS:
        raise VaultError(f"{len(recipients)} recipients are more than {MAX_RECIPIENTS}")
    if len({key.key_id for key in recipients}) != len(recipients):
        raise VaultError("a recipient is named twice")
    kinds = {key.kind for key in recipients} - {suite.key_kind}
    if kinds:
        raise VaultError(
            f"the suite {suite.label} takes keys of kind {suite.key_kind}, "
            f"not {', '.join(sorted(kinds))}",
            hint="choose another suite, or make keys of that kind: safelight vault keys new",
        )


def write_all(sink: BinaryIO, data: memoryview) -> None:
    """Writes to streams that may take less than offered, as unbuffered files do."""
    while len(data):
        count = sink.write(data)
        if count is None or count == len(data):
            return
        data = data[count:]
