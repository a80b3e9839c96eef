"""``safelight diagnose`` with each image model on files as they come from real archives."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from transcripts import safelight

from imaging_samples import build_dicom, build_nifti
from safelight.circuit.reference import evaluate
from safelight.client.inputs import load_inputs
from safelight.models.datasets import lidc, medmnist
from safelight.models.registry import compiled_model, load_model

pytestmark = [pytest.mark.slow, pytest.mark.data]


def radiographs_of_children(data: Path, _: Path) -> list[Path]:
    """JPEGs at their native size, of different shapes."""
    return sorted((data / "kermany-cxr" / "originals").glob("*/*.jpeg"))[::30]


def radiographs_of_adults(data: Path, _: Path) -> list[Path]:
    """PNGs of 1024×1024."""
    return sorted((data / "nih-cxr14" / "originals").rglob("*.png"))[::12]


def fundus_photographs(data: Path, folder: Path) -> list[Path]:
    """PNGs in colour, made from the test split."""
    images = medmnist.load(data / "medmnist" / "retinamnist.npz").test.inputs[:2]
    paths = [folder / f"fundus{index}.png" for index in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        PIL.Image.fromarray(image).save(path)
    return paths


def nodules(data: Path, folder: Path) -> list[Path]:
    """One crop as a CT slice in DICOM, stored with an offset, and as NIfTI in HU."""
    crop = lidc.load(data / "lidc-nodules", size=48).inputs[0]
    stored = (crop.astype(np.int32) + 1024).astype(np.uint16)
    (folder / "nodule.dcm").write_bytes(
        build_dicom(stored, Modality="CT", RescaleIntercept="-1024", RescaleSlope="1")
    )
    # NIfTI stores x before y
    (folder / "nodule.nii").write_bytes(build_nifti(crop.T[:, :, None].astype(np.int16)))
    return [folder / "nodule.dcm", folder / "nodule.nii"]


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("cxr-pneumonia-64", radiographs_of_children),
        ("cxr-nih-64", radiographs_of_adults),
        ("retina-28", fundus_photographs),
        ("lung-nodule-48", nodules),
    ],
)
def test_real_files(
    name: str, files: Callable[[Path, Path], list[Path]], data_dir: Path, tmp_path: Path
) -> None:
    paths = files(data_dir, tmp_path)
    assert len(paths) >= 2
    found = safelight("diagnose", *paths, "--model", name, "--json").document("diagnose")
    signature = compiled_model(name)[1].signature
    positive = signature.outputs.classes.index(signature.outputs.positive)
    for path, diagnosis in zip(paths, found["diagnoses"], strict=True):
        ((_, prepared),) = load_inputs(signature, [path])
        clear = signature.probabilities(evaluate(load_model(name).graph, prepared[None]))[0]
        assert diagnosis["finding"] in signature.outputs.classes
        assert abs(diagnosis["probability"] - float(clear[positive])) < 5e-3


def test_a_nodule_is_the_same_in_both_formats(data_dir: Path, tmp_path: Path) -> None:
    signature = compiled_model("lung-nodule-48")[1].signature
    one, other = (prepared for _, prepared in load_inputs(signature, nodules(data_dir, tmp_path)))
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_a_whole_slice_needs_a_centre(data_dir: Path, tmp_path: Path) -> None:
    crop = lidc.load(data_dir / "lidc-nodules", size=48).inputs[0]
    whole = np.full((512, 512), -1000, np.int32)
    whole[100:148, 200:248] = crop
    path = tmp_path / "slice.dcm"
    path.write_bytes(
        build_dicom(
            (whole + 1024).astype(np.uint16),
            Modality="CT",
            RescaleIntercept="-1024",
            RescaleSlope="1",
        )
    )
    done = safelight("diagnose", path, "--model", "lung-nodule-48")
    assert "512 × 512" in done.refusal()
    assert "--centre" in done.err
    found = [
        safelight("diagnose", *given, "--model", "lung-nodule-48", "--json").document("diagnose")
        for given in ([path, "--centre", "124,224"], nodules(data_dir, tmp_path)[:1])
    ]
    one, other = (each["diagnoses"][0]["probability"] for each in found)
    assert abs(one - other) < 2e-3


def test_a_picture_without_hounsfield_units_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    PIL.Image.fromarray(np.zeros((48, 48), np.uint8)).save(file, "PNG")
    (tmp_path / "nodule.png").write_bytes(file.getvalue())
    done = safelight("diagnose", tmp_path / "nodule.png", "--model", "lung-nodule-48")
    assert "brightness only" in done.refusal()
    assert "Hounsfield" in done.err
