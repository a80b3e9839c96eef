"""A command's own service: it gets nothing of the clinic's, and does not outlive the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from safelight.client.local_service import LocalService

MODELS = ("wdbc-logistic",)
_STARTS_AND_DIES = """
import os, signal
from safelight.client.local_service import LocalService
service = LocalService(("wdbc-logistic",))
print(service.pid, service.data, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_the_service_is_not_told_where_secrets_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFELIGHT_PASSPHRASE_FILE", "/clinic/passphrase")
    monkeypatch.setenv("SAFELIGHT_NEW_PASSPHRASE_FILE", "/clinic/next")
    monkeypatch.setenv("SAFELIGHT_TOKEN", "of-another-service")
    with LocalService(MODELS) as service:
        environment = Path(f"/proc/{service.pid}/environ").read_bytes()
        command_line = Path(f"/proc/{service.pid}/cmdline").read_bytes()
    assert b"/clinic/" not in environment
    assert b"of-another-service" not in environment
    assert service.token.encode() not in command_line


def test_the_service_ends_when_its_command_was_killed() -> None:
    command = [sys.executable, "-c", _STARTS_AND_DIES]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout.split()[0])
    for _ in range(150):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":  # ended, in a container whose first process collects nobody
            return
        time.sleep(0.2)
    pytest.fail("the service still runs")
