"""One error for whatever a decoder raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from safelight.errors import ImageError, InputError

DAMAGED_HINT = "the file is damaged or cut short; export it again"


@contextmanager
def decoding_errors(what: str) -> Iterator[None]:
    """Turns any error inside the block into one `ImageError`; those of ours pass.

    Decoders raise dozens of types on damaged input, `AssertionError` and `RecursionError` among
    them, and their messages may quote the file: the message here never does.

    Args:
        what: Subject of the sentence, such as ``"the pixel data"``.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as exc:
        raise ImageError(f"{what} needs more memory than there is", hint=DAMAGED_HINT) from exc
    except Exception as exc:
        raise ImageError(f"{what} cannot be read", hint=DAMAGED_HINT) from exc
