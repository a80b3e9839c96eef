"""The one error of opening.

A wrong key, an altered byte anywhere, a cut file, chunks in another order, a suite that was not
accepted: the same words. Whoever probes an opener with altered envelopes learns one bit, that it
did not open.
"""

from __future__ import annotations

from safelight.errors import EnvelopeError


def refusal() -> EnvelopeError:
    """The error; raise it ``from None``, so that its cause is not kept either."""
    return EnvelopeError(
        "the envelope does not open",
        hint="the key is not one of its recipients, its suite was not accepted, or it was "
        "altered or cut; `safelight vault inspect` shows what it says of itself",
    )
