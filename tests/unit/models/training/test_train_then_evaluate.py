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
from safelight.models.datasets import lidc  # noqa: E402
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


def test_test_labels_of_one_class_are_said_before_and_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, path = tmp_path / "out", write_npz(tmp_path / "any.npz", "binary")
    content = dict(np.load(path))
    np.savez(path, **{**content, "test_labels": content["test_labels"] * 0})
    train(path, out)
    said = capsys.readouterr().err
    assert "1 of 2 classes cannot be judged on the 48 test labels" in said
    assert main(["evaluate", str(out), "--encrypted", "2"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("no AUC: a class, or all but it, has no example") == 3


def test_wdbc_validates_on_the_patients_it_was_validated_on(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    out = tmp_path / "out"
    assert main(["train", "wdbc", *QUICK, "--output", str(out)]) == 0
    model = load_model_folder(out)
    assert model.name == "wdbc-logistic-trained"
    sizes = {split: len(held_out(model, None, split).labels) for split in ("train", "val", "test")}
    assert sizes == {"train": 409, "val": 46, "test": 114}
    assert held_out(model, None, "val").inputs.shape == (46, 30)
    assert main(["evaluate", str(out), "--calibrate", "--split", "val", "--encrypted", "1"]) == 0


@pytest.mark.parametrize("name", ["", "empty", "other"])
def test_a_folder_that_is_no_data_set_is_not_taken_for_one(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other" / "deeper").mkdir(parents=True)
    (tmp_path / "other" / "deeper" / "note.txt").write_text("x")
    source = str(tmp_path / name) if name else ""
    assert main(["train", source, *QUICK, "--output", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert ("is not laid out as a data set that we know" in said) == bool(name)
    assert "hint:" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.data
def test_a_fold_is_evaluated_on_itself(data_dir: Path, tmp_path: Path) -> None:
    out, toml = tmp_path / "out", tmp_path / "fold.toml"
    folder = data_dir / "lidc-nodules"
    toml.write_text(f'[data]\npath = "{folder}"\nfold = 2\nsize = 32\n')
    assert main(["train", str(toml), *QUICK, "--output", str(out)]) == 0
    model = load_model_folder(out)
    nodules = lidc.load(folder, size=32)
    for path in (None, folder):
        found = held_out(model, path)
        assert found.dataset == "lidc-32-fold2/test"
        assert found.labels.tolist() == lidc.fold(nodules, 2).test.labels.tolist()
    # the model without its folder `training`: found by its title, the fold by its selector
    shutil.rmtree(out / "training")
    assert held_out(model).dataset == "lidc-32-fold2/test"
    # another fold's selector: its digests are not those of the training
    description = json.loads((out / "model.json").read_text())
    description["data"]["selector"]["fold"] = 0
    (out / "model.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match="other train, val, test inputs"):
        held_out(load_model_folder(out))


@pytest.mark.data
def test_the_second_reduced_set_is_not_taken_for_the_first(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    train(data_dir / "nih-cxr14" / "nih_nofinding_pneumonia_128.npz", out)
    shutil.rmtree(out / "training")
    model = load_model_folder(out)
    assert held_out(model).dataset == "nih_nofinding_pneumonia_128/test"
    with pytest.raises(InputError, match="normal, abnormal, those of the model"):
        held_out(model, data_dir / "nih-cxr14" / "nih1000_64.npz")
