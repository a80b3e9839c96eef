"""What goes in comes out; what must not be there is not."""

from __future__ import annotations

import io
import resource
import uuid
from pathlib import Path

import numpy as np
import pydicom
import pytest
from archive_samples import ALICE, BOB, OPTIONS, ROOT_UID, image, new_archive

from imaging_samples import build_dicom
from safelight.errors import ArchiveError, DeidentificationError, ImageError, InputError
from safelight.imaging import load_pixels_raw
from safelight.imaging.deidentification import DeidentificationOptions
from safelight.vault.archive import create_archive, open_archive, verify_archive
from safelight.vault.archive.url_store import UrlStore


def everything(folder: Path) -> bytes:
    """All bytes and names below a folder."""
    return b"".join(
        str(path).encode() + path.read_bytes() for path in folder.rglob("*") if path.is_file()
    )


def test_put_and_get(tmp_path: Path) -> None:
    content = image(1)
    with new_archive(tmp_path / "a") as archive:
        result = archive.put(content, OPTIONS)
        assert result.is_new
        got, record = archive.get(result.stored.id)
    assert np.array_equal(load_pixels_raw(got), load_pixels_raw(content))
    dataset = pydicom.dcmread(io.BytesIO(got))
    assert dataset.PatientIdentityRemoved == "YES"
    assert dataset.file_meta.TransferSyntaxUID.name.startswith("JPEG 2000 Image Compression (Loss")
    assert record.form == "jpeg2000-lossless"
    assert record.content_bytes == len(got) < len(content)
    assert record.patient.startswith("SL-")


