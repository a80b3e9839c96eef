"""Small studies and the keys of an archive, for tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from imaging_samples import build_dicom
from safelight.imaging.deidentification import DeidentificationOptions
from safelight.vault.archive import Archive, create_archive, open_archive
from safelight.vault.envelope import HybridPrivateKey

_STORED: dict[str, str] = json.loads(
    (Path(__file__).parents[3] / "vectors/vault/INSECURE_test_keys.json").read_text("ascii")
)
ALICE = HybridPrivateKey(bytes.fromhex(_STORED["hybrid-1"]))
BOB = HybridPrivateKey(bytes.fromhex(_STORED["hybrid-2"]))
OPTIONS = DeidentificationOptions()
CT = "1.2.840.10008.5.1.4.1.1.2"
ROOT_UID = "1.2.826.0.1.3680043.9.999"


def image(number: int, *, side: int = 64, study: int = 1, **attributes: object) -> bytes:
    """A CT slice that differs from all others."""
    generator = np.random.default_rng(number)
    smooth = np.cumsum(generator.integers(-2, 3, (side, side)), axis=1) + 1000
    given: dict[str, object] = {
        "SOPClassUID": CT,
        "SOPInstanceUID": f"{ROOT_UID}.{study}.1.{number}",
        "SeriesInstanceUID": f"{ROOT_UID}.{study}.1",
        "StudyInstanceUID": f"{ROOT_UID}.{study}",
        "PatientID": f"PATIENT-{study}",
        "Modality": "CT",
        "BurnedInAnnotation": "NO",
    }
    return build_dicom(smooth.astype(np.uint16), bits_stored=12, **{**given, **attributes})


def new_archive(folder: Path, *, url: str | None = None) -> Archive:
    """An empty archive of Alice's."""
    create_archive(folder, [ALICE.public_key], url=url)
    return open_archive(folder, [ALICE])
