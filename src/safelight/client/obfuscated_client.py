"""The clinic's side at the level `obfuscated`: what is sealed is an obfuscated image.

The service opens the envelope and sees the obfuscated image alone; the network runs on that.

**Security**: obfuscation is not encryption. Published attacks undo it
(docs/how-to/obfuscated-level.md). Everything that goes out through this class is obfuscated,
which is why it is a class of its own.
"""

from __future__ import annotations

from typing import Any, Final

from safelight.client.sealed_answers import SealedModel
from safelight.client.sealed_client import FloatArray, SealedClient
from safelight.errors import MisbehavingServiceError
from safelight.vault.obfuscated_input import LARGEST_VALUE, obfuscated_images
from safelight.vault.obfuscation_key import ObfuscationKey
from safelight.wire.levels import Level
from safelight.wire.transformation import Transformation

LEVEL: Final[Level] = "obfuscated"
WARNING: Final = (
    "obfuscation is not encryption: published attacks recover images without the key "
    "(docs/how-to/obfuscated-level.md)"
)


class ObfuscatedClient(SealedClient):
    """A service as a clinic uses it at the level `obfuscated`.

    Args:
        url: Address of the service.
        token: Bearer token.
        key: The clinic's obfuscation key, which the network was trained with.
        options: As of `SealedClient`.
    """

    def __init__(self, url: str, token: str, key: ObfuscationKey, **options: Any) -> None:
        super().__init__(url, token, **options)
        self._key = key

    @property
    def level(self) -> Level:
        """The level of protection of all it asks, and of all answers it takes."""
        return LEVEL

    def _as_sent(
        self, described: SealedModel, inputs: FloatArray
    ) -> tuple[FloatArray, Transformation | None]:
        """Obfuscated images ``[records, 1, rows, columns]``.

        Raises:
            InputError: The network is for another key.
        """
        transformation = described.transformation
        if transformation is None:
            raise MisbehavingServiceError("the service names no transformation")
        pixels = obfuscated_images(inputs, self._key, transformation)
        return pixels[:, None] / LARGEST_VALUE, transformation
