"""Rewrapping: other recipients, the same chunks.

The chunks are copied as they are; nothing is decrypted but the data key. Chunks are bound to the
prefix, which stays; the HMAC is made anew over the new recipients.

**Security**: a former recipient who kept the old file, or its data key, can still read this
object. Rewrapping ends what a *key* can open from now on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from safelight.errors import VaultError
from safelight.vault.envelope.header import MAX_HEADER_BYTES
from safelight.vault.envelope.header_hmac import header_hmac
from safelight.vault.envelope.key_schedule import bound_data
from safelight.vault.envelope.keys import PrivateKey, PublicKey
from safelight.vault.envelope.opening import read_up_to, unlock, unwrap
from safelight.vault.envelope.sealing import check_recipients, wrap_for, write_all
from safelight.vault.envelope.suites import DEFAULT_ACCEPTED, Suite
from safelight.vault.envelope.whole_file import whole_file

_COPY_BYTES = 1 << 20


def rewrap_stream(
    source: BinaryIO,
    sink: BinaryIO,
    keys: Sequence[PrivateKey],
    recipients: Sequence[PublicKey],
    *,
    accept: Collection[Suite] = DEFAULT_ACCEPTED,
    context: bytes = b"",
) -> None:
    """Copies an envelope, for other recipients.

    Raises:
        EnvelopeError: our keys do not open its header.
        VaultError: recipients that its suite does not take.
    """
    beginning = read_up_to(source, MAX_HEADER_BYTES)
    header, envelope_keys, start = unlock(memoryview(beginning), keys, accept, context)
    check_recipients(recipients, header.suite)
    bound = bound_data(header.prefix, context)
    data_key = unwrap(header, keys, bound)
    fresh = replace(header, stanzas=wrap_for(recipients, data_key, bound))
    write_all(sink, memoryview(fresh.authenticated() + header_hmac(fresh, envelope_keys)))
    write_all(sink, memoryview(beginning[start:]))
    while part := source.read(_COPY_BYTES):
        write_all(sink, memoryview(part))


def rewrap_file(
    path: Path,
    keys: Sequence[PrivateKey],
    recipients: Sequence[PublicKey],
    *,
    accept: Collection[Suite] = DEFAULT_ACCEPTED,
    context: bytes = b"",
) -> None:
    """Replaces an envelope by one for other recipients, whole or not at all.

    Raises:
        EnvelopeError: our keys do not open its header.
        VaultError: recipients that its suite does not take; a file cannot be read or written.
    """
    with whole_file(path, replace=True) as sink:
        try:
            stream = path.open("rb")
        except OSError as exc:
            raise VaultError(f"{path.name} cannot be read ({exc.strerror})") from exc
        with stream:
            rewrap_stream(stream, sink, keys, recipients, accept=accept, context=context)
