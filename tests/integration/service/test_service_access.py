"""Access rules and audit log of a running service."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from safelight.cli.main import main
from safelight.service.app import ROUTES
from safelight.service.bearer_token import PUBLIC_PATHS
from safelight.vault.audit.proof_documents import check_inclusion
from safelight.vault.audit.reading import LogReader
from service_fake import GALOIS
from service_harness import (
    SCRIPT,
    Caller,
    ServiceProcess,
    finished,
    key_message,
    request_message,
    running_service,
    upload_keys,
)

pytest.importorskip("cedarpy", reason="the extra `access` is not installed")

CARE = {"Safelight-Purpose": "care"}
ALL = '@id("all") permit (principal, action, resource);\n'
NONE = '@id("none") forbid (principal, action, resource);\n'
RULES = """
@id("keys") permit (
  principal in Safelight::Role::"clinician",
  action in [Safelight::Action::"submit", Safelight::Action::"retrieve"],
  resource is Safelight::Service
);
@id("care") permit (
  principal in Safelight::Role::"clinician", action in Safelight::Action::"service",
  resource is Safelight::Model
) when { context has purpose && context.purpose == "care" };
@id("operators") permit (
  principal in Safelight::Role::"operator", action == Safelight::Action::"administer", resource
);
@id("ended") forbid (principal, action, resource)
when { context has consent && context.consent has until && context.consent.until <= context.now };
"""
CLIENTS = {"clinic": {"roles": ["clinician"]}, "operations": {"roles": ["operator"]}}


def policy_folder(folder: Path, rules: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "rules.cedar").write_text(rules)
    (folder / "clients.json").write_text(json.dumps(CLIENTS))
    return folder


def started(data: Path, policies: Path | None, **environment: str) -> ServiceProcess:
    options = [] if policies is None else ["--policies", str(policies)]
    return ServiceProcess(data, environment, [str(SCRIPT), *options]).start()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    process = started(tmp_path / "data", policy_folder(tmp_path / "policies", RULES))
    try:
        yield process
    finally:
        process.kill()


def entries(service: ServiceProcess, event: str) -> list[dict[str, Any]]:
    """Entries of a kind, of a log whose service has ended."""
    reader = LogReader(service.data / "audit")
    reader.verify()
    return [entry for entry in reader.entries() if entry["event"] == event]


def submitted(caller: Caller, body: bytes, **headers: str) -> Any:
    keyset = caller.keyset()
    return caller.post(f"/v1/inferences?model=free&keyset={keyset}", body, **headers)


def test_rules_decide_and_everything_is_recorded(service: ServiceProcess) -> None:
    clinic, guest = service.client("clinic"), service.client("guest")
    body = request_message("free")
    refused = submitted(clinic, body)
    assert (refused.status_code, refused.json()["code"]) == (403, "access-denied")
    assert submitted(clinic, body, **{"Safelight-Purpose": "teaching"}).status_code == 403
    response = guest.ask("POST", "/v1/keysets", json={"parameters_digest": "00" * 32})
    assert response.json()["code"] == "access-denied"
    accepted = submitted(clinic, body, **CARE)
    assert accepted.status_code == 202
    path = f"/v1/inferences/{accepted.json()['id']}"
    assert clinic.ask("GET", path).status_code == 403
    while (job := clinic.ask("GET", path, headers=CARE).json())["status"] != "done":
        assert job["status"] in ("queued", "running")
    result = clinic.ask("GET", path + "/result", headers=CARE)
    assert result.status_code == 200
    service.stop()

    decisions = entries(service, "decision")
    told = [(d["action"], d["decision"], d["policies"]) for d in decisions]
    assert ("infer", "deny", []) not in told  # submit was denied before
    assert ("submit", "deny", []) in told
    assert told.count(("infer", "allow", ["care"])) == 2  # on submission, and when it started
    assert ("retrieve", "allow", ["care"]) in told
    assert {d["purpose"] for d in decisions if "purpose" in d} == {"care", "teaching"}
    (done,) = entries(service, "inference")
    assert (done["code"], done["level"], done["model"]) == ("done", "homomorphic", "free")
    reader = LogReader(service.data / "audit")
    proof = check_inclusion(reader.inclusion(done["index"], with_salt=True), reader.key)
    assert proof.shows("request", hashlib.sha256(body).digest())
    assert proof.shows("result", hashlib.sha256(result.content).digest())


def test_the_log_has_nothing_of_clients_or_payloads(service: ServiceProcess) -> None:
    clinic = service.client("clinic")
    body = request_message("free")
    accepted = submitted(clinic, body, **CARE)
    service.stop()
    assert accepted.status_code == 202
    written = b"".join(
        path.read_bytes() for path in (service.data / "audit").iterdir() if path.is_file()
    )
    digest = hashlib.sha256(body)
    for secret in (b'clinic"', clinic.token.encode(), digest.digest(), digest.hexdigest().encode()):
        assert secret not in written


def test_every_route_asks(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        clinic = service.client("clinic")
        keyset = clinic.keyset()
        upload_keys(clinic, keyset)
        done = clinic.post(f"/v1/inferences?model=tiny&keyset={keyset}", request_message())
        job = finished(clinic, done.json()["id"])["id"]
        service.stop()
    denying = started(tmp_path / "data", policy_folder(tmp_path / "policies", ALL + NONE))
    try:
        caller = Caller(denying, clinic.token)
        for route in ROUTES:
            if route.path in PUBLIC_PATHS:
                continue
            names = {"id": keyset if "keysets" in route.path else job, "name": "tiny"}
            path = route.path.format(**names, element=GALOIS[0])
            for method in sorted((route.methods or set()) - {"HEAD"}):
                if method == "POST" and path == "/v1/keysets":
                    answer = caller.ask(method, path, json={"parameters_digest": "00" * 32})
                else:
                    query = f"?model=tiny&keyset={keyset}&from=0"
                    answer = caller.ask(method, path + query, headers=CARE)
                assert answer.status_code == 403, (method, path)
                assert answer.json()["code"] == "access-denied"
    finally:
        denying.stop()
    denied = entries(denying, "decision")
    assert len(denied) >= len(ROUTES) - len(PUBLIC_PATHS)
    assert {entry["decision"] for entry in denied} == {"deny"}


def test_a_consent_that_ends_while_the_job_waits(tmp_path: Path) -> None:
    policies = policy_folder(tmp_path / "policies", RULES)
    service = started(tmp_path / "data", policies, FAKE_STEP_S="0.4")
    try:
        clinic = service.client("clinic")
        keyset = clinic.keyset()
        path = f"/v1/inferences?model=free&keyset={keyset}"
        first = clinic.post(path, request_message("free"), **CARE)
        ends = (datetime.now(UTC) + timedelta(seconds=1.0)).isoformat()
        consent = {"Safelight-Consent": f"given; until={ends}"}
        second = clinic.post(path, request_message("free"), **CARE, **consent)
        assert second.status_code == 202, second.text
        status = "queued"
        while status in ("queued", "running"):
            job = clinic.ask("GET", f"/v1/inferences/{second.json()['id']}", headers=CARE).json()
            status = job["status"]
        assert (job["status"], job["code"]) == ("failed", "access-denied")
        one = clinic.ask("GET", f"/v1/inferences/{first.json()['id']}", headers=CARE).json()
        assert one["status"] == "done"
    finally:
        service.kill()


@pytest.mark.parametrize(
    "headers",
    [
        {"Safelight-Purpose": "fun"},
        {"Safelight-Consent": "perhaps"},
        {"Safelight-Consent": "given; until=soon"},
        {"Safelight-Consent": "given; until=2026-01-01T00:00:00"},
    ],
)
def test_claims_that_are_none(service: ServiceProcess, headers: dict[str, str]) -> None:
    answer = service.client("clinic").ask("GET", "/v1/models/free", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


def test_a_wrong_start_says_where(tmp_path: Path) -> None:
    policies = policy_folder(tmp_path / "policies", ALL + "\npermit (nobody);")
    command = [sys.executable, "-m", "safelight.service", "--data", str(tmp_path / "d")]
    command += ["--port", "0", "--model", "wdbc-logistic", "--engine", "native"]
    found = subprocess.run(
        [*command, "--policies", str(policies)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert "error: rules.cedar, line 3:" in found.stderr
    missing = tmp_path / "missing"
    missing.mkdir()
    (missing / "cedarpy.py").write_text("raise ImportError")
    path = f"{missing}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    found = subprocess.run(
        [*command, "--policies", str(policies)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert found.returncode == 1
    assert "Cedar is not installed" in found.stderr


def test_a_tampered_log_stops_the_start(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        clinic = service.client("clinic")
        done = submitted(clinic, request_message("free"))
        finished(clinic, done.json()["id"])
        service.stop()
    path = tmp_path / "data" / "audit" / "entries"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"code":"done"', b'"code":"lost"'))
    (tmp_path / "data" / "audit" / "hashes").unlink()
    command = [sys.executable, str(SCRIPT), "--data", str(tmp_path / "data"), "--port", "0"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode != 0
    assert "AuditTamperedError" in found.stderr


def test_a_watch_over_http(
    service: ServiceProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text(service.client("operations").token)
    state = tmp_path / "watch"
    command = ["audit", "watch", "--server", service.url, "--token-file", str(token)]
    command += ["--state", str(state), "--once", "--json"]
    assert main(command) == 0
    first = json.loads(capsys.readouterr().out)
    clinic = service.client("clinic")
    clinic.ask("GET", "/v1/models/free", headers=CARE)
    assert main(command) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["new"] == second["size"] - first["size"] >= 2
    assert second["key"] == first["key"]
    # the clinic has no business there
    token.write_text(clinic.token)
    assert main(command) == 1
    assert "do not allow" in capsys.readouterr().err


def test_without_policies_it_is_said(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        clinic = service.client("clinic")
        assert submitted(clinic, request_message("free")).status_code == 202
        assert clinic.put(
            f"/v1/keysets/{clinic.keyset()}/keys/{GALOIS[0]}", key_message(GALOIS[0])
        ).is_success
        service.stop()
    assert "no-access-rules" in {line["event"] for line in service.log_lines()}
    assert entries(service, "decision") == []
