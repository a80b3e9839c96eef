"""The table is the standard's, and every row of it is obeyed."""

from __future__ import annotations

import importlib

import pytest
from deid_samples import CANARY, CANARY_DATE, CANARY_UID, canary, run, sample, with_elements
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from safelight.imaging.deidentification.profile import (
    Action,
    attribute_type,
    basic_action,
    table,
)

# dicom-anonymizer's names of the action codes
_LISTS = {
    "D_TAGS": "D",
    "Z_TAGS": "Z",
    "X_TAGS": "X",
    "U_TAGS": "U",
    "Z_D_TAGS": "Z/D",
    "X_Z_TAGS": "X/Z",
    "X_D_TAGS": "X/D",
    "X_Z_D_TAGS": "X/Z/D",
    "X_Z_U_STAR_TAGS": "X/Z/U*",
}


def test_size_and_editions() -> None:
    rows = list(table().values())
    assert len(rows) == 652
    assert sum(row.edition == "2024b" for row in rows) == 617
    assert {row.edition for row in rows} == {"2024b", "2026c"}
    assert all(row.options == {} for row in rows if row.edition == "2026c")


@pytest.mark.parametrize("edition", ["2024b", "2026c"])
def test_actions_are_those_of_dicom_anonymizer(edition: str) -> None:
    """An independent transcription of the table; masks of repeating groups are ours to code."""
    pytest.importorskip("dicomanonymizer", reason="dicom-anonymizer is not installed")
    theirs = importlib.import_module(
        f"dicomanonymizer.dicom_anonymization_databases.dicomfields_{edition}"
    )
    found = {
        (tag[0] << 16 | tag[1]): action
        for name, action in _LISTS.items()
        for tag in getattr(theirs, name)
        if len(tag) == 2
    }
    ours = {r.tag: r.basic for r in table().values() if edition == "2026c" or r.edition == edition}
    assert found == ours


@pytest.mark.parametrize(
    ("basic", "needed", "action"),
    [
        ("X", 1, "X"),
        ("D", 3, "D"),
        ("Z/D", 2, "Z"),
        ("Z/D", 1, "D"),
        ("X/Z", 3, "X"),
        ("X/Z", 2, "Z"),
        ("X/D", 1, "D"),
        ("X/D", 2, "D"),
        ("X/Z/D", 3, "X"),
        ("X/Z/D", 2, "Z"),
        ("X/Z/D", 1, "D"),
        ("X/Z/U*", 3, "X"),
        ("X/Z/U*", 1, "U"),
    ],
)
def test_alternatives_follow_the_type(basic: str, needed: int, action: str) -> None:
    assert basic_action(basic, needed) == action


def test_types_of_attributes() -> None:
    ct, rt_plan, unknown = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.5", "1.2.3"
    assert attribute_type(ct, "", "ContentDate") == 2
    assert attribute_type(ct, "", "AcquisitionDate") == 3
    assert attribute_type(rt_plan, "", "RTPlanDate") == 2
    assert attribute_type(unknown, "", "AcquisitionDate") == 1
    assert attribute_type(ct, "BeamSequence", "TreatmentMachineName") == 2


def _holding_rows() -> list[tuple[int, str, str]]:
    """Rows whose attribute can hold a canary: tag, keyword, VR."""
    rows = []
    for tag in table():
        if dictionary_has_tag(tag) and tag >> 16 >= 8:  # commands and file meta are elsewhere
            # pydicom takes the first of alternatives when it writes
            vr = dictionary_VR(tag).split(" or ")[0]
            if canary(vr) is not None or vr == "SQ":
                rows.append((tag, keyword_for_tag(tag), vr))
    return rows


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_no_value_of_the_table_survives_the_basic_profile(depth: int) -> None:
    """Every attribute at once, at the top and in sequences that the table does not name."""

    def plant(dataset: Dataset) -> None:
        for _ in range(depth):
            dataset.RealWorldValueMappingSequence = Sequence([Dataset()])
            dataset = dataset.RealWorldValueMappingSequence[0]
        for tag, _, vr in _holding_rows():
            inner = Dataset()
            inner.PatientComments = CANARY
            if keyword_for_tag(tag) not in ("EncapsulatedDocument", "SOPInstanceUID"):
                dataset.add_new(tag, vr, Sequence([inner]) if vr == "SQ" else canary(vr))

    planted = with_elements(sample(), plant)
    assert planted.count(CANARY.encode()) > 300
    dataset, report = run(planted)
    for element in dataset.iterall():
        if element.VR == "SQ" or element.keyword == "PixelData":
            continue
        text = str(element.value)
        assert CANARY not in text, element.tag
        assert CANARY_UID not in text, element.tag
        assert CANARY_DATE not in text, element.tag
    assert sum(report.totals.values()) > 500


@pytest.mark.parametrize(
    ("keyword", "action"),
    [
        ("AccessionNumber", Action.EMPTY),
        ("StudyInstanceUID", Action.UID),
        ("AcquisitionDate", Action.REMOVE),
        ("ContentDate", Action.EMPTY),
        ("ContrastBolusAgent", Action.EMPTY),
        ("PatientBirthDate", Action.EMPTY),
        ("DeviceSerialNumber", Action.REMOVE),
        ("OtherPatientIDs", Action.REMOVE),
    ],
)
def test_single_actions_in_a_ct(keyword: str, action: Action) -> None:
    def plant(dataset: Dataset) -> None:
        vr = dictionary_VR(keyword)
        setattr(dataset, keyword, canary(vr))

    dataset, report = run(with_elements(sample(), plant))
    assert report.actions[keyword, action] == 1
    if action is Action.REMOVE:
        assert keyword not in dataset
    elif action is Action.EMPTY:
        assert dataset[keyword].value in ("", None)
    else:
        assert dataset[keyword].value.startswith("2.25.")
