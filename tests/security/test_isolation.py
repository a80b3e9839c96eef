"""What the service process cannot load, it cannot leak."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The secret side, what reads images, what trains, and what draws.
FORBIDDEN = (
    "tenseal",
    "torch",
    "pydicom",
    "PIL",
    "sklearn",
    "matplotlib",
    "safelight.ckks.secret",
    "safelight.ckks.key_file",
    "safelight.client",
    "safelight.imaging",
    "safelight.models.training",
    "safelight.models.held_out",
)


def loaded_after(statement: str) -> set[str]:
    """Names of all modules of a fresh interpreter after a statement."""
    code = f"{statement}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def forbidden_in(modules: set[str]) -> list[str]:
    return [
        name
        for name in FORBIDDEN
        if any(module == name or module.startswith(f"{name}.") for module in modules)
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "import safelight.service.run, safelight.service.app",
        "import pathlib, tempfile; import safelight.service.shipped_models as s;"
        " s.served_models(None, pathlib.Path(tempfile.mkdtemp()))",
        "from safelight.wire import ciphertext, keys, program, request, result, signature",
        "from safelight.engine import base, clear, requirements",
        "from safelight.circuit import compiler, explain",
    ],
)
def test_the_services_side_loads_nothing_that_decrypts(statement: str) -> None:
    assert forbidden_in(loaded_after(statement)) == []


@pytest.mark.skipif(
    importlib.util.find_spec("safelight._native") is None, reason="the C++ evaluator is not built"
)
def test_the_native_engine_loads_nothing_that_decrypts() -> None:
    statement = "from safelight.service.engines import choose_engine; choose_engine('native')"
    assert forbidden_in(loaded_after(statement)) == []


def test_the_check_would_notice() -> None:
    found = forbidden_in(loaded_after("import safelight.client.client"))
    assert {"tenseal", "safelight.ckks.secret", "safelight.client"} <= set(found)


def test_importing_the_package_loads_no_room() -> None:
    rooms = {module for module in loaded_after("import safelight") if "safelight." in module}
    assert rooms <= {"safelight.errors"}


def test_the_import_contracts_are_kept() -> None:
    beside = Path(sys.executable).with_name("lint-imports")
    command = str(beside) if beside.exists() else shutil.which("lint-imports")
    if command is None:
        pytest.skip("import-linter is not installed")
    done = subprocess.run(
        [command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "the service cannot decrypt KEPT" in done.stdout


def test_nothing_is_unpickled() -> None:
    """Nothing of ours loads pickles, but for the import that a person asks for in so many words."""
    door = "models/importers/source_file.py"
    for path in (ROOT / "src" / "safelight").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if not path.as_posix().endswith(door):
            assert "import pickle" not in text, path.name
            assert "weights_only=False" not in text, path.name
        assert "allow_pickle=True" not in text, path.name
        loads, safe = text.count("torch.load("), text.count("weights_only=True")
        assert loads <= safe, path.name
    assert "--unsafe-pickle" in (ROOT / "src/safelight" / door).read_text(encoding="utf-8")
