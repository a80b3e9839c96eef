"""Kermany's and ChestX-ray14's layouts, made small; the real ones where they are."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from safelight.errors import InputError
from safelight.models.datasets import kermany, nih_cxr14
from safelight.models.datasets.leakage import leakage


def picture(path: Path, brightness: int, side: int = 32) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side), brightness, np.uint8)).save(path)


def kermany_folder(root: Path) -> Path:
    for number in range(12):
        picture(root / f"train/NORMAL/IM-{number:04}-0001.png", 10 * number)
        picture(root / f"train/PNEUMONIA/person{number}_bacteria_1.png", 10 * number + 5)
        picture(root / f"train/PNEUMONIA/person{number}_virus_2.png", 10 * number + 6)
    picture(root / "val/NORMAL/IM-9000-0001.png", 3)
    for number in range(3):
        picture(root / f"test/NORMAL/IM-{100 + number:04}-0001.png", 200)
        picture(root / f"test/PNEUMONIA/person{100 + number}_bacteria_1.png", 220)
    return root


def test_kermany_by_folders(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    data = kermany.load(
        kermany_folder(tmp_path), size=8, watch=lambda done, total: seen.append((done, total))
    )
    assert data.train.inputs.shape[1:] == (8, 8)
    assert len(data.train) + len(data.val) == 37
    assert len(data.test) == 6
    assert seen[-1] == (43, 43)
    report = leakage(data)
    assert report.shared_patients == {"train/val": 0, "train/test": 0, "val/test": 0}
    assert data.about.licence == "CC BY 4.0"


def test_kermany_lists_what_is_missing(tmp_path: Path) -> None:
    picture(tmp_path / "train/NORMAL/IM-0001-0001.png", 3)
    with pytest.raises(InputError, match="train/PNEUMONIA, test/NORMAL") as caught:
        kermany.load(tmp_path)
    assert "train/NORMAL" in caught.value.hint
    (tmp_path / "labels.csv").write_text("path,split\nx,train\n")
    with pytest.raises(InputError, match=r"labels\.csv"):
        kermany.load(tmp_path)


def test_a_damaged_image_is_named_without_its_content(tmp_path: Path) -> None:
    kermany_folder(tmp_path)
    damaged = tmp_path / "train/NORMAL/IM-0003-0001.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    with pytest.raises(InputError, match="IM-0003"):
        kermany.load(tmp_path, size=8)


def nih_folder(root: Path, *, listed: bool = False) -> Path:
    rows = []
    for patient in range(20):
        for number in range(2):
            name = f"{patient:08}_{number:03}.png"
            picture(root / f"images_{number:03}" / "images" / name, patient * 5 + number)
            found = ("No Finding", "Mass|Nodule", "Hernia", "Pneumonia")[patient % 4]
            rows.append([name, found, number, patient])
    rows.append(["99999999_000.png", "Mass", 0, 99999999])  # listed, not there
    with (root / "Data_Entry_2017.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Image Index", "Finding Labels", "Follow-up #", "Patient ID"])
        writer.writerows(rows)
    if listed:
        (root / "test_list.txt").write_text("\n".join(row[0] for row in rows[:8]))
    return root


def test_nih_real_layout(tmp_path: Path) -> None:
    nih_folder(tmp_path)
    data = nih_cxr14.load(tmp_path, size=8)
    assert data.about.task == "multi-label"
    assert data.train.labels.shape[1] == 14
    assert sum(len(split) for split in data.splits.values()) == 40
    assert leakage(data).shared_patients == {"train/val": 0, "train/test": 0, "val/test": 0}
    binary = nih_cxr14.load(tmp_path, size=8, finding="Mass")
    assert sum(len(split) for split in binary.splits.values()) == 20
    assert sum(int(split.labels.sum()) for split in binary.splits.values()) == 10
    abnormal = nih_cxr14.load(tmp_path, size=8, finding="abnormal")
    assert sum(int(split.labels.sum()) for split in abnormal.splits.values()) == 30


def test_nih_official_test_list(tmp_path: Path) -> None:
    data = nih_cxr14.load(nih_folder(tmp_path, listed=True), size=8)
    assert len(data.test) == 8


def test_nih_refusals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Data_Entry"):
        nih_cxr14.load(tmp_path)
    (tmp_path / "Data_Entry_2017.csv").write_text("Image Index,Finding Labels,Patient ID\n")
    with pytest.raises(InputError, match="no PNG"):
        nih_cxr14.load(tmp_path)
    with pytest.raises(InputError, match="not a finding"):
        nih_cxr14.load(tmp_path, finding="Measles")
    (tmp_path / "Data_Entry_2017.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="not in its layout"):
        nih_cxr14.load(tmp_path)
    with pytest.raises(InputError, match="not a reduced"):
        nih_cxr14.load_reduced(tmp_path / "other.npz")


@pytest.mark.data
def test_the_reduced_sets_are_split_by_patient(data_dir: Path) -> None:
    for name in nih_cxr14.REDUCED:
        data = nih_cxr14.load_reduced(data_dir / "nih-cxr14" / name)
        assert [len(split) for split in data.splits.values()] == [600, 200, 200]
        assert leakage(data).clean
        assert all(split.labels.mean() == 0.5 for split in data.splits.values())
