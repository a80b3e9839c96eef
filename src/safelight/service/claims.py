"""What a client says about its request: why it asks, and what the patient agreed to.

    Safelight-Purpose: care
    Safelight-Consent: given; until=2027-01-01T00:00:00Z        or: refused

Claims, not facts: the client answers for them, and the audit log keeps them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from safelight.service.refusals import Refusal
from safelight.vault.access.requests import PURPOSES, Consent, Purpose

_CONSENT = re.compile(r"(given|refused)(?:; until=([0-9TZ:.+-]{1,40}))?")


@dataclass(frozen=True)
class Claims:
    """Purpose and consent, each None where the client says nothing.

    Args:
        purpose: Of a closed list.
        consent: As the header's value, in its one form.
    """

    purpose: Purpose | None = None
    consent: str | None = None

    @property
    def consent_facts(self) -> Consent | None:
        """What the rules see."""
        match = None if self.consent is None else _CONSENT.fullmatch(self.consent)
        if match is None:
            return None
        until = None if match[2] is None else datetime.fromisoformat(match[2])
        return Consent(match[1] == "given", until)

    @property
    def consent_word(self) -> str | None:
        """``given`` or ``refused``, a word of ours."""
        return None if self.consent is None else self.consent.partition(";")[0]


NO_CLAIMS = Claims()


def claims_of(request: Request) -> Claims:
    """The claims in a request's headers.

    Raises:
        Refusal: ``bad-request`` for anything that is not one.
    """
    purpose = request.headers.get("safelight-purpose")
    known = next((name for name in PURPOSES if name == purpose), None)
    consent = request.headers.get("safelight-consent")
    if purpose is not None and known is None:
        raise Refusal("bad-request")
    if consent is not None:
        match = _CONSENT.fullmatch(consent)
        if match is None or not _is_time(match[2]):
            raise Refusal("bad-request")
    return Claims(known, consent)


def _is_time(text: str | None) -> bool:
    if text is None:
        return True
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
