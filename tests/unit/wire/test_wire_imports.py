"""What reads strangers' bytes must not be able to decrypt, nor pull heavy packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import safelight.wire

_SCRIPT = """
import importlib, pkgutil, sys
import safelight.wire
for module in pkgutil.iter_modules(safelight.wire.__path__):
    importlib.import_module("safelight.wire." + module.name)
forbidden = {"tenseal", "pydicom", "torch", "safelight.ckks.secret"} & set(sys.modules)
print(",".join(sorted(forbidden)))
"""


def test_no_way_from_wire_to_secrets() -> None:
    source = Path(safelight.wire.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(source), "PATH": ""},
    )  # fmt: skip
    assert done.stdout.strip() == ""
