"""SIGKILL at random moments: what was confirmed is there, nothing is half there."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from safelight.vault.audit.log import AuditLog
from safelight.vault.audit.reading import LogReader

SCRIPT = Path(__file__).with_name("appending_process.py")


def run_and_kill(folder: Path, after_s: float, size: int) -> dict[int, str]:
    """Appends for a moment; index → name of each entry that was confirmed."""
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder)], stdout=subprocess.PIPE, env=os.environ
    ) as process:
        assert process.stdout is not None
        ready = process.stdout.readline().split()
        assert ready[0] == b"ready"
        assert int(ready[1]) >= size
        time.sleep(after_s)
        process.kill()
        lines = process.stdout.read().split(b"\n")[:-1]
    return {int(index): name.decode() for index, name in (line.split() for line in lines)}


def check(folder: Path, confirmed: dict[int, str], size: int) -> int:
    """The killed log, before and after it is opened again; its size."""
    before = LogReader(folder)
    before.verify()
    with AuditLog(folder) as log:
        pass
    reader = LogReader(folder)
    assert reader.verify().behind == 0
    assert reader.checkpoint.size == log.size >= max([size, *(i + 1 for i in confirmed)])
    for index, name in confirmed.items():
        assert json.loads(reader.entry(index))["request_id"] == name
    return log.size


def kill_rounds(folder: Path, rounds: int, seed: int) -> None:
    random_number = random.Random(seed)
    AuditLog(folder).close()
    size, confirmed = 0, {}
    for _ in range(rounds):
        confirmed = run_and_kill(folder, random_number.uniform(0.0, 0.08), size)
        size = check(folder, confirmed, size)
    assert size > 0


def test_killed_at_random_moments(tmp_path: Path) -> None:
    kill_rounds(tmp_path / "audit", 8, seed=1)


@pytest.mark.slow
def test_killed_a_few_hundred_times(tmp_path: Path) -> None:
    for number in range(30):
        kill_rounds(tmp_path / f"audit-{number}", 10, seed=number)
