"""The gate of the vault's commands: rules decide, the audit log records, before anything is done.

**Security**: it keeps honest people from mistakes and writes down what they did. Whoever has the
keys and the files can also use them without it; only a service, which holds keys that its
clients do not have, can enforce rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safelight.errors import AccessDeniedError
from safelight.vault.access.policy_folder import load_policies
from safelight.vault.access.requests import AccessRequest, StudyResource
from safelight.vault.access.rules import AccessRules
from safelight.vault.audit.entry import MAX_POLICIES, AuditEvent
from safelight.vault.audit.log import AuditLog


def permit(requests: Sequence[AccessRequest], *, policies: Path | None, audit: Path | None) -> None:
    """Returns if all of these may be done; the decisions are recorded by then.

    Args:
        requests: What is asked, such as an action on each of several studies.
        policies: Folder of rules; None allows everything.
        audit: Folder of a log; None records nothing.

    Raises:
        AccessDeniedError: One of them may not be done: then none is.
        AccessError: The rules cannot be applied.
        AuditError: The log cannot be written.
    """
    if policies is None and audit is None:
        return
    rules = None if policies is None else AccessRules(load_policies(policies))
    decisions = [None if rules is None else rules.decide(request) for request in requests]
    if audit is not None:
        with AuditLog(audit) as log:
            log.append_all(
                [
                    AuditEvent(
                        {
                            "event": "decision",
                            "action": request.action,
                            "resource": _kind(request),
                            "level": request.level,
                            "purpose": request.purpose,
                            "consent": _consent(request),
                            "decision": "allow" if decision is None else decision.word,
                            "policies": list(decision.policies[:MAX_POLICIES]) if decision else [],
                        },
                        # names of people and studies are not for everybody who reads the log
                        {
                            "client": request.client.encode(),
                            "object": request.resource.name.encode(),
                        },
                    )
                    for request, decision in zip(requests, decisions, strict=True)
                ]
            )
    denied = [r for r, d in zip(requests, decisions, strict=True) if d and not d.allowed]
    if denied:
        raise AccessDeniedError(
            f"the access rules do not allow {denied[0].action} for {denied[0].client}",
            hint="`safelight access explain` says why; --as, --purpose and --site may be missing",
        )


def _kind(request: AccessRequest) -> str:
    return "study" if isinstance(request.resource, StudyResource) else "service"


def _consent(request: AccessRequest) -> str | None:
    if request.consent is None:
        return None
    return "given" if request.consent.given else "refused"
