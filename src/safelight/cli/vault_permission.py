"""Access rules and audit log of ``safelight vault``: asked before an action is performed."""

from __future__ import annotations

import argparse
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from safelight.errors import InputError
from safelight.vault.access.request_json import time_of
from safelight.vault.access.requests import (
    PURPOSES,
    AccessRequest,
    Action,
    Consent,
    Resource,
    ServiceResource,
    StudyResource,
)
from safelight.vault.gate import permit

POLICIES_VARIABLE = "SAFELIGHT_POLICIES"
AUDIT_VARIABLE = "SAFELIGHT_AUDIT"
CLIENT_VARIABLE = "SAFELIGHT_CLIENT"
DEFAULT_CLIENT = "local"
_WHOLE_ID = re.compile(r"[0-9a-f]{64}")

# What the rules know a command as; the others touch nothing that is protected.
_ACTIONS: dict[str, Action] = {
    "seal": "seal",
    "open": "open",
    "init": "administer",
    "put": "put",
    "get": "get",
    "list": "list",
    "verify": "verify",
    "rewrap": "rewrap",
    "delete": "delete",
}


def add_permission_arguments(parser: argparse.ArgumentParser) -> None:
    """``--policies`` and what rules ask for, before the action."""
    parser.add_argument(
        "--policies", type=Path, metavar="DIR", help=f"access rules; else ${POLICIES_VARIABLE}"
    )
    parser.add_argument(
        "--audit", type=Path, metavar="DIR", help=f"log of decisions; else ${AUDIT_VARIABLE}"
    )
    parser.add_argument(
        "--as", dest="client", metavar="NAME", help=f"who asks; else ${CLIENT_VARIABLE}, or local"
    )
    parser.add_argument("--site", metavar="NAME", help="where the study belongs, for access rules")
    parser.add_argument("--purpose", choices=PURPOSES, help="why it is asked, for access rules")
    parser.add_argument("--consent-until", metavar="TIME", help="consent is given until then")


def check_permission(arguments: argparse.Namespace) -> None:
    """Returns if the action may be performed.

    Raises:
        AccessDeniedError: It may not.
        AccessError: The rules cannot be applied.
        AuditError: The log cannot be written.
    """
    action = _ACTIONS.get(arguments.action)
    if action is None:
        return
    client = arguments.client or os.environ.get(CLIENT_VARIABLE) or DEFAULT_CLIENT
    consent = None
    if arguments.consent_until is not None:
        consent = Consent(True, time_of(arguments.consent_until))
    policies = _folder(arguments.policies, POLICIES_VARIABLE)
    requests = [
        AccessRequest(
            client=client,
            action=action,
            resource=resource,
            # what an envelope is, at rest and on the way
            level="envelope",
            now=datetime.now(UTC),
            purpose=arguments.purpose,
            consent=consent,
        )
        for resource in _resources(arguments, ruled=policies is not None)
    ]
    permit(
        requests,
        policies=policies,
        audit=_folder(arguments.audit, AUDIT_VARIABLE),
    )


def _resources(arguments: argparse.Namespace, *, ruled: bool) -> list[Resource]:
    """The objects that an action names; the archive where it names none."""
    names = [*getattr(arguments, "objects", []), *filter(None, [getattr(arguments, "object", "")])]
    of_the_whole = arguments.action in ("list", "init")
    if ruled and not all(map(_WHOLE_ID.fullmatch, names)):
        # rules name objects by their ids: the beginning of one would pass by a rule about it
        raise InputError(
            "under access rules an object is named by its whole id",
            hint="64 digits of 0-9 and a-f: safelight vault list --json shows them",
        )
    if not of_the_whole and (names or arguments.site is not None):
        return [StudyResource(name, arguments.site) for name in names or ["all"]]
    return [ServiceResource("vault")]


def _folder(given: Path | None, variable: str) -> Path | None:
    named = given or (Path(os.environ[variable]) if os.environ.get(variable) else None)
    if named is not None and variable == POLICIES_VARIABLE and not named.is_dir():
        raise InputError(
            "the policy folder is not one", hint="give the folder of the *.cedar files"
        )
    return named
