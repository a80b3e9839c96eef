"""Policies: what is refused, with its place; what is decided; what changes while it runs."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import InputError, PolicyError
from safelight.vault.access.policy_text import cut_policies
from safelight.vault.access.request_json import request_of
from safelight.vault.access.requests import (
    AccessRequest,
    Consent,
    ModelResource,
    ServiceResource,
    StudyResource,
)
from safelight.vault.access.test_cases import case_files, read_cases, run_cases

pytest.importorskip("cedarpy", reason="the extra `access` is not installed")

from safelight.vault.access.explanation import explain
from safelight.vault.access.policy_folder import load_policies
from safelight.vault.access.rules import AccessRules, ReloadedRules

EXAMPLES = Path(__file__).parents[4] / "examples" / "policies"
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
ALL = '@id("all") permit (principal, action, resource);\n'


def written(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / f"{name}.cedar").write_text(content, encoding="utf-8")
    return folder


def asked(**changes: Any) -> AccessRequest:
    fields: dict[str, Any] = {
        "client": "ward-3", "action": "infer", "resource": ModelResource("cxr"), "now": NOW,
    }  # fmt: skip
    return AccessRequest(**(fields | changes))


def test_the_examples_decide_as_their_cases_say() -> None:
    rules = AccessRules(load_policies(EXAMPLES))
    results = run_cases(rules, read_cases(case_files(EXAMPLES)))
    assert len(results) > 30
    assert [result.case.name for result in results if not result.passed] == []
    decided = {policy for result in results for policy in result.decision.policies}
    assert decided == {policy.id for policy in rules.policies.policies}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("permit (principal, action, resource)", r"a.cedar, line 1: unexpected end"),
        (ALL + "\n\npermit (principal,\n", r"a.cedar, line 4: unexpected end"),
        (ALL + '@id("b")\npermit (who, action, resource);', r"a.cedar, line 2: "),
        (
            ALL + "// note\n\npermit (principal, action, resource);",
            r"line 4: the policy has no @id",
        ),
        (ALL + "\n" + ALL, r"line 3: the @id all is taken by a.cedar, line 1"),
        (
            ALL + '@id("x") permit (principal, action == Safelight::Action::"fly", resource);',
            r"line 2 \(x\): unrecognized action",
        ),
        (
            '@id("x") permit (principal, action, resource) when { context.weather == 1 };',
            r"line 1 \(x\): attribute `weather`",
        ),
        (
            '@id("x") permit (principal, action == Safelight::Action::"infer", resource)\n'
            'when { resource.minimum_level == "high" };',
            r"line 1 \(x\): .*not compatible",
        ),
        (
            '@id("x") permit (principal == ?principal, action, resource);',
            r"line 1: a template",
        ),
        ('@id("X Y") permit (principal, action, resource);', r"line 1: the policy has no @id of"),
        ("", r"^.*$"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    tmp_path: Path, content: str, message: str
) -> None:
    if not content:
        assert load_policies(written(tmp_path, a="// nothing yet\n")).policies == ()
        return
    with pytest.raises(PolicyError, match=message):
        load_policies(written(tmp_path, a=content))


def test_a_folder_without_policies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"no \*\.cedar file"):
        load_policies(tmp_path)
    (tmp_path / "a.cedar").write_bytes(b"\xff")
    with pytest.raises(PolicyError, match=r"a\.cedar: not UTF-8"):
        load_policies(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["[]", "{", '{"a b": {}}', '{"a": {"rank": 1}}', '{"a": {"roles": "x"}}', '{"a": {"site": 3}}'],
)
def test_clients_that_are_none(tmp_path: Path, content: str) -> None:
    written(tmp_path, a=ALL)
    (tmp_path / "clients.json").write_text(content)
    with pytest.raises(PolicyError, match=r"clients\.json"):
        load_policies(tmp_path)


def test_nothing_is_allowed_that_no_policy_permits(tmp_path: Path) -> None:
    rules = AccessRules(load_policies(written(tmp_path, a="// none\n")))
    decision = rules.decide(asked())
    assert (decision.allowed, decision.policies, decision.word) == (False, (), "deny")


def test_forbidding_overrides(tmp_path: Path) -> None:
    forbid = '@id("no") forbid (principal, action, resource) when { context.level < 3 };'
    rules = AccessRules(load_policies(written(tmp_path, a=ALL, b=forbid)))
    assert rules.decide(asked()).policies == ("all",)
    refused = rules.decide(asked(level="envelope"))
    assert (refused.allowed, refused.policies) == (False, ("no",))


def test_a_policy_that_fails_denies(tmp_path: Path) -> None:
    # the multiplication overflows: Cedar passes over the policy, which might be one that forbids
    fails = (
        '@id("fails") forbid (principal, action, resource)\n'
        "when { (context.level + 9000000000000000000) * 4 > 1 };"
    )
    rules = AccessRules(load_policies(written(tmp_path, a=ALL, b=fails)))
    decision = rules.decide(asked())
    assert (decision.allowed, decision.failed) == (False, True)
    assert "could not be evaluated" in explain(rules, asked()).reason


@given(
    client=st.sampled_from(["ward-3", "visitor", "study-group", "unknown"]),
    level=st.sampled_from(["plaintext", "obfuscated", "envelope"]),
    purpose=st.sampled_from([None, "care", "research", "teaching"]),
    given_=st.sampled_from([None, Consent(True), Consent(False)]),
)
def test_no_one_gets_below_the_models_level(
    client: str, level: Any, purpose: Any, given_: Consent | None
) -> None:
    request = asked(client=client, level=level, purpose=purpose, consent=given_)
    assert not RULES.decide(request).allowed


RULES = AccessRules(load_policies(EXAMPLES))


@pytest.mark.parametrize(
    "resource",
    [
        ModelResource("cxr", "envelope"),
        StudyResource("4f", "north", "CT"),
        StudyResource("4f"),
        ServiceResource(),
    ],
)
def test_explanations_agree_with_decisions(resource: Any) -> None:
    for case in read_cases(case_files(EXAMPLES)):
        found = explain(RULES, case.request)
        assert found.decision == RULES.decide(case.request)
        applying = {(m.policy.effect, m.policy.id) for m in found.matches if m.applies}
        forbids = {name for effect, name in applying if effect == "forbid"}
        permits = {name for effect, name in applying if effect == "permit"}
        assert set(found.decision.policies) == (forbids or permits)
        assert all(match.applies == (not match.unmet) for match in found.matches)
    assert not RULES.decide(asked(client="unknown", resource=resource)).allowed


def test_an_explanation_names_what_is_not_met() -> None:
    found = explain(RULES, asked(purpose="teaching"))
    assert found.reason == "denied, because no policy permits it"
    (care,) = [match for match in found.matches if match.policy.id == "clinicians-care"]
    assert len(care.unmet) == 1
    assert '"care"' in care.unmet[0]


def test_a_valid_change_counts_and_an_invalid_one_does_not(tmp_path: Path) -> None:
    seen: list[PolicyError | None] = []
    rules = ReloadedRules(written(tmp_path, a=ALL), seen.append)
    rules.look()
    assert seen == []
    assert rules.current().decide(asked()).allowed

    def change(content: str) -> None:
        stamp = (tmp_path / "a.cedar").stat().st_mtime_ns + 1_000_000
        written(tmp_path, a=content)
        os.utime(tmp_path / "a.cedar", ns=(stamp, stamp))
        rules.look()

    change(ALL + "permit (")
    assert seen[0] is not None
    assert "a.cedar, line 2" in seen[0].message
    assert rules.current().decide(asked()).allowed
    change("// none\n")
    assert seen[1:] == [None]
    assert not rules.current().decide(asked()).allowed
    (tmp_path / "a.cedar").unlink()
    rules.look()
    assert len(seen) == 3  # an empty folder is no valid set


@given(st.lists(st.sampled_from(['@id("a;b")', "// c;\n", "permit", "\n", ";", '"\\""', " "])))
def test_cutting_loses_nothing_but_comments_between(parts: list[str]) -> None:
    text = "".join(parts)
    found = cut_policies("f", text)
    for policy in found:
        assert policy.text in text
        first = policy.text.splitlines()[0]
        assert first in text.splitlines()[policy.line - 1]
    kept = "".join(policy.text for policy in found)
    assert kept.count("permit") == text.count("permit")


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"client": "a", "action": "infer"},
        {"client": "a", "action": "fly", "resource": {"model": "m"}},
        {"client": 3, "action": "infer", "resource": {"model": "m"}},
        {"client": "a b", "action": "infer", "resource": {"model": "m"}},
        {"client": "a", "action": "infer", "resource": {"model": "m", "site": "x"}},
        {"client": "a", "action": "infer", "resource": {"model": "m"}, "level": "some"},
        {"client": "a", "action": "infer", "resource": {"model": "m"}, "purpose": "fun"},
        {"client": "a", "action": "infer", "resource": {"model": "m"}, "now": "2026-01-01"},
        {"client": "a", "action": "infer", "resource": {"model": "m"}, "now": 3},
        {"client": "a", "action": "infer", "resource": {"model": "m"}, "consent": True},
        {"client": "a", "action": "infer", "resource": {"model": "m"}, "other": 1},
    ],
)
def test_requests_that_are_none(document: object) -> None:
    with pytest.raises(InputError):
        request_of(document)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"cases": 1}',
        '{"cases": [{"name": 1}]}',
        '{"cases": [{"name": "a", "expected": "x"}]}',
    ],
)
def test_cases_that_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(InputError, match=r"c\.json"):
        read_cases([tmp_path / "c.json"])


def test_a_case_that_fails_says_so(tmp_path: Path) -> None:
    case = {
        "name": "x",
        "request": {"client": "ward-3", "action": "infer", "resource": {"model": "m"}},
        "expected": "allow",
    }
    (tmp_path / "c.json").write_text(json.dumps({"cases": [case]}))
    (result,) = run_cases(RULES, read_cases([tmp_path / "c.json"]))
    assert not result.passed
