"""Who the clients are: roles and sites, from the file ``clients.json`` of a policy folder.

    {"ward-3": {"roles": ["clinician"], "site": "north"}}

A client that the file does not name has no role and no site.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.errors import MalformedError, PolicyError
from safelight.vault.access.requests import entity_id
from safelight.wire.canonical_json import parse_json

CLIENTS_FILE = "clients.json"
_MAX_BYTES = 4 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@dataclass(frozen=True)
class Principal:
    """Roles and site of one client."""

    roles: tuple[str, ...] = ()
    site: str | None = None

    def entity(self, client: str) -> dict[str, Any]:
        """The client as Cedar sees it."""
        parents = [entity_id("Role", role) for role in self.roles]
        if self.site is not None:
            parents.append(entity_id("Site", self.site))
        return {"uid": entity_id("Client", client), "attrs": {"name": client}, "parents": parents}


def read_principals(folder: Path) -> Mapping[str, Principal]:
    """The clients of a policy folder; none where it has no such file.

    Raises:
        PolicyError: The file is not what it must be.
    """
    path = folder / CLIENTS_FILE
    if not path.exists():
        return {}
    try:
        document = parse_json(path.read_bytes(), _MAX_BYTES)
    except MalformedError as exc:
        raise _refused(exc.message) from exc
    if not isinstance(document, dict):
        raise _refused("not a JSON object")
    return {name: _principal(name, value) for name, value in document.items()}


def _principal(name: str, value: object) -> Principal:
    if not _NAME.fullmatch(name):
        raise _refused("a client's name has characters that no name has")
    if not isinstance(value, dict) or set(value) - {"roles", "site"}:
        raise _refused(f"client {name} has other fields than roles and site")
    roles, site = value.get("roles", []), value.get("site")
    names = [*roles, *([] if site is None else [site])] if isinstance(roles, list) else [None]
    if not all(isinstance(text, str) and _NAME.fullmatch(text) for text in names):
        raise _refused(f"a role or the site of client {name} is not a name")
    return Principal(tuple(roles), site)


def _refused(what: str) -> PolicyError:
    return PolicyError(
        f"{CLIENTS_FILE}: {what}",
        hint='as in {"ward-3": {"roles": ["clinician"], "site": "north"}}',
    )
