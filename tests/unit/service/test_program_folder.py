"""Compiled models on disk: found again, and compiled again when anything is wrong with them."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from safelight.circuit.program import LinearTransform
from safelight.errors import CompileError, UnknownModelError
from safelight.models.model_folder import model_folder
from safelight.models.registry import compiled_model
from safelight.service.program_folder import ProgramFolder, entry_name
from safelight.service.served_model import ServedModel
from safelight.service.stored_program import StoredProgram

NAME = "wdbc-logistic"


def served(folder: Path, name: str = NAME) -> ServedModel:
    (model,) = ProgramFolder(folder).served([name])
    return model


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    served(folder)
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "programs"))


@pytest.fixture
def no_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it compiles")

    monkeypatch.setattr(ProgramFolder, "_compile", refuse)


@pytest.mark.usefixtures("no_compiling")
def test_what_is_read_back_is_what_was_compiled(folder: Path) -> None:
    model = served(folder)
    trained, triple = compiled_model(NAME)
    assert isinstance(model.program, StoredProgram)
    assert model.model_digest == trained.digest.hex()
    assert model.requirements == triple.requirements
    assert model.parameters == triple.program.parameters
    assert json.loads(json.dumps(triple.signature.to_json())) == model.signature
    assert model.card == trained.card
    program = model.program.load()
    assert (program.input_scale, program.input_level) == (
        model.program.input_scale,
        model.program.input_level,
    )
    for found, step in zip(program.steps, triple.program.steps, strict=True):
        assert type(found) is type(step)
        if isinstance(step, LinearTransform):
            assert isinstance(found, LinearTransform)
            for distance, diagonal in step.diagonals.items():
                np.testing.assert_array_equal(found.diagonals[distance], diagonal)


@pytest.mark.parametrize("suffix", [".json", ".program"])
@pytest.mark.parametrize("damage", ["gone", "cut", "empty"])
def test_damaged_entries_are_compiled_again(
    folder: Path, suffix: str, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(ProgramFolder, "_compile", lambda _, names: compiled.extend(names))
    (path,) = folder.glob(f"*{suffix}")
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    with pytest.raises(CompileError, match="cannot be read back"):  # as nothing was compiled here
        served(folder)
    assert compiled == [NAME]


def test_a_changed_program_is_not_run(folder: Path) -> None:
    model = served(folder)
    assert isinstance(model.program, StoredProgram)
    content = bytearray(model.program.path.read_bytes())
    content[-1] ^= 1
    model.program.path.write_bytes(content)
    with pytest.raises(CompileError, match="damaged"):
        model.program.load()
    model.program.path.unlink()
    with pytest.raises(CompileError, match="gone"):
        model.program.load()


def test_a_program_that_cannot_be_read_is_not_the_requests_fault(folder: Path) -> None:
    model = served(folder)
    assert isinstance(model.program, StoredProgram)
    content = model.program.path.read_bytes()[:-1]
    model.program.path.write_bytes(content)
    stored = replace(model.program, digest=hashlib.sha256(content).hexdigest())
    with pytest.raises(CompileError, match=f"the compiled program of '{NAME}': "):
        stored.load()


def test_another_model_has_another_entry(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(model_folder(NAME), tmp_path / "model"))
    assert entry_name(copy) == entry_name(model_folder(NAME))
    weights = copy / "weights.npz"
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert entry_name(copy) != entry_name(model_folder(NAME))


def test_what_does_not_compile_says_why(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(model_folder(NAME), tmp_path / "model"))
    (copy / "weights.npz").write_bytes(b"nothing")
    with pytest.raises(CompileError, match="does not compile: the model in 'model' is damaged"):
        served(tmp_path / "programs", str(copy))
    with pytest.raises(UnknownModelError):
        served(tmp_path / "programs", "nonesuch")
