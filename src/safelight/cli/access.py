"""``safelight access check|explain|test|schema``: access rules."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from safelight.cli.console import print_json
from safelight.cli.vault_permission import POLICIES_VARIABLE
from safelight.errors import InputError, MalformedError
from safelight.vault.access.cedar import schema_text
from safelight.vault.access.explanation import Explanation, explain
from safelight.vault.access.policy_folder import load_policies
from safelight.vault.access.request_json import ACTIONS, request_of
from safelight.vault.access.requests import PURPOSES, AccessRequest
from safelight.vault.access.rules import AccessRules
from safelight.vault.access.test_cases import case_files, read_cases, run_cases
from safelight.wire.canonical_json import parse_json
from safelight.wire.levels import LEVELS

_MAX_REQUEST_BYTES = 64 * 1024
_BENCH_S = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="check policies against the schema")
    why = actions.add_parser("explain", help="decide one request and say why")
    test = actions.add_parser("test", help="run the policies' own tests")
    schema = actions.add_parser("schema", help="print what policies can speak about")
    for action in (check, why, test):
        action.add_argument(
            "policies", type=Path, nargs="?", help=f"folder of policies; else ${POLICIES_VARIABLE}"
        )
    for action in (check, why, test, schema):
        action.add_argument("--json", action="store_true", help="print a JSON document")
    why.add_argument("--request", type=Path, metavar="FILE", help="the request as a JSON object")
    why.add_argument("--client", metavar="NAME", help="who asks")
    why.add_argument("--do", choices=ACTIONS, help="the action")
    why.add_argument("--model", metavar="NAME", help="the model it is about")
    why.add_argument("--minimum-level", choices=LEVELS, default="homomorphic", help="of the model")
    why.add_argument("--study", metavar="NAME", help="the study it is about")
    why.add_argument("--site", metavar="NAME", help="where the study belongs")
    why.add_argument("--level", choices=LEVELS, default="homomorphic", help="of protection")
    why.add_argument("--purpose", choices=PURPOSES, help="why it is asked")
    why.add_argument("--consent-until", metavar="TIME", help="consent is given until then")
    why.add_argument("--now", metavar="TIME", help="another time than now")
    test.add_argument("--cases", type=Path, nargs="+", help="files; else those in tests/")
    test.add_argument("--bench", action="store_true", help="count decisions a minute as well")


def run(arguments: argparse.Namespace) -> int:
    """Does what the action says."""
    if arguments.action == "schema":
        print_json({"schema": schema_text()}) if arguments.json else sys.stdout.write(schema_text())
        return 0
    folder = arguments.policies or _folder_of_environment()
    if not folder.is_dir():
        raise InputError("the policy folder is not one")
    rules = AccessRules(load_policies(folder))
    if arguments.action == "check":
        return _check(arguments, rules)
    if arguments.action == "explain":
        return _explain(arguments, explain(rules, _request(arguments)))
    return _test(arguments, rules, folder)


def _check(arguments: argparse.Namespace, rules: AccessRules) -> int:
    policies = rules.policies.policies
    if arguments.json:
        listed = [
            {"id": p.id, "effect": p.effect, "file": p.source.file, "line": p.source.line}
            for p in policies
        ]
        print_json({"policies": listed, "clients": len(rules.policies.principals)})
        return 0
    for policy in policies:
        sys.stdout.write(f"{policy.effect:7} {policy.id:32} {policy.source.place}\n")
    sys.stdout.write(
        f"{len(policies)} policies fit the schema, {len(rules.policies.principals)} clients\n"
    )
    return 0


def _explain(arguments: argparse.Namespace, found: Explanation) -> int:
    if arguments.json:
        matches = [
            {
                "id": match.policy.id,
                "effect": match.policy.effect,
                "file": match.policy.source.file,
                "line": match.policy.source.line,
                "applies": match.applies,
                "unmet": list(match.unmet),
            }
            for match in found.matches
        ]
        print_json({"decision": found.decision.word, "reason": found.reason, "matches": matches})
    else:
        sys.stdout.write(f"{found.decision.word}: {found.reason}\n")
        for match in found.matches:
            verdict = "applies" if match.applies else "does not apply"
            policy = match.policy
            sys.stdout.write(f"  {policy.effect} {policy.id} ({policy.source.place}) {verdict}\n")
            for condition in match.unmet:
                sys.stdout.write(f"    not met: {condition}\n")
    return 0 if found.decision.allowed else 1


def _test(arguments: argparse.Namespace, rules: AccessRules, folder: Path) -> int:
    cases = read_cases(arguments.cases or case_files(folder))
    if not cases:
        raise InputError("there are no cases", hint="write some in tests/*.json, or give --cases")
    results = run_cases(rules, cases)
    failed = [result for result in results if not result.passed]
    per_minute = None
    if arguments.bench:
        per_minute = decisions_a_minute(rules, [case.request for case in cases])
    if arguments.json:
        document: dict[str, Any] = {
            "cases": len(results),
            "failed": [
                {
                    "file": result.case.file,
                    "name": result.case.name,
                    "expected": result.case.expected,
                    "decision": result.decision.word,
                    "policies": list(result.decision.policies),
                }
                for result in failed
            ],
            "policies": len(rules.policies.policies),
            "decisions_a_minute": per_minute,
        }
        print_json(document)
    else:
        for result in failed:
            decided = ", ".join(result.decision.policies) or "no policy"
            sys.stdout.write(
                f"failed: {result.case.file}: {result.case.name}: expected "
                f"{result.case.expected}, decided {result.decision.word} by {decided}\n"
            )
        sys.stdout.write(f"{len(results) - len(failed)} of {len(results)} cases passed\n")
        if per_minute is not None:
            sys.stdout.write(
                f"{per_minute} decisions a minute with {len(rules.policies.policies)} policies\n"
            )
    return 1 if failed else 0


def decisions_a_minute(rules: AccessRules, requests: list[AccessRequest]) -> int:
    """How many requests one core decides in a minute, measured over some seconds."""
    # processor time: others on the machine do not count
    count, start = 0, time.process_time()
    while time.process_time() - start < _BENCH_S:
        for request in requests:
            rules.decide(request)
        count += len(requests)
    return round(60 * count / (time.process_time() - start))


def _request(arguments: argparse.Namespace) -> AccessRequest:
    if arguments.request is not None:
        try:
            return request_of(parse_json(arguments.request.read_bytes(), _MAX_REQUEST_BYTES))
        except OSError as exc:
            raise InputError(f"the request {arguments.request.name} cannot be read") from exc
        except MalformedError as exc:
            raise InputError(f"the request is not JSON: {exc.message}") from exc
    if arguments.client is None or arguments.do is None:
        raise InputError("give --request FILE, or --client and --do")
    if arguments.model is not None:
        resource = {"model": arguments.model, "minimum_level": arguments.minimum_level}
    elif arguments.study is not None:
        resource = {"study": arguments.study}
        if arguments.site is not None:
            resource["site"] = arguments.site
    else:
        resource = {"service": "service"}
    document: dict[str, Any] = {
        "client": arguments.client,
        "action": arguments.do,
        "resource": resource,
        "level": arguments.level,
        "purpose": arguments.purpose,
    }
    if arguments.consent_until is not None:
        document["consent"] = {"given": True, "until": arguments.consent_until}
    if arguments.now is not None:
        document["now"] = arguments.now
    return request_of(document)


def _folder_of_environment() -> Path:
    folder = os.environ.get(POLICIES_VARIABLE)
    if not folder:
        raise InputError(
            "no policies are given", hint=f"name their folder, or set {POLICIES_VARIABLE}"
        )
    return Path(folder)
