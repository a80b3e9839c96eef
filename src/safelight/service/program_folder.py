"""Compiled models in a folder, so that a service starts without compiling.

A model is two files there: its description (JSON) and its program (wire form), named by a digest
of the model's files and of the compiler itself. Whatever changes either, the name is another, and
an entry that is damaged or half written is compiled again. Compiling happens in a process of its
own: it takes several times the memory of serving, and the service never gives that back.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safelight.ckks.ciphertext import KeyRequirements
from safelight.ckks.parameters import Parameters
from safelight.errors import CompileError
from safelight.models.model_folder import model_folder
from safelight.service.durable_files import make_private_folder
from safelight.service.served_model import ServedModel
from safelight.service.stored_program import StoredProgram

# All that decides what a model compiles to.
_COMPILER = (
    "circuit",
    "ckks",
    "models/registry.py",
    "service/compile_programs.py",
    "service/program_folder.py",
    "wire/program.py",
    "wire/constants.py",
)
_MODEL_FILES = ("model.json", "weights.npz", "packing.json")
_COMPILE_TIMEOUT_S = 1800.0


class ProgramFolder:
    """The compiled models of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def served(self, names: Sequence[str]) -> list[ServedModel]:
        """The models of these names, compiled where they are not there yet.

        Raises:
            UnknownModelError: No model of a name.
            CompileError: A model's files are damaged, or it does not compile.
        """
        folders = {name: model_folder(name) for name in names}
        entries = {name: entry_name(folder) for name, folder in folders.items()}
        missing = [name for name in names if self._read(entries[name], folders[name]) is None]
        if missing:
            self._compile(missing)
        found = [(name, self._read(entries[name], folders[name])) for name in names]
        lost = [name for name, model in found if model is None]
        if lost:
            raise CompileError(f"the compiled model {lost[0]!r} cannot be read back")
        self._remove_others(set(entries.values()))
        return [model for _, model in found if model is not None]

    def _read(self, entry: str, folder: Path) -> ServedModel | None:
        """The model of an entry, or None where it is not whole."""
        try:
            data = json.loads((self.folder / f"{entry}.json").read_bytes())
            program = StoredProgram(
                name=data["name"],
                parameters=Parameters(data["n"], tuple(data["primes"])),
                input_scale=float.fromhex(data["input_scale"]),
                input_level=data["input_level"],
                fast_bytes=data["fast_bytes"],
                compact_bytes=data["compact_bytes"],
                constant_bytes=data["constant_bytes"],
                path=self.folder / f"{entry}.program",
                digest=data["program_digest"],
            )
            if program.path.stat().st_size != data["program_bytes"]:
                return None
            return ServedModel(
                name=data["name"],
                version=data["version"],
                model_digest=data["model_digest"],
                signature=data["signature"],
                program=program,
                program_digest=program.digest,
                card=_card(folder),
                requirements=KeyRequirements(
                    data["relinearization_level"],
                    {int(element): level for element, level in data["galois_levels"]},
                ),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(
        self, name: str, model: ServedModel, program: bytes, sizes: Mapping[str, int]
    ) -> None:
        """Adds a compiled model; the description last, which makes the entry valid."""
        make_private_folder(self.folder)
        entry = entry_name(model_folder(name))
        description: dict[str, Any] = {
            "name": model.name,
            "version": model.version,
            "model_digest": model.model_digest,
            "signature": model.signature,
            "n": model.parameters.n,
            "primes": model.parameters.primes,
            "input_scale": model.program.input_scale.hex(),
            "input_level": model.program.input_level,
            **sizes,
            "program_digest": model.program_digest,
            "program_bytes": len(program),
            "relinearization_level": model.requirements.relinearization_level,
            "galois_levels": list(model.requirements.galois_levels.items()),
        }
        for suffix, data in ((".program", program), (".json", json.dumps(description).encode())):
            incoming = self.folder / f"{entry}{suffix}.{os.getpid()}"
            incoming.write_bytes(data)
            incoming.replace(self.folder / f"{entry}{suffix}")

    def _compile(self, names: Sequence[str]) -> None:
        command = [sys.executable, "-m", "safelight.service.compile_programs", str(self.folder)]
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [*command, *names],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMPILE_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            message = next((s for s in lines if s.startswith("error: ")), "error: it stopped")
            hint = next((s for s in lines if s.startswith("hint: ")), "")
            raise CompileError(
                f"a model does not compile: {message.removeprefix('error: ')}",
                hint=hint.removeprefix("hint: "),
            )

    def _remove_others(self, entries: set[str]) -> None:
        """Removes what no model served here has any more, but not what another start writes."""
        for path in self.folder.glob("*.program"):
            if path.stem not in entries and not _recent(path):
                path.with_suffix(".json").unlink(missing_ok=True)
                path.unlink(missing_ok=True)


def _card(folder: Path) -> str:
    path = folder / "card.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _recent(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < 30 * 24 * 3600
    except OSError:
        return True


def entry_name(folder: Path) -> str:
    """Digest of a model's files and of the compiler."""
    digest = hashlib.sha256(_compiler_digest())
    for name in _MODEL_FILES:
        path = folder / name
        data = path.read_bytes() if path.is_file() else b""
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:32]


@functools.cache
def _compiler_digest() -> bytes:
    spec = importlib.util.find_spec("safelight")
    assert spec is not None
    assert spec.origin is not None
    # not its search locations: an editable installation lists the folder of the native module first
    root = Path(spec.origin).parent
    digest = hashlib.sha256()
    for part in _COMPILER:
        files = sorted((root / part).glob("*.py")) if (root / part).is_dir() else [root / part]
        for path in files:
            data = path.read_bytes()
            digest.update(path.name.encode() + len(data).to_bytes(8, "little") + data)
    return digest.digest()
