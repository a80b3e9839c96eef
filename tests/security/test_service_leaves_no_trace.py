"""The service's logs hold a closed list of fields, its process and folder no secret."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from safelight.service.logs import LOG_FIELDS, Log
from service_fake import GALOIS
from service_harness import (
    finished,
    key_message,
    octets,
    request_message,
    running_service,
    upload_keys,
)

PATIENT = "Mustermann-Erika-19640812"


def test_logs_hold_nothing_that_a_client_wrote(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        caller = service.client("clinic-with-a-name")
        keyset = caller.keyset()
        upload_keys(caller, keyset)
        path = f"/v1/inferences?model=tiny&keyset={keyset}"
        idempotency = {"Idempotency-Key": PATIENT}
        job = finished(caller, caller.post(path, request_message(), **idempotency).json()["id"])
        finished(
            caller,
            caller.post(path.replace("tiny", "broken"), request_message("broken")).json()["id"],
        )
        # a clumsy client that writes a patient's name wherever it can
        caller.ask("GET", f"/v1/models/{PATIENT}")
        caller.ask("GET", f"/v1/{PATIENT}?name={PATIENT}")
        caller.ask("GET", f"/v1/keysets/{keyset}?model={PATIENT}")
        caller.ask("GET", "/v1/models", headers={"User-Agent": PATIENT, "X-Request-Id": PATIENT})
        caller.put(f"/v1/keysets/{keyset}/keys/{PATIENT}", b"")
        caller.post(f"/v1/inferences?model={PATIENT}&keyset={PATIENT}", PATIENT.encode())
        caller.ask("PUT", f"/v1/keysets/{keyset}/keys/3", headers=octets(b""), content=b"x")
        caller.ask(PATIENT.upper(), "/v1/models")
        service.stop()
        text = service.log_path.read_text()
        lines = service.log_lines()
    assert len(lines) > 15
    for line in lines:
        assert set(line) <= LOG_FIELDS, line
    for secret in (PATIENT, PATIENT.upper(), caller.token, "clinic-with-a-name", "secret detail"):
        assert secret not in text
    assert "Traceback" not in text
    routes = {line["route"] for line in lines if "route" in line}
    assert routes <= {
        "/v1/keysets",
        "/v1/keysets/{id}",
        "/v1/keysets/{id}/keys/{element}",
        "/v1/inferences",
        "/v1/inferences/{id}",
        "/v1/models",
        "/v1/models/{name}",
        "other",
    }
    assert job["request_sha256"] not in text


def test_a_field_that_is_not_listed_cannot_be_logged() -> None:
    with pytest.raises(ValueError, match="patient"):
        Log().write("request", patient="x")


def test_answers_do_not_echo_the_request(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        caller = service.client("clinic")
        answers = [
            caller.ask("GET", f"/v1/models/{PATIENT}"),
            caller.ask("GET", f"/v1/{PATIENT}"),
            caller.ask("POST", "/v1/keysets", json={"parameters_digest": PATIENT}),
            caller.post(f"/v1/inferences?model={PATIENT}&keyset=x", PATIENT.encode()),
        ]
        for answer in answers:
            assert answer.status_code >= 400
            assert PATIENT not in answer.text + str(answer.headers)
            assert re.search(r"\.py|Traceback|line \d", answer.text) is None


FORBIDDEN = ("torch", "pydicom", "tenseal", "safelight.ckks.secret", "safelight.imaging", "PIL")

LIST_MODULES = """
import json, sys
import safelight.service.run, safelight.service.__main__, safelight.service.shipped_models
print(json.dumps(sorted(sys.modules)))
"""


def test_the_service_room_imports_nothing_that_decrypts_or_reads_images() -> None:
    output = subprocess.run(
        [sys.executable, "-c", LIST_MODULES], capture_output=True, check=True
    ).stdout
    loaded = json.loads(output)
    found = [
        name
        for name in loaded
        if any(name == banned or name.startswith(banned + ".") for banned in FORBIDDEN)
    ]
    assert found == []


def test_no_source_file_of_the_service_names_them() -> None:
    folder = Path(__file__).parents[2] / "src" / "safelight" / "service"
    for path in folder.rglob("*.py"):
        imports = re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text(), re.MULTILINE)
        for name in imports:
            assert not name.startswith(FORBIDDEN), (path.name, name)


def test_the_data_folder_holds_only_what_was_uploaded(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        caller = service.client("clinic")
        keyset = caller.keyset()
        body = key_message(GALOIS[0])
        caller.put(f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", body)
        audit = service.data / "audit"
        files = [p for p in service.data.rglob("*") if p.is_file() and p.parent != audit]
        names = {path.name for path in files} - {
            "service.sqlite3",
            "service.sqlite3-wal",
            "service.sqlite3-shm",
            "service-key",
            "lock",
        }
        assert names == {hashlib.sha256(body).hexdigest()}
