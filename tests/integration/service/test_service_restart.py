"""What was accepted outlives SIGKILL and SIGTERM."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from safelight.errors import SafelightError
from safelight.service.clients import add_client, revoke_client
from safelight.service.janitor import tidy
from safelight.service.limits import Limits
from safelight.service.stores import open_stores
from service_fake import GALOIS
from service_harness import (
    ServiceProcess,
    finished,
    key_message,
    request_message,
    running_service,
    upload_keys,
)

# long enough that the first job is still running when the process dies
SLOW = {"FAKE_STEPS": "40", "FAKE_STEP_S": "0.05"}


def test_nothing_accepted_is_lost(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path / "data", SLOW).start()
    try:
        caller = service.client("clinic")
        keyset = caller.keyset()
        upload_keys(caller, keyset)
        before = caller.ask("GET", f"/v1/keysets/{keyset}").json()
        path = f"/v1/inferences?model=tiny&keyset={keyset}"
        requests = [request_message() for _ in range(3)]
        jobs = [caller.post(path, request).json()["id"] for request in requests]
        deadline = time.monotonic() + 10
        while caller.ask("GET", f"/v1/inferences/{jobs[0]}").json()["status"] != "running":
            assert time.monotonic() < deadline
        public_key = service.public_key
        service.kill()

        service.environment = {}
        service.start()
        assert service.public_key == public_key
        assert caller.ask("GET", f"/v1/keysets/{keyset}").json() == before
        assert [finished(caller, job)["status"] for job in jobs] == ["done"] * 3
        again = caller.post(path, requests[1])
        assert (again.status_code, again.json()["id"]) == (200, jobs[1])
    finally:
        service.kill()


def test_kill_during_an_upload_leaves_nothing(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path / "data").start()
    try:
        caller = service.client("clinic")
        keyset = caller.keyset()
        # what a crash may leave: a part of a body, a key and a result without a row
        client_folder = service.data / "clients" / "0123456789abcdef"
        strays = [
            service.data / "incoming" / "part",
            client_folder / "keys" / ("ab" * 32),
            client_folder / "jobs" / "stray.result",
        ]
        service.kill()
        for stray in strays:
            stray.parent.mkdir(parents=True, exist_ok=True)
            stray.write_bytes(b"part of a message")
        service.start()
        assert not any(stray.exists() for stray in strays)
        assert caller.ask("GET", f"/v1/keysets/{keyset}").json()["present"] == {}
    finally:
        service.kill()


def test_orderly_stop_queues_the_running_job_again(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path / "data", SLOW).start()
    try:
        caller = service.client("clinic")
        keyset = caller.keyset()
        job = caller.post(f"/v1/inferences?model=free&keyset={keyset}", request_message("free"))
        started = time.monotonic()
        assert service.stop() in (0, -15)
        assert time.monotonic() - started < 8
        service.environment = {}
        service.start()
        assert finished(caller, job.json()["id"])["status"] == "done"
    finally:
        service.kill()


def test_a_job_that_kills_the_process_is_given_up(tmp_path: Path) -> None:
    slow = {"FAKE_STEPS": "1000", "FAKE_STEP_S": "0.05"}
    service = ServiceProcess(tmp_path / "data", slow).start()
    try:
        caller = service.client("clinic")
        keyset = caller.keyset()
        path = f"/v1/inferences?model=free&keyset={keyset}"
        job = caller.post(path, request_message("free")).json()["id"]
        for _ in range(3):
            deadline = time.monotonic() + 10
            while caller.ask("GET", f"/v1/inferences/{job}").json()["status"] != "running":
                assert time.monotonic() < deadline
            service.kill()
            service.start()
        answer = caller.ask("GET", f"/v1/inferences/{job}").json()
        assert (answer["status"], answer["code"]) == ("failed", "gave-up")
        assert not list(service.data.glob("clients/*/jobs/*"))
    finally:
        service.kill()


def test_results_expire(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        caller = service.client("clinic")
        keyset = caller.keyset()
        path = f"/v1/inferences?model=free&keyset={keyset}"
        job = finished(caller, caller.post(path, request_message("free")).json()["id"])
        service.kill()
        stores = open_stores(service.data, Limits())
        assert tidy(stores, time.time() - 3600) == 0
        assert tidy(stores, time.time() + 1) == 1
        stores.close()
        assert not list(service.data.glob(f"clients/*/jobs/{job['id']}*"))


def test_revoked_client_is_out_and_its_data_go(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        caller, other = service.client("clinic"), service.client("other")
        keyset = caller.keyset()
        caller.put(f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", key_message(GALOIS[0]))
        other.keyset()
        revoke_client(service.data, "clinic")
        assert caller.ask("GET", "/v1/models").status_code == 401
        assert other.ask("GET", "/v1/models").status_code == 200
        service.kill()
        stores = open_stores(service.data, Limits())
        tidy(stores, 0.0)
        stores.close()
        assert not list(service.data.glob("clients/*/keys/*"))
        # the name is free again, for a client with nothing
        assert add_client(service.data, "clinic").startswith("sl_")


def test_one_process_a_folder(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        second = ServiceProcess(service.data)
        with pytest.raises(AssertionError, match="another service process uses this data folder"):
            second.start()
        assert second.process is not None
        assert second.process.wait(timeout=30) == 1
        assert second.process.stdout is not None
        second.process.stdout.close()


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        caller = service.client("clinic")
        keyset = caller.keyset()
        upload_keys(caller, keyset)
        caller.post(f"/v1/inferences?model=tiny&keyset={keyset}", request_message())
        for path in [service.data, *service.data.rglob("*")]:
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode & 0o077 == 0, (path.name, oct(mode))
        assert stat.S_IMODE((service.data / "service-key").stat().st_mode) == 0o600


def test_local_token_by_the_environment(tmp_path: Path) -> None:
    token = "sl_local-token-of-this-test"
    with running_service(tmp_path, SAFELIGHT_LOCAL_TOKEN=token) as service:
        caller = service.client("other")
        caller.token = token
        assert caller.ask("GET", "/v1/models").status_code == 200
        service.kill()
        service.environment = {"SAFELIGHT_LOCAL_TOKEN": "sl_another-token-of-this-test"}
        service.start()
        assert caller.ask("GET", "/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "99999"], "a port is a number"),
        (["--workers", "0"], "at least one worker"),
        (["--host", "0.0.0.0"], "plain HTTP"),
        (["--tls-certificate", "/nowhere"], "together"),
        (["--tls-certificate", "/nowhere", "--tls-key", "/nowhere"], "TLS certificate"),
        (["--host", "192.0.2.1", "--insecure-http"], "cannot listen"),
        (["--data", "/dev/null"], "data folder cannot be used"),
        (["--engine", "auto", "--model", "no-such-model"], "no model"),
    ],
)
def test_a_wrong_start_is_said_plainly(tmp_path: Path, arguments: list[str], message: str) -> None:
    command = [sys.executable, "-m", "safelight.service", "--port", "0"]
    command += ["--model", "wdbc-logistic", "--data", str(tmp_path / "data"), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_a_damaged_database_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "service.sqlite3").write_bytes(b"not a database at all" * 100)
    with pytest.raises(SafelightError, match="cannot be used"):
        open_stores(tmp_path, Limits())