def test_nothing_of_the_patient_is_on_the_disk(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        for number in range(3):
            stored = archive.put(image(number), OPTIONS).stored
            archive.get(stored.id)
        verify_archive(archive)
        uid, patient = stored.record.study_uid, stored.record.patient
    kept = everything(tmp_path)
    for secret in (b"PATIENT-1", b"Secret", ROOT_UID.encode(), uid.encode(), patient.encode(),
                   b"DICM", b"\xff\x4f\xff\x51", stored.record.content_sha256.encode(),
                   bytes.fromhex(stored.record.content_sha256)):  # fmt: skip
        assert secret not in kept


def test_the_same_image_is_stored_once(tmp_path: Path) -> None:
    """Also when it comes in another transfer syntax."""
    pixels = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    given = {"SOPInstanceUID": "1.2.3.4", "BurnedInAnnotation": "NO", "Modality": "CT",
             "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}  # fmt: skip
    native = build_dicom(pixels, **given)
    packed = build_dicom(pixels, encode="1.2.840.10008.1.2.5", **given)
    with new_archive(tmp_path / "a") as archive:
        first, second, third = (archive.put(c, OPTIONS) for c in (native, native, packed))
        assert [r.is_new for r in (first, second, third)] == [True, False, False]
        assert first.stored == second.stored == third.stored
        assert len(list(archive.list())) == 1
    assert len(list((tmp_path / "a/objects").rglob("*.slev"))) == 1


def test_another_version_of_an_instance_is_refused(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        archive.put(image(1), OPTIONS)
        with pytest.raises(InputError, match="another version"):
            archive.put(image(1), DeidentificationOptions(dates="keep"))
        with pytest.raises(InputError, match="another version"):
            archive.put(image(2, SOPInstanceUID=f"{ROOT_UID}.1.1.1"), OPTIONS)
        assert len(list(archive.list())) == 1


def test_lossy(tmp_path: Path) -> None:
    content = image(1, side=256)
    with new_archive(tmp_path / "a") as archive:
        lossless, lossy = archive.put(content, OPTIONS), archive.put(content, OPTIONS, ratio=10)
        got, record = archive.get(lossy.stored.id)
        assert record.sop_instance_uid != lossless.stored.record.sop_instance_uid
        assert record.study_uid == lossless.stored.record.study_uid
        with pytest.raises(ImageError, match="ratio"):
            archive.put(content, OPTIONS, ratio=1000)
    dataset = pydicom.dcmread(io.BytesIO(got))
    assert dataset.LossyImageCompression == "01"
    assert 8 < float(dataset.LossyImageCompressionRatio) < 13
    assert dataset.ImageType[0] == "DERIVED"
    difference = load_pixels_raw(got).astype(int) - load_pixels_raw(content).astype(int)
    assert 0 < np.abs(difference).max() < 60


def test_finding(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        for number, study in ((1, 1), (2, 1), (3, 2)):
            archive.put(image(number, study=study), OPTIONS)
        everything_there = list(archive.list())
        study = archive.replaced_uid(f"{ROOT_UID}.1")
        assert len(everything_there) == 3
        assert len(list(archive.list(study_uid=study))) == 2
        assert len(list(archive.list(series_uid=archive.replaced_uid(f"{ROOT_UID}.2.1")))) == 1
        assert list(archive.list(study_uid=f"{ROOT_UID}.1")) == []
        first = everything_there[0]
        assert archive.find(first.id[:12]) == archive.find(first.id.upper()) == first
        for wrong in ("", "00" * 32, "zz", first.id + "0"):
            with pytest.raises(ArchiveError):
                archive.find(wrong)


def test_deleting(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        stored = [archive.put(image(number), OPTIONS).stored for number in range(2)]
        archive.delete(stored[0].id)
        assert [s.id for s in archive.list()] == [stored[1].id]
        with pytest.raises(ArchiveError, match="no object"):
            archive.get(stored[0].id)
        assert archive.put(image(0), OPTIONS).is_new
        report = verify_archive(archive)
        assert (report.checked, report.failed, report.strays) == (2, (), 0)


def test_a_delete_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        stored = archive.put(image(1), OPTIONS).stored
        with archive.index.writing():
            archive.index.set_leaving(bytes.fromhex(stored.id))
        assert list(archive.list()) == []
        archive.put(image(2), OPTIONS)
        assert len(list(archive.store.names())) == 1
        assert archive.put(image(1), OPTIONS).is_new


@pytest.mark.parametrize("where", [30, 200, -1])
def test_a_changed_object_is_found(tmp_path: Path, where: int) -> None:
    with new_archive(tmp_path / "a") as archive:
        stored = archive.put(image(1), OPTIONS).stored
        path = next((tmp_path / "a/objects").rglob("*.slev"))
        data = bytearray(path.read_bytes())
        data[where] ^= 1
        path.write_bytes(data)
        with pytest.raises(ArchiveError, match="not what was stored"):
            archive.get(stored.id)
        assert verify_archive(archive).failed == (stored.id,)
        path.unlink()
        assert verify_archive(archive).failed == (stored.id,)


def test_exchanged_objects_and_rows_are_found(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        ids = [archive.put(image(number), OPTIONS).stored.id for number in range(2)]
        paths = [tmp_path / "a/objects" / i[:2] / f"{i}.slev" for i in ids]
        data = [path.read_bytes() for path in paths]
        for path, other in zip(paths, reversed(data), strict=True):
            path.write_bytes(other)
        assert set(verify_archive(archive).failed) == set(ids)
        first, second = archive.index.rows()
        with archive.index.writing():
            archive.index.set_record(first.id, second.record)
        with pytest.raises(ArchiveError, match="row of the index"):
            list(archive.list())


def test_strays_are_cleaned(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        archive.put(image(1), OPTIONS)
        archive.store.write("ab" * 32, b"a put that was killed before its row")
        (tmp_path / "a/objects/ab" / ".x.slev.00.part").write_bytes(b"killed earlier")
        assert verify_archive(archive).strays == 2
        assert verify_archive(archive, clean=True).strays == 2
        assert verify_archive(archive).strays == 0
        assert len(list(archive.list())) == 1


def test_refused_files_leave_nothing(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        before = everything(tmp_path)
        with pytest.raises(DeidentificationError):
            archive.put(image(1, BurnedInAnnotation="YES"), OPTIONS)
        with pytest.raises(InputError):
            archive.put(image(1)[:-100], OPTIONS)
        with pytest.raises(InputError):
            archive.put(b"not DICOM", OPTIONS)
        assert everything(tmp_path) == before


def test_only_recipients_open_an_archive(tmp_path: Path) -> None:
    new_archive(tmp_path / "a").close()
    with pytest.raises(ArchiveError, match="does not open"):
        open_archive(tmp_path / "a", [BOB])
    with pytest.raises(ArchiveError, match="is not an archive"):
        open_archive(tmp_path, [ALICE])
    with pytest.raises(ArchiveError, match="not empty"):
        create_archive(tmp_path / "a", [ALICE.public_key])


def test_operations_ask_for_permission(tmp_path: Path) -> None:
    asked: list[tuple[str, bool]] = []

    def permit(action: str, study: str) -> None:
        asked.append((action, bool(study)))
        if action == "get":
            raise ArchiveError("not allowed")

    create_archive(tmp_path / "a", [ALICE.public_key])
    with open_archive(tmp_path / "a", [ALICE], permit=permit) as archive:
        stored = archive.put(image(1), OPTIONS).stored
        with pytest.raises(ArchiveError, match="not allowed"):
            archive.get(stored.id)
        list(archive.list())
        archive.delete(stored.id)
    assert asked == [("put", True), ("get", True), ("list", False), ("delete", True)]


def test_objects_without_pixels(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(io.BytesIO(image(1)))
    del dataset.PixelData
    out = io.BytesIO()
    dataset.save_as(out)
    with new_archive(tmp_path / "a") as archive:
        stored = archive.put(out.getvalue(), OPTIONS).stored
        assert (stored.record.form, stored.record.pixel_sha256) == ("not decoded", "")
        assert archive.get(stored.id)[0][128:132] == b"DICM"


def test_objects_under_a_url(tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    url = f"memory://safelight-{uuid.uuid4().hex}/objects"
    with new_archive(tmp_path / "a", url=url) as archive:
        ids = [archive.put(image(number), OPTIONS).stored.id for number in range(3)]
        assert not (tmp_path / "a/objects").exists()
        archive.delete(ids[0])
        assert sorted(archive.store.names()) == sorted(ids[1:])
        assert verify_archive(archive).checked == 2
        archive.store.remove(ids[1])
        with pytest.raises(ArchiveError, match="remote store refused"):
            archive.get(ids[1])
    with open_archive(tmp_path / "a", [ALICE]) as archive:
        assert archive.get(ids[2])[0]


@pytest.mark.parametrize("url", ["s3://user:secret@bucket/x", "nosuchthing://x/y"])
def test_urls_that_are_refused(tmp_path: Path, url: str) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    with pytest.raises(ArchiveError) as caught:
        create_archive(tmp_path / "a", [ALICE.public_key], url=url)
    assert "secret" not in str(caught.value)
    assert list((tmp_path / "a").iterdir()) == []


def test_a_store_that_can_rename_keeps_the_old_object(tmp_path: Path) -> None:
    """As over SFTP: a write that is cut off leaves what was there, and a stray at most."""
    pytest.importorskip("fsspec")
    store = UrlStore(f"file://{tmp_path}/objects")
    name = 64 * "a"
    store.write(name, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(ArchiveError):
            store.write(name, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert store.read(name) == b"old"
    store.write(name, b"new")
    assert store.read(name) == b"new"
    assert [found for found in store.names() if found != name] == []
