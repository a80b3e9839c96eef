"""Many key messages in a row, read as they come: key files, bulk uploads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from safelight.ckks.ciphertext import KeySwitchKey
from safelight.ckks.parameters import Parameters
from safelight.errors import MalformedError, TruncatedError
from safelight.wire.frame import Buffer
from safelight.wire.keys import HEADER_BYTES, KeyHeader, checked_key_header, decode_key


@dataclass(frozen=True, repr=False)
class KeyMessage:
    """One whole key message whose header fits the parameters; its residues are not checked yet.

    Args:
        header: Element, level and form.
        data: The message.
        parameters: For which it was made.
    """

    header: KeyHeader
    data: bytes
    parameters: Parameters

    @property
    def sha256(self) -> bytes:
        """Digest of the message."""
        return hashlib.sha256(self.data).digest()

    def decode(self) -> KeySwitchKey:
        """The key.

        Raises:
            WireError: As `safelight.wire.keys.decode_key`.
        """
        return decode_key(self.data, self.parameters)[1]

    def __repr__(self) -> str:
        return f"KeyMessage({self.header}, {len(self.data)} bytes)"


class KeyStreamReader:
    """Cuts a byte stream into key messages, in memory for one message and one chunk.

    Each header is judged as soon as it is there, so a stranger cannot announce more than a key of
    ``parameters`` has. After an error the reader is of no further use.

    Args:
        parameters: For which all keys must have been made.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._buffer = bytearray()
        self._current: tuple[KeyHeader, int] | None = None
        self._seen: set[int] = set()

    def feed(self, chunk: Buffer) -> list[KeyMessage]:
        """The messages that this chunk completes.

        Raises:
            WireError: A header that is no key's, or an element that came before.
        """
        view, messages = memoryview(chunk), []
        while len(view):
            length = HEADER_BYTES if self._current is None else self._current[1]
            missing = length - len(self._buffer)
            self._buffer += view[:missing]
            view = view[missing:]
            if len(self._buffer) < length:
                break
            if self._current is None:
                self._current = self._checked_header()
                continue
            header, _ = self._current
            messages.append(KeyMessage(header, bytes(self._buffer), self._parameters))
            self._buffer, self._current = bytearray(), None
        return messages

    def finish(self) -> None:
        """Says that the stream has ended.

        Raises:
            TruncatedError: Within a message.
        """
        if self._buffer:
            announced = self._current[1] if self._current else HEADER_BYTES
            raise TruncatedError(f"the stream ends after {len(self._buffer)} bytes of {announced}")

    def _checked_header(self) -> tuple[KeyHeader, int]:
        header, length = checked_key_header(self._buffer, self._parameters)
        if header.element in self._seen:
            raise MalformedError(f"the key of element {header.element} comes twice")
        self._seen.add(header.element)
        return header, length


def read_key_messages(chunks: Iterable[Buffer], parameters: Parameters) -> Iterator[KeyMessage]:
    """Key messages of a stream that comes in chunks of any size.

    Raises:
        WireError: As `KeyStreamReader`.
    """
    reader = KeyStreamReader(parameters)
    for chunk in chunks:
        yield from reader.feed(chunk)
    reader.finish()
