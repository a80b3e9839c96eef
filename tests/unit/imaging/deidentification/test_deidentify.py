"""What a file is after de-identification, option by option."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from deid_samples import (
    CANARY,
    CANARY_UID,
    KEY,
    code_item,
    nested,
    read,
    run,
    sample,
    with_elements,
)
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging_samples import build_dicom
from safelight.errors import DeidentificationError, ImageError
from safelight.imaging import load_pixels_raw
from safelight.imaging.deidentification import (
    DeidentificationOptions,
    IdentifierKey,
    deidentify,
)

PLAIN = DeidentificationOptions()


def test_statements_about_what_was_done() -> None:
    dataset, _ = run(sample())
    assert dataset.PatientIdentityRemoved == "YES"
    assert dataset.LongitudinalTemporalInformationModified == "REMOVED"
    codes = dataset.DeidentificationMethodCodeSequence
    assert [(c.CodeValue, c.CodingSchemeDesignator) for c in codes] == [("113100", "DCM")]
    assert dataset.PatientName == dataset.PatientID == KEY.pseudonym("SECRET-1234\0")


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ({"clean_graphics": True}, "113103"),
        ({"clean_structured": True}, "113104"),
        ({"clean_descriptors": True}, "113105"),
        ({"dates": "keep"}, "113106"),
        ({"dates": "shift"}, "113107"),
        ({"retain_patient": True}, "113108"),
        ({"retain_device": True}, "113109"),
        ({"retain_uids": True}, "113110"),
        ({"retain_safe_private": True}, "113111"),
        ({"retain_institution": True}, "113112"),
    ],
)
def test_options_are_stated(option: dict[str, Any], code: str) -> None:
    dataset, _ = run(sample(), **option)
    assert [c.CodeValue for c in dataset.DeidentificationMethodCodeSequence] == ["113100", code]


def test_the_basic_profile_does_not_claim_more_than_it_did() -> None:
    dataset, report = run(sample(BurnedInAnnotation="YES"), pixels_are_clean=True)
    assert [c.CodeValue for c in dataset.DeidentificationMethodCodeSequence] == ["113100"]
    assert dataset.BurnedInAnnotation == "NO"
    assert any("word of the person" in note for note in report.notes)


def test_file_meta_and_preamble_are_new() -> None:
    def plant(dataset: Dataset) -> None:
        dataset.preamble = b"SECRET" + bytes(122)
        dataset.file_meta.SourceApplicationEntityTitle = CANARY
        dataset.file_meta.SendingApplicationEntityTitle = CANARY
        dataset.file_meta.PrivateInformationCreatorUID = CANARY_UID
        dataset.file_meta.PrivateInformation = CANARY.encode()

    content, _ = deidentify(with_elements(sample(), plant), PLAIN, KEY)
    dataset = read(content)
    assert content[:128] == bytes(128)
    assert CANARY.encode() not in content
    assert b"SECRET" not in content
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert len(dataset.file_meta) == 7


def test_uids_are_replaced_alike_everywhere() -> None:
    other = sample(
        SOPInstanceUID=f"{CANARY_UID}.7",
        SourceImageSequence=nested(
            ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2",
            ReferencedSOPInstanceUID=f"{CANARY_UID}.8",
        ),
        ReferencedSeriesSequence=nested(SeriesInstanceUID=f"{CANARY_UID}.2"),
    )
    first, _ = run(sample(SOPInstanceUID=f"{CANARY_UID}.8"))
    second, _ = run(other)
    assert first.StudyInstanceUID == second.StudyInstanceUID == KEY.uid(f"{CANARY_UID}.1")
    assert second.ReferencedSeriesSequence[0].SeriesInstanceUID == first.SeriesInstanceUID
    assert first.SOPInstanceUID == KEY.uid(f"{CANARY_UID}.8")
    assert second.SOPInstanceUID != first.SOPInstanceUID
    assert second.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    third, _ = deidentify(sample(), PLAIN, IdentifierKey(bytes(32)))
    assert read(third).StudyInstanceUID != first.StudyInstanceUID
    kept, _ = run(sample(), retain_uids=True)
    assert kept.StudyInstanceUID == f"{CANARY_UID}.1"


def test_replaced_uids_are_valid() -> None:
    for number in range(200):
        uid = KEY.uid(str(number))
        value = int(uid.removeprefix("2.25."))
        assert value.bit_length() <= 128
        assert (value >> 76) & 0xF == 8
        assert (value >> 62) & 0x3 == 2
        assert len(uid) <= 64


def test_dates_of_a_patient_move_together() -> None:
    first, _ = run(
        sample(StudyDate="20200110", AcquisitionDateTime="20200131101500.5+0100"), dates="shift"
    )
    second, _ = run(sample(StudyDate="20200120", StudyTime="0815"), dates="shift")
    stranger, _ = run(sample(StudyDate="20200110", PatientID="OTHER"), dates="shift")
    assert int(_days(second.StudyDate) - _days(first.StudyDate)) == 10
    assert first.AcquisitionDateTime[8:] == "101500.5+0100"
    assert int(_days(first.AcquisitionDateTime[:8]) - _days(first.StudyDate)) == 21
    assert second.StudyTime == "0815"
    assert first.StudyDate != "20200110"
    assert stranger.StudyDate != first.StudyDate
    kept, _ = run(sample(StudyDate="20200110"), dates="keep")
    assert kept.StudyDate == "20200110"
    assert kept.LongitudinalTemporalInformationModified == "UNMODIFIED"


def _days(date: str) -> Any:
    return np.datetime64(f"{date[:4]}-{date[4:6]}-{date[6:8]}").astype(int)


@pytest.mark.parametrize("value", ["2020", "202001", "", "19990231"])
def test_dates_that_cannot_move_do_not_stay(value: str) -> None:
    dataset, _ = run(sample(AcquisitionDateTime=value), dates="shift")
    assert str(dataset.get("AcquisitionDateTime", "")) == ""


def test_retained_groups() -> None:
    given: dict[str, object] = {
        "PatientAge": "045Y",
        "PatientWeight": "70",
        "DeviceSerialNumber": "D1",
        "StationName": "CT01",
        "InstitutionName": "St Elsewhere",
        "StationAETitle": "AE1",
    }
    bare, _ = run(sample(**given))
    assert [k for k in given if bare.get(k)] == []
    dataset, _ = run(
        sample(**given), retain_patient=True, retain_device=True, retain_institution=True
    )
    kept = {k: str(dataset.get(k)) for k in given}
    assert kept == {**{k: str(v) for k, v in given.items()}, "StationAETitle": "None"}


def test_private_elements() -> None:
    def plant(dataset: Dataset) -> None:
        block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
        block.add_new(0x0C, "IS", "1000")
        block.add_new(0x0D, "CS", CANARY)
        block.add_new(0x30, "LO", CANARY)
        dataset.private_block(0x0021, CANARY, create=True).add_new(1, "IS", "5")
        item = Dataset()
        item.private_block(0x0023, CANARY, create=True).add_new(1, "LO", CANARY)
        dataset.RealWorldValueMappingSequence = Sequence([item])

    planted = with_elements(sample(), plant)
    bare, _ = run(planted)
    assert not [e for e in bare.iterall() if e.tag.is_private]
    kept, _ = run(planted, retain_safe_private=True)
    private = {e.tag: e.value for e in kept.iterall() if e.tag.is_private}
    assert private == {0x00190010: "SIEMENS MR HEADER", 0x0019100C: 1000}


def test_graphics_and_thumbnails_go() -> None:
    def plant(dataset: Dataset) -> None:
        dataset.add_new(0x60003000, "OW", bytes(8))
        dataset.add_new(0x60000010, "US", 8)
        dataset.add_new(0x60024000, "LT", CANARY)
        dataset.add_new(0x50003000, "OW", bytes(8))
        dataset.IconImageSequence = nested(Rows=4, Columns=4, BitsAllocated=8, PixelData=bytes(16))
        dataset.GraphicAnnotationSequence = nested(
            TextObjectSequence=nested(UnformattedTextValue=CANARY),
            GraphicObjectSequence=nested(GraphicType="POINT", GraphicData=[1.0, 2.0]),
        )

    dataset, _ = run(with_elements(sample(), plant))
    assert not [e for e in dataset if e.tag.group in range(0x5000, 0x6100)]
    assert "IconImageSequence" not in dataset
    assert "GraphicObjectSequence" not in dataset.GraphicAnnotationSequence[0]
    cleaned, _ = run(with_elements(sample(), plant), clean_graphics=True)
    annotation = cleaned.GraphicAnnotationSequence[0]
    assert annotation.GraphicObjectSequence[0].GraphicData == [1.0, 2.0]
    assert CANARY not in str(cleaned)


@pytest.mark.parametrize("signed", [False, True])
def test_overlays_in_unused_bits_go(signed: bool) -> None:
    """The retired kind: bits 12 to 15 of cells whose values have 12."""
    values = np.arange(64, dtype=np.int16).reshape(8, 8) * 30 - (900 if signed else 0)
    drawn = values.astype(np.uint16) ^ np.where(np.eye(8, dtype=bool), 0x5000, 0).astype(np.uint16)

    def plant(dataset: Dataset) -> None:
        dataset.PixelData = drawn.tobytes()
        dataset.BitsStored, dataset.HighBit = 12, 11
        dataset.PixelRepresentation = int(signed)
        dataset.add_new(0x60000102, "US", 14)
        dataset.add_new(0x60000100, "US", 16)

    dataset, report = run(with_elements(sample(), plant))
    cells = np.frombuffer(dataset.PixelData, np.int16).reshape(8, 8)
    assert np.array_equal(cells, values)
    assert report.actions["PixelData.overlay in unused bits", "X"] == 1
    assert 0x60000102 not in dataset


def test_structured_content() -> None:
    name = Dataset()
    name.ValueType, name.PersonName = "PNAME", f"{CANARY}^X"
    text = Dataset()
    text.ValueType, text.TextValue = "TEXT", f"Nodule in left lung of {CANARY} 5mm"
    number = Dataset()
    number.ValueType = "NUM"
    number.ConceptNameCodeSequence = Sequence([code_item("121206", "Distance")])
    content = sample(ContentSequence=Sequence([name, text, number]))
    bare, _ = run(content)
    assert [item.TextValue for item in bare.ContentSequence] == ["REMOVED"]
    cleaned, _ = run(content, clean_structured=True)
    assert [item.ValueType for item in cleaned.ContentSequence] == ["PNAME", "TEXT", "NUM"]
    assert cleaned.ContentSequence[1].TextValue == "Nodule in left lung of 5mm"
    assert cleaned.ContentSequence[0].PersonName == "REMOVED"
    assert cleaned.ContentSequence[2].ConceptNameCodeSequence[0].CodeMeaning == "Distance"


def test_descriptions() -> None:
    given = {"StudyDescription": f"CT CHEST w contrast {CANARY}", "SeriesDescription": CANARY}
    bare, _ = run(sample(**given))
    assert "StudyDescription" not in bare
    cleaned, _ = run(sample(**given), clean_descriptors=True)
    assert cleaned.StudyDescription == "CT CHEST w contrast"
    assert not cleaned.get("SeriesDescription")


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_pixels_are_untouched(syntax: str) -> None:
    content = (
        sample(PatientComments=CANARY)
        if syntax.endswith(".1")
        else build_dicom(
            np.arange(64, dtype=np.uint16).reshape(8, 8),
            syntax=syntax,
            BurnedInAnnotation="NO",
            Modality="CT",
            SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        )
    )
    clean, _ = deidentify(content, PLAIN, KEY)
    assert np.array_equal(load_pixels_raw(clean), load_pixels_raw(content))
    assert read(clean).file_meta.TransferSyntaxUID == syntax


@pytest.mark.parametrize(
    "attributes",
    [
        {"BurnedInAnnotation": "YES"},
        {"BurnedInAnnotation": ""},
        {"BurnedInAnnotation": "MAYBE"},
        {"Modality": "US"},
        {"Modality": "XA"},
        {"Modality": "OT"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.4"},
    ],
)
def test_pixels_that_may_carry_text_are_refused(attributes: dict[str, object]) -> None:
    with pytest.raises(DeidentificationError) as caught:
        run(sample(**attributes))
    assert "--pixels-are-clean" in caught.value.hint
    dataset, _ = run(sample(**attributes), pixels_are_clean=True)
    assert dataset.PatientIdentityRemoved == "YES"


def test_a_recognisable_face_is_noted() -> None:
    _, report = run(sample(RecognizableVisualFeatures="YES"))
    assert any("face" in note for note in report.notes)


def test_what_is_not_taken() -> None:
    with pytest.raises(DeidentificationError, match="encapsulated"):
        run(sample(EncapsulatedDocument=b"%PDF"))
    with pytest.raises((DeidentificationError, ImageError)):
        run(b"nothing of the kind" * 20)
    with pytest.raises(DeidentificationError, match="removed, shifted or kept"):
        DeidentificationOptions(dates="blur")  # type: ignore[arg-type]


def test_the_report_has_no_values() -> None:
    given = {"PatientComments": CANARY, "InstitutionName": CANARY, "StudyID": CANARY}
    _, report = run(sample(**given))
    text = json.dumps(report.to_json())
    assert CANARY not in text
    assert CANARY_UID not in text
    assert "SECRET" not in text
    assert "PatientComments" in text


def test_it_can_be_done_twice() -> None:
    once, _ = deidentify(sample(), PLAIN, KEY)
    twice, _ = deidentify(once, PLAIN, KEY)
    assert read(twice).PatientIdentityRemoved == "YES"


def test_equal_files_give_equal_bytes() -> None:
    content = sample(SOPInstanceUID=f"{CANARY_UID}.9")
    assert deidentify(content, PLAIN, KEY)[0] == deidentify(content, PLAIN, KEY)[0]
