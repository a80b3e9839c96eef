"""A request for a decision: who, what, on what, under which circumstances; and its Cedar form."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from safelight.errors import InputError
from safelight.vault.access.cedar import NAMESPACE
from safelight.wire.levels import Level, rank

Action = Literal[
    "describe", "submit", "infer", "retrieve", "export", "administer",
    "seal", "open", "put", "get", "list", "delete", "rewrap", "verify",
]  # fmt: skip
Purpose = Literal["care", "research", "teaching", "quality", "operation"]

# A closed list, so that a purpose can be logged: it is a word of ours, not of a client.
PURPOSES: Final[tuple[Purpose, ...]] = ("care", "research", "teaching", "quality", "operation")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@dataclass(frozen=True)
class Consent:
    """A patient's consent, as the asking clinic states it.

    Args:
        given: Whether there is one.
        until: When it ends; None where it has no end.
    """

    given: bool
    until: datetime | None = None


@dataclass(frozen=True)
class ModelResource:
    """A model."""

    name: str
    minimum_level: Level = "homomorphic"


@dataclass(frozen=True)
class StudyResource:
    """A study or another object of the vault.

    Args:
        name: A name that says nothing about a patient, such as a keyed digest.
        site: Where it belongs.
        modality: As in DICOM, such as ``CT``.
    """

    name: str
    site: str | None = None
    modality: str | None = None


@dataclass(frozen=True)
class ServiceResource:
    """The service, or the archive, as a whole."""

    name: str = "service"


Resource = ModelResource | StudyResource | ServiceResource


@dataclass(frozen=True)
class AccessRequest:
    """What is to be decided.

    Args:
        client: Name of who asks.
        action: What.
        resource: On what.
        level: Level of protection of what is asked for.
        now: The time, with its zone.
        purpose: Why.
        consent: Of the patient.

    Raises:
        InputError: A name with characters that no name has, or a time without a zone.
    """

    client: str
    action: Action
    resource: Resource
    level: Level = "homomorphic"
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    purpose: Purpose | None = None
    consent: Consent | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.client) or not _NAME.fullmatch(self.resource.name):
            raise InputError("a name in an access request has 1 to 128 letters, digits, . _ : -")
        times = [self.now, *([self.consent.until] if self.consent and self.consent.until else [])]
        if any(time.tzinfo is None for time in times):
            raise InputError("a time in an access request has no time zone")

    def context_json(self) -> str:
        """The circumstances in Cedar's JSON."""
        context: dict[str, Any] = {
            "now": _time(self.now),
            "level": rank(self.level),
            "level_name": self.level,
        }
        if self.purpose is not None:
            context["purpose"] = self.purpose
        if self.consent is not None:
            consent: dict[str, Any] = {"given": self.consent.given}
            if self.consent.until is not None:
                consent["until"] = _time(self.consent.until)
            context["consent"] = consent
        return json.dumps(context)


def entity_id(kind: str, name: str) -> dict[str, str]:
    """Cedar's name of an entity."""
    return {"type": f"{NAMESPACE}::{kind}", "id": name}


def resource_id(resource: Resource) -> dict[str, str]:
    """Cedar's name of a resource."""
    return entity_id(type(resource).__name__.removesuffix("Resource"), resource.name)


def resource_entity(resource: Resource) -> dict[str, Any]:
    """A resource with what policies may ask of it."""
    attributes: dict[str, Any] = {}
    parents: list[dict[str, str]] = []
    if isinstance(resource, ModelResource):
        attributes = {"name": resource.name, "minimum_level": rank(resource.minimum_level)}
    elif isinstance(resource, StudyResource):
        if resource.modality is not None:
            attributes["modality"] = resource.modality
        if resource.site is not None:
            parents.append(entity_id("Site", resource.site))
    return {"uid": resource_id(resource), "attrs": attributes, "parents": parents}


def _time(time: datetime) -> dict[str, Any]:
    text = time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"
    return {"__extn": {"fn": "datetime", "arg": text}}
