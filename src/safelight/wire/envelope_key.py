"""The service's envelope key as a client takes it: signed by the key that it has pinned."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safelight.errors import MisbehavingServiceError

_DOMAIN = b"safelight envelope key v1\0"


def sign_envelope_key(public_key: bytes, signing_key: Ed25519PrivateKey) -> bytes:
    """The service's signature under its envelope key."""
    return signing_key.sign(_DOMAIN + public_key)


def check_envelope_key(public_key: bytes, signature: bytes, service_key: bytes) -> None:
    """Returns if the envelope key is the service's.

    Raises:
        MisbehavingServiceError: It is somebody else's: nothing may be sealed to it.
    """
    try:
        Ed25519PublicKey.from_public_bytes(service_key).verify(signature, _DOMAIN + public_key)
    except InvalidSignature as exc:
        raise MisbehavingServiceError(
            "the service's envelope key is not signed by the service",
            hint="send nothing; ask its operator",
        ) from exc
