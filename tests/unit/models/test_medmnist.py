"""Reading MedMNIST files: layout, damage, where they are looked for, the one download."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from safelight.errors import InputError, UnreachableError
from safelight.models.datasets import medmnist
from safelight.models.datasets.split import Split, without_repeats_of


def arrays(**changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for split, count in (("train", 6), ("val", 3), ("test", 4)):
        content[f"{split}_images"] = np.full((count, 28, 28), count, dtype=np.uint8)
        content[f"{split}_labels"] = (np.arange(count) % 2)[:, None].astype(np.uint8)
    return content | changes


def write(folder: Path, name: str = "anymnist", **changes: Any) -> Path:
    path = folder / f"{name}.npz"
    np.savez(path, **arrays(**changes))
    return path


def test_any_file_by_path(tmp_path: Path) -> None:
    data = medmnist.load(write(tmp_path))
    assert data.name == "anymnist"
    assert [len(split) for split in (data.train, data.val, data.test)] == [6, 3, 4]
    assert data.train.labels.tolist() == [0, 1, 0, 1, 0, 1]


def test_colour_and_several_findings(tmp_path: Path) -> None:
    changes: dict[str, Any] = {}
    for split in ("train", "val", "test"):
        changes[f"{split}_images"] = np.zeros((2, 28, 28, 3), np.uint8)
        changes[f"{split}_labels"] = np.array([[0, 1, 1], [1, 0, 0]])
    data = medmnist.load(write(tmp_path, **changes))
    assert data.test.labels.shape == (2, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val_images": np.zeros((3, 28, 28), np.float32)}, "float32"),
        ({"val_images": np.zeros((3, 28), np.uint8)}, "shape"),
        ({"val_images": np.zeros((3, 32, 32), np.uint8)}, "different shapes"),
        ({"val_images": np.zeros((5, 28, 28), np.uint8)}, "5 inputs but 3 labels"),
        ({"val_labels": np.zeros(3, np.uint8)}, "labels have shape"),
        ({"val_labels": np.zeros((3, 1), np.float64)}, "float64"),
        ({"val_labels": np.array([[None]] * 3, dtype=object)}, "damaged"),
    ],
)
def test_refuses_another_layout(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        medmnist.load(write(tmp_path, **changes))


def test_refuses_missing_arrays_damage_and_absence(tmp_path: Path) -> None:
    lacking = tmp_path / "lacking.npz"
    np.savez(lacking, train_images=np.zeros((1, 28, 28), np.uint8))
    with pytest.raises(InputError, match="has no train_labels"):
        medmnist.load(lacking)
    whole = write(tmp_path).read_bytes()
    for content in (b"", b"no archive", whole[: len(whole) // 2]):
        (tmp_path / "damaged.npz").write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            medmnist.load(tmp_path / "damaged.npz")
    with pytest.raises(InputError, match="no such file"):
        medmnist.load(tmp_path / "absent.npz")


def test_a_file_of_an_official_name_is_an_unknown_one_unless_its_md5_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = medmnist.load(write(tmp_path, "pneumoniamnist_64"))
    assert data.about.title == "pneumoniamnist_64 (not the official file)"
    assert data.about.licence == ""
    assert "MD5 differs" in data.notes[0]
    assert "unknown set" in data.notes[1]
    # by its name the official one is meant
    monkeypatch.setenv("SAFELIGHT_DATA", str(tmp_path))
    (tmp_path / "medmnist").mkdir()
    write(tmp_path / "medmnist", "pneumoniamnist")
    with pytest.raises(InputError, match="not the official file"):
        medmnist.find_or_download("pneumoniamnist")


def test_a_name_that_begins_as_an_official_one_says_nothing(tmp_path: Path) -> None:
    data = medmnist.load(write(tmp_path, "pneumoniamnist_mine"))
    assert (data.about.title, data.about.licence) == ("pneumoniamnist_mine", "")
    assert data.notes == ()


def test_a_file_saved_again_is_recognised_by_its_counts_and_labels(tmp_path: Path) -> None:
    changes: dict[str, Any] = {}
    for split, count in (("train", 546), ("val", 78), ("test", 156)):
        changes[f"{split}_images"] = np.zeros((count, 2, 2), np.uint8)
        changes[f"{split}_labels"] = (np.arange(count) % 2)[:, None]
    data = medmnist.load(write(tmp_path, "mine", **changes))
    assert data.about.title == "BreastMNIST (MedMNIST v2)"
    assert "because of its counts" in data.notes[0]
    changes["train_labels"] = (np.arange(546) % 3)[:, None]
    assert medmnist.load(write(tmp_path, "mine", **changes)).about.licence == ""


class _Response:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def __enter__(self) -> _Response:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def raise_for_status(self) -> None:
        return None

    def iter_bytes(self) -> list[bytes]:
        return [self.content[:100], self.content[100:]]


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SAFELIGHT_DATA", raising=False)
    return tmp_path


def test_download_is_checked_and_kept(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write(empty_machine, "official").read_bytes()
    digest = hashlib.md5(content).hexdigest()
    monkeypatch.setitem(medmnist.KNOWN_MD5, "pneumoniamnist", digest)
    monkeypatch.setattr(httpx, "stream", lambda *_, **__: _Response(content))
    path = medmnist.find_or_download()
    assert path == medmnist.find("pneumoniamnist")
    assert [file.name for file in path.parent.iterdir()] == ["pneumoniamnist.npz"]
    assert len(medmnist.load(path).test) == 4


def test_a_false_download_is_not_kept(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx, "stream", lambda *_, **__: _Response(b"<html>"))
    with pytest.raises(InputError, match="not the official file"):
        medmnist.find_or_download()
    assert medmnist.find("pneumoniamnist") is None


def test_no_network_says_so(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(httpx, "stream", refuse)
    with pytest.raises(UnreachableError) as caught:
        medmnist.find_or_download()
    assert "SAFELIGHT_DATA" in caught.value.hint
    with pytest.raises(InputError, match="not known"):
        medmnist.find_or_download("organmnist")


def test_repeats_are_left_out() -> None:
    images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    kept, repeated = without_repeats_of(
        Split(images, np.array([0, 1, 0])), Split(images[1:2], np.array([1]))
    )
    assert repeated == 1
    assert kept.labels.tolist() == [0, 0]


@pytest.mark.data
@pytest.mark.skipif("SAFELIGHT_DATA" not in os.environ, reason="SAFELIGHT_DATA is not set")
def test_the_official_files() -> None:
    pneumonia = medmnist.load(medmnist.find_or_download("pneumoniamnist"))
    assert [len(s) for s in (pneumonia.train, pneumonia.val, pneumonia.test)] == [4708, 524, 624]
    # 8 validation images occur in train, two of them twice
    assert without_repeats_of(pneumonia.train, pneumonia.val)[1] == 10
    retina = medmnist.load(medmnist.find_or_download("retinamnist"))
    assert retina.val.inputs.shape == (120, 28, 28, 3)
