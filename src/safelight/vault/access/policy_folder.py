"""Policies from a folder: every ``*.cedar`` file, checked against the schema before it counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.errors import PolicyError
from safelight.vault.access.cedar import cedar, schema
from safelight.vault.access.policy_text import PolicyText, cut_policies
from safelight.vault.access.principals import Principal, read_principals

# A thousand policies of a page each.
_MAX_FILE_BYTES = 4 * 1024 * 1024
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Policy:
    """A policy that fits the schema.

    Args:
        id: Its ``@id``, unique in the folder: what decisions and the audit log name.
        effect: ``permit`` or ``forbid``.
        source: Its text and place.
    """

    id: str
    effect: str
    source: PolicyText


@dataclass(frozen=True)
class PolicySet:
    """All that decides.

    Args:
        policies: In the order of files and lines.
        principals: Clients by name.
        parsed: Cedar's form of the policies.
    """

    policies: tuple[Policy, ...]
    principals: Mapping[str, Principal]
    parsed: Any

    def policy(self, policy_id: str) -> Policy:
        """The policy of that id."""
        return next(policy for policy in self.policies if policy.id == policy_id)


def load_policies(folder: Path) -> PolicySet:
    """The policies of a folder.

    Raises:
        PolicyError: The first thing that is wrong, with file and line.
        AccessError: Cedar is not installed.
    """
    cedar()
    try:
        files = sorted(folder.glob("*.cedar"))
        contents = {path.name: _content(path) for path in files}
        principals = read_principals(folder)
    except OSError as exc:
        raise PolicyError("the policy folder cannot be read") from exc
    if not files:
        raise PolicyError(
            "there is no *.cedar file in the policy folder",
            hint="examples/policies has some to start from; a folder without rules allows nothing",
        )
    texts = [text for name, content in contents.items() for text in cut_policies(name, content)]
    policies: dict[str, Policy] = {}
    for text in texts:
        policy = _checked(text)
        if policy.id in policies:
            first = policies[policy.id].source.place
            raise PolicyError(f"{text.place}: the @id {policy.id} is taken by {first}")
        policies[policy.id] = policy
    parsed = cedar().PolicySet.from_str("\n".join(text.text for text in texts))
    return PolicySet(tuple(policies.values()), principals, parsed)


def _content(path: Path) -> str:
    data = path.read_bytes()
    if len(data) > _MAX_FILE_BYTES:
        raise PolicyError(f"{path.name}: {len(data)} bytes, above {_MAX_FILE_BYTES}")
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise PolicyError(f"{path.name}: not UTF-8 text") from exc


def _checked(text: PolicyText) -> Policy:
    """One policy, checked alone, so that what is wrong has a place."""
    try:
        parsed = cedar().PolicySet.from_str(text.text)
        documents = _documents(text.text)
    except ValueError as exc:
        raise PolicyError(f"{text.place}: {_words(str(exc))}", hint=_syntax_hint(text)) from exc
    if parsed.templates() or len(documents) != 1:
        raise PolicyError(f"{text.place}: a template, which would allow nothing by itself")
    document = documents[0]
    policy_id = document.get("annotations", {}).get("id")
    if not isinstance(policy_id, str) or not _ID.fullmatch(policy_id):
        raise PolicyError(
            f"{text.place}: the policy has no @id of 1 to 64 of a-z, 0-9, . _ -",
            hint='write @id("name") before it: decisions and the audit log name it',
        )
    result = cedar().validate_policies(text.text, schema())
    if not result.validation_passed:
        errors = [_words(error.error) for error in result.errors] or ["it does not fit the schema"]
        raise PolicyError(
            f"{text.place} ({policy_id}): {errors[0]}",
            hint="`safelight access schema` prints what policies can speak about",
        )
    return Policy(policy_id, str(document["effect"]), text)


def _documents(text: str) -> list[dict[str, Any]]:
    import json

    document = json.loads(cedar().policies_to_json_str(text))
    return list(document.get("staticPolicies", {}).values())


def _syntax_hint(text: PolicyText) -> str:
    return "" if text.text.rstrip().endswith(";") else "does the policy end with a semicolon?"


def _words(message: str) -> str:
    """Cedar's message without its own numbering of policies."""
    return re.sub(r"for policy `policy\d+`, ", "", message).splitlines()[0][:300]
