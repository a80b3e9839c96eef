"""Objects with a canary in every attribute that can hold one."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging_samples import build_dicom
from safelight.imaging.deidentification import (
    DeidentificationOptions,
    DeidentificationReport,
    IdentifierKey,
    deidentify,
)

KEY = IdentifierKey(bytes(range(32)))
CT = "1.2.840.10008.5.1.4.1.1.2"
CANARY = "ZQCANARY"
CANARY_UID = "1.2.826.0.1.3680043.9.999.42"
CANARY_DATE = "19870315"

_CANARIES: dict[str, Any] = {
    "AE": CANARY,
    "AS": "087Y",
    "CS": CANARY,
    "DA": CANARY_DATE,
    "DT": f"{CANARY_DATE}101112",
    "LO": CANARY,
    "LT": CANARY,
    "PN": f"{CANARY}^X",
    "SH": CANARY,
    "ST": CANARY,
    "TM": "101112",
    "UC": CANARY,
    "UI": CANARY_UID,
    "UR": f"https://{CANARY}.example",
    "UT": CANARY,
    "OB": CANARY.encode(),
    "OW": CANARY.encode(),
    "UN": CANARY.encode(),
}


def canary(vr: str) -> Any:
    """A value that must not survive; None for representations that hold numbers only."""
    return _CANARIES.get(vr)


def sample(**attributes: object) -> bytes:
    """A small CT image that states that nothing is burned in."""
    given: dict[str, object] = {
        "SOPClassUID": CT,
        "Modality": "CT",
        "BurnedInAnnotation": "NO",
        "StudyInstanceUID": f"{CANARY_UID}.1",
        "SeriesInstanceUID": f"{CANARY_UID}.2",
    }
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8)
    return build_dicom(pixels, **{**given, **attributes})


def with_elements(content: bytes, change: Any) -> bytes:
    """A file after ``change(dataset)``."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    change(dataset)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def read(content: bytes) -> Dataset:
    """A data set."""
    return pydicom.dcmread(io.BytesIO(content))


def run(content: bytes, **options: Any) -> tuple[Dataset, DeidentificationReport]:
    """De-identifies and reads again."""
    clean, report = deidentify(content, DeidentificationOptions(**options), KEY)
    return read(clean), report


def code_item(value: str, meaning: str) -> Dataset:
    """An item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def nested(**attributes: object) -> Sequence:
    """A sequence of one item."""
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return Sequence([item])
