"""A service's audit log, seen over HTTP; what comes is checked by `safelight.vault.audit`."""

from __future__ import annotations

from typing import Any

from safelight.client.exchange import Exchange, parse_document
from safelight.errors import MisbehavingServiceError
from safelight.vault.audit.checkpoint import MAX_CHECKPOINT_BYTES, VerifierKey
from safelight.vault.audit.proof_documents import parse_proof


class ServiceAudit:
    """Where a watch gets the checkpoints of a service.

    Args:
        exchange: With the service.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def verifier_key(self) -> VerifierKey:
        """The log's key, as the service names it; worth as much as the TLS connection."""
        document = parse_document(self._exchange.send("GET", "/v1/audit").body)
        key = document.get("verifier_key") if isinstance(document, dict) else None
        if not isinstance(key, str):
            raise MisbehavingServiceError("the service names no key of an audit log")
        return VerifierKey.parse(key)

    def note(self) -> bytes:
        """The newest checkpoint."""
        answer = self._exchange.send("GET", "/v1/audit/checkpoint", max_bytes=MAX_CHECKPOINT_BYTES)
        return answer.body

    def consistency(self, old: int, size: int) -> dict[str, Any]:
        """A proof document from ``old`` entries to the newest checkpoint."""
        answer = self._exchange.send(
            "GET", "/v1/audit/consistency", params={"from": str(old), "to": str(size)}
        )
        return parse_proof(answer.body)
