"""Tests of policies as data: requests and what is to be decided on them.

A policy folder keeps them in ``tests/*.json``:

    {"cases": [{"name": "…", "request": {…}, "expected": "allow", "policies": ["…"]}]}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safelight.errors import InputError, MalformedError
from safelight.vault.access.request_json import request_of
from safelight.vault.access.requests import AccessRequest
from safelight.vault.access.rules import AccessRules, Decision
from safelight.wire.canonical_json import parse_json

TESTS_FOLDER = "tests"
_MAX_BYTES = 16 * 1024 * 1024
_FIELDS = {"name", "request", "expected", "policies"}


@dataclass(frozen=True)
class AccessCase:
    """One test.

    Args:
        file: Where it is.
        name: What it shows.
        request: What is asked.
        expected: ``allow`` or ``deny``.
        policies: Ids of the policies that must have decided, where the case names them.
    """

    file: str
    name: str
    request: AccessRequest
    expected: str
    policies: tuple[str, ...] | None


@dataclass(frozen=True)
class CaseResult:
    """A case and what was decided."""

    case: AccessCase
    decision: Decision

    @property
    def passed(self) -> bool:
        """Whether the decision is the expected one, for the expected reason."""
        expected = self.case.policies
        same = expected is None or sorted(expected) == sorted(self.decision.policies)
        return self.decision.word == self.case.expected and same


def read_cases(paths: Sequence[Path]) -> list[AccessCase]:
    """The cases of these files.

    Raises:
        InputError: A file is not what it must be; the message names file and case.
    """
    return [case for path in paths for case in _cases(path)]


def case_files(folder: Path) -> list[Path]:
    """The files of cases in a policy folder."""
    return sorted((folder / TESTS_FOLDER).glob("*.json"))


def run_cases(rules: AccessRules, cases: Sequence[AccessCase]) -> list[CaseResult]:
    """Decides every case."""
    return [CaseResult(case, rules.decide(case.request)) for case in cases]


def _cases(path: Path) -> list[AccessCase]:
    try:
        document = parse_json(path.read_bytes(), _MAX_BYTES)
    except OSError as exc:
        raise InputError(f"the file of cases {path.name} cannot be read") from exc
    except MalformedError as exc:
        raise InputError(f"{path.name}: {exc.message}") from exc
    cases = document.get("cases") if isinstance(document, dict) else None
    if not isinstance(cases, list):
        raise InputError(f'{path.name}: not an object with a list of "cases"')
    return [_case(path.name, number, case) for number, case in enumerate(cases, start=1)]


def _case(file: str, number: int, document: object) -> AccessCase:
    where = f"{file}, case {number}"
    if not isinstance(document, dict) or set(document) - _FIELDS:
        raise InputError(f"{where}: not an object of name, request, expected and policies")
    name, expected, policies = (document.get(k) for k in ("name", "expected", "policies"))
    if not isinstance(name, str) or expected not in ("allow", "deny"):
        raise InputError(f'{where}: a case has a name, and expects "allow" or "deny"')
    if policies is not None and not (
        isinstance(policies, list) and all(isinstance(p, str) for p in policies)
    ):
        raise InputError(f"{where}: policies are a list of their ids")
    try:
        request = request_of(document.get("request"))
    except InputError as exc:
        raise InputError(f"{where}: {exc.message}", hint=exc.hint) from exc
    return AccessCase(
        file, name, request, str(expected), None if policies is None else tuple(policies)
    )
