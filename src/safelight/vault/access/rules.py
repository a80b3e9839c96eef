"""Decisions: denied unless a policy permits, and whatever permits, denied if one forbids."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.errors import PolicyError
from safelight.vault.access.cedar import cedar, schema
from safelight.vault.access.policy_folder import PolicySet, load_policies
from safelight.vault.access.principals import Principal
from safelight.vault.access.requests import (
    AccessRequest,
    Resource,
    entity_id,
    resource_entity,
    resource_id,
)

# Clients times models of a large service; an entry is a few hundred bytes.
_MAX_CACHED = 4096
_LOOK_S = 2.0


@dataclass(frozen=True)
class Decision:
    """What was decided.

    Args:
        allowed: Whether it may be done.
        policies: Ids of the policies that decided: those that forbid, or else those that permit;
            none where nothing permits.
        failed: Policies that could not be evaluated; there is then no permission.
    """

    allowed: bool
    policies: tuple[str, ...]
    failed: bool = False

    @property
    def word(self) -> str:
        """For logs and tables."""
        return "allow" if self.allowed else "deny"


class AccessRules:
    """The rules of one policy folder; may be used from any thread.

    Args:
        policies: Checked policies.
    """

    def __init__(self, policies: PolicySet) -> None:
        self.policies = policies
        self._entities: OrderedDict[tuple[str, Resource], Any] = OrderedDict()
        self._lock = threading.Lock()

    def decide(self, request: AccessRequest) -> Decision:
        """The decision on one request. It fails closed: what goes wrong in it is a denial."""
        result = cedar().is_authorized(
            {
                "principal": entity_id("Client", request.client),
                "action": entity_id("Action", request.action),
                "resource": resource_id(request.resource),
                "context": request.context_json(),
            },
            self.policies.parsed,
            self.entities_of(request),
            schema(),
        )
        names = result.diagnostics.id_annotations_by_reason
        ids = tuple(sorted(names[reason] for reason in result.diagnostics.reasons))
        failed = bool(result.diagnostics.errors)
        # Cedar passes over a policy that fails; it might be one that forbids
        return Decision(bool(result.allowed) and not failed, ids, failed)

    def entities_of(self, request: AccessRequest) -> Any:
        """Client and resource of a request in Cedar's form, kept for the next one."""
        key = (request.client, request.resource)
        with self._lock:
            found = self._entities.get(key)
            if found is not None:
                self._entities.move_to_end(key)
                return found
        principal = self.policies.principals.get(request.client, Principal())
        entities = [principal.entity(request.client), resource_entity(request.resource)]
        made = cedar().Entities.from_json_str(json.dumps(entities), schema())
        with self._lock:
            self._entities[key] = made
            if len(self._entities) > _MAX_CACHED:
                self._entities.popitem(last=False)
        return made


class ReloadedRules:
    """The rules of a folder, read again when its files change; an invalid set changes nothing.

    Args:
        folder: Of policies.
        on_reload: Called with None after a reload, or with what is wrong with the new files.

    Raises:
        PolicyError: The first set is not valid: there is none to fall back to.
    """

    def __init__(
        self, folder: Path, on_reload: Callable[[PolicyError | None], None] | None = None
    ) -> None:
        self._folder = folder
        self._on_reload = on_reload or (lambda error: None)
        self._state = _state(folder)
        self._rules = AccessRules(load_policies(folder))
        self._looked_at = time.monotonic()
        self._lock = threading.Lock()

    def current(self) -> AccessRules:
        """The last valid rules; looks at the files every two seconds at most."""
        if time.monotonic() - self._looked_at >= _LOOK_S:
            self.look()
        return self._rules

    def look(self) -> None:
        """Reads the folder again if its files have changed."""
        with self._lock:
            self._looked_at = time.monotonic()
            state = _state(self._folder)
            if state == self._state:
                return
            self._state = state
            try:
                self._rules = AccessRules(load_policies(self._folder))
            except PolicyError as exc:
                self._on_reload(exc)
                return
        self._on_reload(None)


def _state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    try:
        paths = sorted([*folder.glob("*.cedar"), *folder.glob("*.json")])
        stats = [(path.name, path.stat()) for path in paths]
    except OSError:
        return ()
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
