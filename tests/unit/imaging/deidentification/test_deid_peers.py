"""Beside dicom-anonymizer, deid and dicognito on real files: what one removes, we remove.

Every attribute with a value that a peer removes, empties or changes and that we leave as it is
must be in `EXPLAINED`, with the reason.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from safelight.errors import SafelightError
from safelight.imaging.deidentification import (
    DeidentificationOptions,
    IdentifierKey,
    deidentify,
)

WELL_KNOWN = "UIDs under 1.2.840.10008 are the standard's own, equal in all files"
BY_NAME = "deid removes by patterns in names (…Time, …ID, …UID); the value is technical"
EXPLAINED = {
    "SOPInstanceUID": WELL_KNOWN,
    "PaletteColorLookupTableUID": WELL_KNOWN,
    "SOPClassUID": "the object's kind; deid removes every …UID, and its files do not load",
    "ReferencedSOPClassUID": "the referenced object's kind",
    "CodingSchemeUID": "names a public vocabulary",
    "ExposureTime": BY_NAME,
    "RepetitionTime": BY_NAME,
    "EchoTime": BY_NAME,
    "FrameTime": BY_NAME,
    "RespiratoryIntervalTime": BY_NAME,
    "NominalRespiratoryTriggerDelayTime": BY_NAME,
    "StackID": BY_NAME,
    "AnnotationDisplayFormatID": BY_NAME,
    "ImageID": "retired, not in the table: a label of the view",
    "StudyStatusID": "retired, not in the table: a state of the work list",
    "TrackingID": "free text, cleaned: what stays are words of the list",
}
STANDARD = "1.2.840.10008."
MAX_BYTES = 200_000


def flat(dataset: Dataset, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], list[str]]:
    """All values by path, over the items of sequences."""
    found: dict[tuple[str, ...], list[str]] = {}
    for element in dataset:
        place = (*path, element.keyword or str(element.tag))
        if element.VR == "SQ":
            for item in element.value:
                for key, values in flat(item, place).items():
                    found.setdefault(key, []).extend(values)
        elif not element.is_empty:
            found.setdefault(place, []).append(str(element.value)[:500])
    return found


def dicom_anonymizer() -> Callable[[Path], Dataset]:
    module = pytest.importorskip("dicomanonymizer", reason="dicom-anonymizer is not installed")

    def apply(path: Path) -> Dataset:
        dataset = pydicom.dcmread(path, force=True)
        module.anonymize_dataset(dataset)
        return dataset

    return apply


def dicognito() -> Callable[[Path], Dataset]:
    module = pytest.importorskip("dicognito.anonymizer", reason="dicognito is not installed")

    def apply(path: Path) -> Dataset:
        dataset = pydicom.dcmread(path, force=True)
        module.Anonymizer().anonymize(dataset)
        return dataset

    return apply


def deid() -> Callable[[Path], Dataset]:
    module = pytest.importorskip("deid.dicom", reason="deid is not installed")
    recipe = pytest.importorskip("deid.config").DeidRecipe()

    def apply(path: Path) -> Dataset:
        changed: Dataset = module.replace_identifiers(
            [str(path)], deid=recipe, save=False, strip_sequences=False, remove_private=True
        )[0]
        return changed

    return apply


def left_by_us(path: Path, apply: Callable[[Path], Dataset]) -> set[str]:
    """Keywords that the peer changes and we leave."""
    options = DeidentificationOptions(pixels_are_clean=True)
    try:
        content, _ = deidentify(path.read_bytes(), options, IdentifierKey(bytes(32)))
    except SafelightError:
        return set()
    given = flat(pydicom.dcmread(path, force=True))
    ours, theirs = flat(pydicom.dcmread(io.BytesIO(content))), flat(apply(path))
    return {
        place[-1]
        for place, values in given.items()
        if theirs.get(place) != values and ours.get(place) == values
    }


@pytest.mark.data
@pytest.mark.parametrize("peer", [dicom_anonymizer, dicognito, deid])
def test_we_leave_nothing_that_a_peer_removes(
    peer: Callable[[], Callable[[Path], Dataset]], data_dir: Path
) -> None:
    apply = peer()
    files = sorted(p for p in (data_dir / "dicom").rglob("*") if p.suffix != ".csv" and p.is_file())
    small = [p for p in files if p.stat().st_size < MAX_BYTES]
    unexplained: dict[str, str] = {}
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for path in small[::4]:
                for keyword in left_by_us(path, apply) - EXPLAINED.keys():
                    unexplained[keyword] = path.name
    finally:
        logging.disable(before)
    assert len(small) > 100
    assert unexplained == {}


@pytest.mark.data
def test_identifying_values_of_real_files_are_gone(data_dir: Path) -> None:
    """Names, identifiers and institutions of the originals are nowhere in the new bytes."""
    keywords = (
        "PatientName",
        "PatientID",
        "InstitutionName",
        "ReferringPhysicianName",
        "OperatorsName",
        "AccessionNumber",
        "StudyInstanceUID",
        "SeriesInstanceUID",
    )
    options, key = DeidentificationOptions(pixels_are_clean=True), IdentifierKey(bytes(32))
    checked = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sorted((data_dir / "dicom").rglob("*"))[::3]:
            if not path.is_file() or path.suffix == ".csv" or path.stat().st_size > MAX_BYTES:
                continue
            try:
                content, _ = deidentify(path.read_bytes(), options, key)
            except SafelightError:
                continue
            dataset = pydicom.dcmread(path, force=True)
            header = content[: content.find(b"\xe0\x7f\x10\x00") % (len(content) + 1)]
            for keyword in keywords:
                value = str(dataset.get(keyword) or "").strip()
                maker = str(dataset.get("Manufacturer") or "")
                if len(value) >= 6 and value not in maker and not value.startswith(STANDARD):
                    assert value.encode("latin-1", "ignore") not in header, (path.name, keyword)
                    checked += 1
    assert checked > 100
