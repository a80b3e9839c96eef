"""The gate: what may be done is decided here, and what was decided and computed is recorded.

Without policies everything is allowed that a token allows; without an audit log nothing is
recorded. Where one of them is configured and fails, nothing is done: the gate fails closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from safelight.errors import AuditError, InputError, PolicyError
from safelight.service.claims import NO_CLAIMS, Claims
from safelight.service.clients import ClientStore
from safelight.service.full_disk import is_disk_full
from safelight.service.logs import Log
from safelight.service.refusals import Refusal
from safelight.service.settings import Settings
from safelight.vault.access.requests import AccessRequest, Action, ModelResource, Resource
from safelight.vault.access.rules import ReloadedRules
from safelight.vault.audit.entry import MAX_POLICIES, AuditEvent
from safelight.vault.audit.log import AuditLog
from safelight.wire.levels import Level


@dataclass(frozen=True)
class Asked:
    """One thing that a client wants done.

    Args:
        client_id: Who.
        action: What.
        resource: On what.
        level: Level of protection.
        claims: Purpose and consent.
        request_id: Of the HTTP request, where there is one.
        job_id: Of the inference, where there is one.
    """

    client_id: str
    action: Action
    resource: Resource
    level: Level
    claims: Claims = NO_CLAIMS
    request_id: str | None = None
    job_id: str | None = None


class Gate:
    """Rules and audit log of one service; safe to use from any thread.

    Args:
        rules: Access rules, or None where the operator configured none.
        audit: The audit log, or None.
        clients: To know clients by name; needed with rules.
    """

    def __init__(
        self,
        rules: ReloadedRules | None,
        audit: AuditLog | None,
        clients: ClientStore | None,
    ) -> None:
        self._rules = rules
        self.audit = audit
        self._clients = clients

    @property
    def has_rules(self) -> bool:
        """Whether decisions are made here."""
        return self._rules is not None

    def decide(self, asked: Asked) -> None:
        """Returns if it may be done; the decision is on the disk by then.

        Raises:
            Refusal: ``access-denied``, ``audit-unavailable`` or ``storage-full``.
        """
        if self._rules is None or self._clients is None:
            return
        allowed = False
        policies: tuple[str, ...] = ()
        name = self._clients.name(asked.client_id)
        if name is not None:
            try:
                request = AccessRequest(
                    client=name,
                    action=asked.action,
                    resource=asked.resource,
                    level=asked.level,
                    purpose=asked.claims.purpose,
                    consent=asked.claims.consent_facts,
                )
            except InputError:  # a name that rules cannot speak of
                request = None
            if request is not None:
                decision = self._rules.current().decide(request)
                allowed, policies = decision.allowed, decision.policies
        self._record(
            {
                "event": "decision",
                "request_id": asked.request_id,
                "job_id": asked.job_id,
                "client_id": asked.client_id,
                "action": asked.action,
                "resource": type(asked.resource).__name__.removesuffix("Resource").lower(),
                "model": asked.resource.name if isinstance(asked.resource, ModelResource) else None,
                "level": asked.level,
                "purpose": asked.claims.purpose,
                "consent": asked.claims.consent_word,
                "decision": "allow" if allowed else "deny",
                "policies": list(policies[:MAX_POLICIES]),
            },
            # until when is the clinic's word about a patient: not for everybody who reads the log
            {} if asked.claims.consent is None else {"consent": asked.claims.consent.encode()},
        )
        if not allowed:
            raise Refusal("access-denied")

    def record(
        self,
        event: str,
        fields: Mapping[str, str | None],
        private: Mapping[str, bytes] | None = None,
    ) -> None:
        """Records that something happened; it is on the disk on return.

        Args:
            event: ``submission`` or ``inference``.
            fields: In clear: ids, digests of models, codes.
            private: Digests of what a patient's data went into; only commitments are kept.

        Raises:
            Refusal: ``audit-unavailable`` or ``storage-full``.
        """
        self._record({"event": event, **fields}, private)

    def close(self) -> None:
        """Signs the last checkpoint."""
        if self.audit is not None:
            self.audit.close()

    def _record(
        self,
        fields: Mapping[str, str | list[str] | None],
        private: Mapping[str, bytes] | None = None,
    ) -> None:
        if self.audit is None:
            return
        try:
            self.audit.append(AuditEvent(fields, private or {}))
        except AuditError as exc:
            if exc.__cause__ is not None and is_disk_full(exc.__cause__):
                raise Refusal("storage-full") from exc
            raise Refusal("audit-unavailable", retry_after_s=30) from exc


def open_gate(settings: Settings, clients: ClientStore, log: Log) -> Gate:
    """The gate that the settings ask for.

    Raises:
        AccessError: Policies that are not valid, or no Cedar to apply them with.
        AuditError: An audit log that cannot be written, or was tampered with.
    """

    def reloaded(error: PolicyError | None) -> None:
        # the place of the fault is in files of the operator's own: it may be logged
        detail = None if error is None else error.message[:200]
        log.write("policies-loaded" if error is None else "policies-refused", detail=detail)

    rules = None if settings.policies is None else ReloadedRules(settings.policies, reloaded)
    audit = None if settings.audit is None else AuditLog(settings.audit)
    if audit is not None and audit.torn_bytes:
        log.write("audit-recovered", count=audit.torn_bytes)
    return Gate(rules, audit, clients)
