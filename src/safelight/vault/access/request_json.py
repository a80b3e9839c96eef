"""Access requests as JSON, for test cases and the command line.

{"client": "ward-3", "action": "infer",
 "resource": {"model": "cxr-pneumonia-28", "minimum_level": "homomorphic"},
 "level": "homomorphic", "purpose": "care", "now": "2026-11-21T09:00:00Z",
 "consent": {"given": true, "until": "2027-01-01T00:00:00Z"}}
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

from safelight.errors import InputError
from safelight.vault.access.requests import (
    PURPOSES,
    AccessRequest,
    Action,
    Consent,
    ModelResource,
    Resource,
    ServiceResource,
    StudyResource,
)
from safelight.wire.levels import level_of

ACTIONS: tuple[Action, ...] = get_args(Action)
_FIELDS = {"client", "action", "resource", "level", "purpose", "now", "consent"}


def request_of(document: object) -> AccessRequest:
    """The request in a JSON object.

    Raises:
        InputError: A field is missing, unknown, or not what it must be.
    """
    if not isinstance(document, dict) or not {"client", "action", "resource"} <= set(document):
        raise InputError("an access request has a client, an action and a resource")
    if unknown := set(document) - _FIELDS:
        raise InputError(f"an access request has no field {sorted(map(str, unknown))[0]}")
    client, action, purpose = document["client"], document["action"], document.get("purpose")
    if not isinstance(client, str):
        raise InputError("the client of an access request is a name")
    if action not in ACTIONS:
        raise InputError("there is no such action", hint=f"one of {', '.join(ACTIONS)}")
    if purpose is not None and purpose not in PURPOSES:
        raise InputError("there is no such purpose", hint=f"one of {', '.join(PURPOSES)}")
    optional: dict[str, Any] = {}
    if "now" in document:
        optional["now"] = time_of(document["now"])
    if "level" in document:
        optional["level"] = level_of(document["level"])
    return AccessRequest(
        client=client,
        action=action,
        resource=_resource(document["resource"]),
        purpose=purpose,
        consent=_consent(document.get("consent")),
        **optional,
    )


def time_of(text: object) -> datetime:
    """A time with its zone, as ISO 8601 writes it.

    Raises:
        InputError: It is none.
    """
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InputError("a time is not one", hint="as in 2026-11-21T09:00:00Z, with a zone")
    return time


def _resource(document: object) -> Resource:
    if isinstance(document, dict) and all(isinstance(v, str) for v in document.values()):
        fields: dict[str, Any] = dict(document)
        if set(fields) <= {"model", "minimum_level"} and "model" in fields:
            return ModelResource(
                fields["model"], level_of(fields.get("minimum_level", "homomorphic"))
            )
        if set(fields) <= {"study", "site", "modality"} and "study" in fields:
            return StudyResource(fields["study"], fields.get("site"), fields.get("modality"))
        if set(fields) == {"service"}:
            return ServiceResource(fields["service"])
    raise InputError(
        "the resource of an access request is not one",
        hint='{"model": NAME, "minimum_level": LEVEL}, {"study": NAME, "site": …}, '
        'or {"service": NAME}',
    )


def _consent(document: object) -> Consent | None:
    if document is None:
        return None
    if (
        not isinstance(document, dict)
        or set(document) - {"given", "until"}
        or type(document.get("given")) is not bool
    ):
        raise InputError('a consent reads {"given": true, "until": TIME}')
    until = document.get("until")
    return Consent(document["given"], None if until is None else time_of(until))
