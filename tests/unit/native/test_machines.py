"""The portable path compiles elsewhere and computes the same there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[3] / "native"
SOURCES = (
    *("self_check", "buffer", "context", "dispatch", "kernels_portable", "key_switch"),
    *("linear_transform", "modulus", "primitives", "program", "thread_pool"),
)
FLAGS = ("-std=c++20", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-pthread")
DIGEST = "2b600c1272083479"
# Debian: apt-get install g++-aarch64-linux-gnu qemu-user
MACHINES = {
    "this one": ("c++", ()),
    "aarch64": ("aarch64-linux-gnu-g++", ("qemu-aarch64",)),
}


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_a_program_gives_the_same_residues(machine: str, tmp_path: Path) -> None:
    compiler, runner = MACHINES[machine]
    for command in (compiler, *runner):
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed")
    program = tmp_path / "self_check"
    sources = [str(NATIVE / f"{name}.cpp") for name in SOURCES]
    static = ["-static"] if runner else []
    subprocess.run([compiler, *FLAGS, *static, *sources, "-o", str(program)], check=True)
    done = subprocess.run([*runner, str(program)], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == DIGEST
