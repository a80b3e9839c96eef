"""A DICOM file in, a de-identified one out.

1. Read; refuse what cannot be de-identified: encapsulated documents, pixels that may carry text.
2. Walk the data set with `safelight.imaging.deidentification.walk`.
3. Give the patient a pseudonym; state what was done (PS3.15 E.1.1 step 6, CID 7050).
4. Write with a clear preamble and new file meta information.
"""

from __future__ import annotations

import hashlib
import io

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from safelight.errors import DeidentificationError
from safelight.imaging.deidentification.burned_in import check_burned_in
from safelight.imaging.deidentification.codestream_comments import without_comments
from safelight.imaging.deidentification.embedded_overlays import (
    clear_unused_bits,
    has_embedded_overlay,
)
from safelight.imaging.deidentification.identifier_key import IdentifierKey
from safelight.imaging.deidentification.method_codes import method_codes, temporal_information
from safelight.imaging.deidentification.options import DeidentificationOptions
from safelight.imaging.deidentification.profile import EDITION
from safelight.imaging.deidentification.report import DeidentificationReport
from safelight.imaging.deidentification.walk import Walk
from safelight.imaging.dicom import translated
from safelight.imaging.dicom_meta import check_deflated
from safelight.imaging.dicom_syntaxes import NATIVE

IMPLEMENTATION_UID = "2.25.247180614403410968411205541427437905961"
_IMPLEMENTATION_NAME = "SAFELIGHT"
_PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_VISUAL_FEATURES_NOTE = (
    "a face may be recognisable in the pixels: the file says so (Recognizable Visual Features)"
)
_WORD_NOTE = "that no text is in the pixels is the word of the person who ran this"


def deidentify(
    content: bytes, options: DeidentificationOptions, key: IdentifierKey
) -> tuple[bytes, DeidentificationReport]:
    """Removes what tells who the patient is.

    Args:
        content: Of a DICOM file.
        options: What to retain and to clean.
        key: Of replacements; the same key gives the same replacements.

    Returns:
        The new file, in the same transfer syntax, and what was done.

    Raises:
        DeidentificationError: not a DICOM object, or one that is refused.

    **Security**: pixels are not changed. A face can be reconstructed from a head CT or MR; a
    number can be scratched into a film. The table is what the standard knows, no proof.
    """
    dataset = _read(content)
    report = DeidentificationReport(EDITION, options.to_json())
    with translated("the DICOM file"):
        has_pixels = any(keyword in dataset for keyword in _PIXEL_KEYWORDS)
        check_burned_in(dataset, has_pixels=has_pixels, pixels_are_clean=options.pixels_are_clean)
        patient = _patient(dataset)
        sop_class = str(dataset.get("SOPClassUID") or "")
        if str(dataset.get("RecognizableVisualFeatures") or "").strip() == "YES":
            report.note(_VISUAL_FEATURES_NOTE)
        _drop_embedded_overlays(dataset, report)
        Walk(options, key, sop_class, patient, report).dataset(dataset)
        if not dataset.get("SOPInstanceUID"):
            dataset.SOPInstanceUID = key.uid(hashlib.sha256(content).hexdigest())
        _drop_comments(dataset, report)
        _state(dataset, options, key.pseudonym(patient), has_pixels=has_pixels)
        if has_pixels and options.pixels_are_clean:
            report.note(_WORD_NOTE)
        return _write(dataset), report


def _read(content: bytes) -> Dataset:
    check_deflated(content)
    with translated("the DICOM file"):
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        if not dataset.get("SOPClassUID"):
            raise DeidentificationError(
                "the file is not a DICOM object with a SOP class",
                hint="directories and other files are not taken",
            )
        syntax = UID(dataset.file_meta.get("TransferSyntaxUID", ""))
        if syntax and (syntax.is_private or not syntax.is_transfer_syntax):
            raise DeidentificationError(
                "the file's transfer syntax is not one that we write",
                hint="export it uncompressed, or as JPEG 2000, JPEG-LS or RLE",
            )
    if "EncapsulatedDocument" in dataset:
        raise DeidentificationError(
            "an encapsulated document cannot be de-identified",
            hint="its pages may name the patient anywhere",
        )
    return dataset


def _patient(dataset: Dataset) -> str:
    """What tells patients apart: the identifier with its issuer, else name, else the study."""
    identifier = str(dataset.get("PatientID") or "").strip()
    if identifier:
        return f"{identifier}\0{str(dataset.get('IssuerOfPatientID') or '').strip()}"
    name = str(dataset.get("PatientName") or "").strip()
    if name:
        return f"\0\0{name}\0{str(dataset.get('PatientBirthDate') or '').strip()}"
    return f"\0\0\0{dataset.get('StudyInstanceUID') or dataset.get('SOPInstanceUID') or ''}"


def _state(
    dataset: Dataset, options: DeidentificationOptions, pseudonym: str, *, has_pixels: bool
) -> None:
    dataset.PatientName = dataset.PatientID = pseudonym
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = f"Safelight, {EDITION}"[:64]
    dataset.DeidentificationMethodCodeSequence = Sequence(
        _code(value, meaning) for value, meaning in method_codes(options)
    )
    dataset.LongitudinalTemporalInformationModified = temporal_information(options)
    if has_pixels and options.pixels_are_clean:
        dataset.BurnedInAnnotation = "NO"


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _drop_embedded_overlays(dataset: Dataset, report: DeidentificationReport) -> None:
    if "PixelData" not in dataset or not has_embedded_overlay(dataset):
        return
    _, little = dataset.original_encoding
    syntax = UID(dataset.file_meta.get("TransferSyntaxUID", ""))
    native = not syntax or syntax in NATIVE
    if not native or not clear_unused_bits(dataset, little_endian=little is not False):
        raise DeidentificationError(
            "an overlay in the pixel cells cannot be removed",
            hint="export the image without overlays",
        )
    report.record(("PixelData", "overlay in unused bits"), "X")


def _drop_comments(dataset: Dataset, report: DeidentificationReport) -> None:
    """Removes comments from compressed frames; the samples are not touched."""
    syntax = UID(dataset.file_meta.get("TransferSyntaxUID", ""))
    if "PixelData" not in dataset or not syntax or not syntax.is_compressed:
        return
    if syntax.is_deflated or syntax == RLELossless:
        return
    count = int(dataset.get("NumberOfFrames") or 1)
    offsets = None
    if "ExtendedOffsetTable" in dataset:
        offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    frames = list(
        generate_frames(dataset.PixelData, number_of_frames=count, extended_offsets=offsets)
    )
    bare = [without_comments(frame) for frame in frames]
    if all(new is old for new, old in zip(bare, frames, strict=True)):
        return
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.PixelData = encapsulate(bare)
    report.record(("PixelData", "comments in codestreams"), "X")


def _write(dataset: Dataset) -> bytes:
    old = getattr(dataset, "file_meta", None) or FileMetaDataset()
    # nothing of the old group 2: it may name application entities and hold private information
    meta = FileMetaDataset()
    stated = UID(old.get("TransferSyntaxUID", ""))
    meta.TransferSyntaxUID = stated or _syntax_as_read(dataset)
    meta.MediaStorageSOPClassUID = UID(dataset.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = UID(dataset.SOPInstanceUID)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = _IMPLEMENTATION_NAME
    dataset.file_meta = meta
    dataset.preamble = bytes(128)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _syntax_as_read(dataset: Dataset) -> UID:
    """Of a file that does not state its transfer syntax."""
    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    if little is False:
        return ExplicitVRBigEndian
    return ExplicitVRLittleEndian
