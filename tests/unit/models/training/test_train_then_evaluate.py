"""What `safelight train` says comes next works: the same data are found again, and no others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training_data import write_npz  # noqa: E402

from safelight.cli.main import main  # noqa: E402
from safelight.errors import InputError  # noqa: E402
from safelight.models.held_out import held_out  # noqa: E402
from safelight.models.registry import load_model_folder  # noqa: E402

QUICK = ["--network", "logistic", "--epochs", "1", "--seeds", "0", "--threads", "1"]


def train(path: Path, out: Path) -> None:
    assert main(["train", str(path), *QUICK, "--kind", "ct", "--output", str(out)]) == 0


def test_a_file_never_seen_before_needs_no_more_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SAFELIGHT_DATA", raising=False)
    out = tmp_path / "out"
    train(write_npz(tmp_path / "odd_name_64.npz", "binary"), out)
    printed = capsys.readouterr()
    assert "states no licence and no attribution" in printed.err
    assert f"next: safelight evaluate {out} " in printed.out
    assert main(["evaluate", str(out), "--encrypted", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["dataset"] == "odd_name_64/test"
    assert found["clear"]["n"] == 48
    # nothing of this machine is in the model itself
    assert str(tmp_path) not in (out / "model.json").read_text()


def test_a_moved_or_changed_file_is_not_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFELIGHT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out, path = tmp_path / "out", write_npz(tmp_path / "any.npz", "binary")
    train(path, out)
    model = load_model_folder(out)
    place = tmp_path / "data" / "medmnist" / "any.npz"
    place.parent.mkdir(parents=True)
    shutil.move(path, place)
    assert len(held_out(model).labels) == 48  # by its name and MD5
    write_npz(place, "binary", channels=3)
    with pytest.raises(InputError, match="not where it was") as caught:
        held_out(model)
    assert "--dataset" in caught.value.hint
    write_npz(path, "binary", channels=3)
    with pytest.raises(InputError, match="has changed since"):
        held_out(model)


def test_training_inputs_are_not_taken_for_test_inputs(tmp_path: Path) -> None:
    out, path = tmp_path / "out", write_npz(tmp_path / "any.npz", "binary")
    train(path, out)
    model = load_model_folder(out)
    content = dict(np.load(path))
    other = tmp_path / "other.npz"
    np.savez(other, **{**content, "test_images": content["train_images"][:48]})
    with pytest.raises(InputError, match="learned from 48 of the 48 inputs"):
        held_out(model, other)
    assert len(held_out(model, other, "val").labels) == 48
    (out / "training" / "learned.npy").write_bytes(b"x")
    with pytest.raises(InputError, match="is damaged"):
        held_out(model, other)
