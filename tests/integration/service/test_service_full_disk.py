"""A full disk is refused with a word for it, leaves nothing half-written, and passes."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from safelight.client.transport import Transport
from safelight.errors import ServiceFailedError
from service_fake import GALOIS
from service_harness import Caller, ServiceProcess, finished, key_message, request_message

DISK_BYTES = 4 * 1024**2
SLOW = {"FAKE_STEPS": "10", "FAKE_STEP_S": "0.05"}


class SmallDisk:
    """A file system of a few megabytes that can be filled to the last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Takes all that is left, page by page."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    continue

    def free(self) -> None:
        """Gives it back."""
        self._filler.unlink()

    def files(self) -> set[str]:
        """Files of clients, and bodies that are arriving."""
        found = [*self.folder.glob("clients/**/*"), *self.folder.glob("incoming/*")]
        return {str(path.relative_to(self.folder)) for path in found if path.is_file()}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    mount = shutil.which("mount")
    folder = tmp_path / "data"  # of the service, whose log is beside it
    folder.mkdir()
    command = [mount or "", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system of its own cannot be mounted here")
    yield SmallDisk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def started(disk: SmallDisk, **environment: str) -> Iterator[ServiceProcess]:
    service = ServiceProcess(disk.folder, environment).start()
    try:
        yield service
    finally:
        service.kill()


@pytest.fixture
def service(disk: SmallDisk) -> Iterator[ServiceProcess]:
    with started(disk, **SLOW) as process:
        yield process


def refused(caller: Caller, method: str, path: str, body: bytes | None = None) -> None:
    send = {"PUT": caller.put, "POST": caller.post}.get(method)
    answer = caller.ask(method, path) if send is None or body is None else send(path, body)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage-full")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "operator" in answer.json()["hint"]


def test_a_full_disk_refuses_and_keeps(disk: SmallDisk, service: ServiceProcess) -> None:
    caller = service.client("clinic")
    keyset = caller.keyset()
    digest = caller.ask("GET", f"/v1/keysets/{keyset}").json()["parameters_digest"]
    keys = f"/v1/keysets/{keyset}/keys"
    assert caller.put(f"{keys}/{GALOIS[0]}", key_message(GALOIS[0])).status_code == 201
    present = caller.ask("GET", f"/v1/keysets/{keyset}").json()
    before = disk.files()
    disk.fill()

    second = key_message(GALOIS[1])
    for _ in range(5):  # every thread and connection of the service meets it
        refused(caller, "PUT", f"{keys}/{GALOIS[1]}", second)
        answer = caller.ask("POST", "/v1/keysets", json={"parameters_digest": digest})
        assert (answer.status_code, answer.json()["code"]) == (507, "storage-full")
        path = f"/v1/inferences?model=free&keyset={keyset}"
        refused(caller, "POST", path, request_message("free"))
    refused(caller, "DELETE", f"/v1/keysets/{keyset}")
    with (
        Transport(service.url, caller.token, service.public_key) as transport,
        pytest.raises(ServiceFailedError, match="disk is full") as failure,
    ):
        transport.put_key(keyset, GALOIS[1], second)
    assert "operator" in failure.value.hint
    assert caller.ask("GET", f"/v1/keysets/{keyset}").json() == present
    assert disk.files() == before

    disk.free()
    assert caller.put(f"{keys}/{GALOIS[1]}", second).status_code == 201
    assert caller.keyset() != keyset
    job = caller.post(path, request_message("free")).json()
    assert finished(caller, job["id"])["status"] == "done"
    codes = {line["code"] for line in service.log_lines() if line.get("status") == 507}
    assert codes == {"storage-full"}


def running(caller: Caller, keyset: str) -> str:
    """A job that the worker has begun."""
    path = f"/v1/inferences?model=free&keyset={keyset}"
    job_id: str = caller.post(path, request_message("free")).json()["id"]
    deadline = time.monotonic() + 20
    while caller.ask("GET", f"/v1/inferences/{job_id}").json()["status"] == "queued":
        assert time.monotonic() < deadline
    return job_id


def wait_for_log(service: ServiceProcess, detail: str) -> None:
    deadline = time.monotonic() + 20
    while not any(line.get("detail") == detail for line in service.log_lines()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_result_waits_for_room(disk: SmallDisk, service: ServiceProcess) -> None:
    caller = service.client("clinic")
    job_id = running(caller, caller.keyset())
    disk.fill()
    wait_for_log(service, "disk-full")
    assert caller.ask("GET", f"/v1/inferences/{job_id}").json()["status"] == "running"
    assert [name for name in disk.files() if name.endswith(".result")] == []
    disk.free()
    assert finished(caller, job_id)["status"] == "done"
    assert caller.ask("GET", f"/v1/inferences/{job_id}/result").status_code == 200


def test_a_result_without_room_fails_its_job(disk: SmallDisk) -> None:
    with started(disk, **SLOW, FAKE_LIMIT_FULL_DISK_WAIT_S="0") as service:
        caller = service.client("clinic")
        keyset = caller.keyset()
        job_id = running(caller, keyset)
        disk.fill()
        wait_for_log(service, "disk-full")  # nor can the failure be written
        disk.free()
        job = finished(caller, job_id)
        assert (job["status"], job["code"]) == ("failed", "storage-full")
        with (
            Transport(service.url, caller.token, service.public_key) as transport,
            pytest.raises(ServiceFailedError, match="storage-full") as failure,
        ):
            transport.wait(job_id)
        assert "disk is full" in failure.value.hint
        assert finished(caller, running(caller, keyset))["status"] == "done"


def test_a_limit_on_the_length_of_files(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stops a write in the middle of a body, on every machine."""
    service = ServiceProcess(tmp_path / "data").start()
    try:
        assert service.process is not None
        caller = service.client("clinic")
        keyset = caller.keyset()
        body = key_message(GALOIS[0])
        path = f"/v1/keysets/{keyset}/keys/{GALOIS[0]}"
        _, hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (len(body) // 2, hard))
        refused(caller, "PUT", path, body)
        assert list((tmp_path / "data" / "incoming").iterdir()) == []
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert caller.put(path, body).status_code == 201
    finally:
        service.kill()
