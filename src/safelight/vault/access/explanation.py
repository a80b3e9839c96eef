"""Why a request is allowed or denied: every policy that is about it, and what it lacks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from safelight.vault.access.cedar import cedar, schema
from safelight.vault.access.policy_folder import Policy
from safelight.vault.access.requests import AccessRequest, entity_id, resource_id
from safelight.vault.access.rules import AccessRules, Decision


@dataclass(frozen=True)
class PolicyMatch:
    """A policy whose head (principal, action, resource) fits the request.

    Args:
        policy: It.
        applies: Whether its conditions hold too.
        unmet: The conditions that do not, as Cedar text.
    """

    policy: Policy
    applies: bool
    unmet: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """A decision and the policies that are about it."""

    decision: Decision
    matches: tuple[PolicyMatch, ...]

    @property
    def reason(self) -> str:
        """The decision in a sentence."""
        if self.decision.failed:
            return "denied, because a policy could not be evaluated"
        names = ", ".join(self.decision.policies)
        if self.decision.allowed:
            return f"permitted by {names}"
        return f"forbidden by {names}" if names else "denied, because no policy permits it"


def explain(rules: AccessRules, request: AccessRequest) -> Explanation:
    """The decision on a request with what led to it."""
    matches: list[PolicyMatch] = []
    for policy in rules.policies.policies:
        document = _document(policy)
        conditions = document["conditions"]
        if not _holds(rules, request, document, []):
            continue
        unmet = tuple(
            _text(document, condition)
            for condition in conditions
            if not _holds(rules, request, document, [condition])
        )
        matches.append(PolicyMatch(policy, not unmet, unmet))
    return Explanation(rules.decide(request), tuple(matches))


def _document(policy: Policy) -> dict[str, Any]:
    parsed = json.loads(cedar().policies_to_json_str(policy.source.text))
    document: dict[str, Any] = next(iter(parsed["staticPolicies"].values()))
    return document


def _holds(
    rules: AccessRules,
    request: AccessRequest,
    document: dict[str, Any],
    conditions: list[dict[str, Any]],
) -> bool:
    """Whether the policy with these conditions only would apply."""
    alone = {**document, "effect": "permit", "conditions": conditions}
    result = cedar().is_authorized(
        {
            "principal": entity_id("Client", request.client),
            "action": entity_id("Action", request.action),
            "resource": resource_id(request.resource),
            "context": request.context_json(),
        },
        cedar().PolicySet.from_json_str(_policy_set(alone)),
        rules.entities_of(request),
        schema(),
    )
    return bool(result.allowed)


def _text(document: dict[str, Any], condition: dict[str, Any]) -> str:
    alone = {
        "effect": "permit",
        "principal": {"op": "All"},
        "action": {"op": "All"},
        "resource": {"op": "All"},
        "conditions": [condition],
    }
    text = str(cedar().policies_from_json_str(_policy_set(alone)))
    _, kind, body = text.partition(str(condition["kind"]))
    return " ".join((kind + body).rstrip().rstrip(";").split())


def _policy_set(document: dict[str, Any]) -> str:
    return json.dumps({"staticPolicies": {"it": document}, "templates": {}, "templateLinks": []})
