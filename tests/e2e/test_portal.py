"""The portal's flow in a headless Chromium, against a real service and the Python client."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from portal_browser import FAST, PASSPHRASE, RECORDS, PortalTab, second_tab
from pydicom.uid import RLELossless
from test_diagnose import chest

from imaging_samples import build_dicom
from safelight.ckks.key_file import save_key_file
from safelight.ckks.secret import SecretKeys
from safelight.client.client import Client
from safelight.client.receipt import verify_receipt
from safelight.models.registry import compiled_model
from service_harness import ServiceProcess

HELD_OUT = (
    Path(__file__).parent.parent.parent / "src/safelight/models/shipped/wdbc-logistic/held_out.csv"
)
# Both sides round to three decimals, so noise may move the last one by one.
TOLERANCE = 1e-3 + 1e-9
KEPT = ("secret", "study", "file")
PLANT = """(planted) => new Promise((done) => {
  const open = indexedDB.open("safelight");
  open.onsuccess = () => {
    const db = open.result;
    const items = db.transaction("items", "readwrite").objectStore("items");
    if (planted === null) items.delete("planted");
    else items.put(Array.isArray(planted) ? Uint8Array.from(planted) : planted, "planted");
    items.transaction.oncomplete = () => (db.close(), done());
  };
})"""
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A radiograph as DICOM and JPEG, and five records."""
    folder = tmp_path_factory.mktemp("inputs")
    image = chest(os.environ.get("SAFELIGHT_DATA"))
    PIL.Image.fromarray(image).save(folder / "chest.jpeg", quality=92)
    (folder / "chest.dcm").write_bytes(build_dicom(image, photometric="MONOCHROME2"))
    lines = HELD_OUT.read_text().splitlines()
    (folder / "five.csv").write_text("\n".join(lines[:6]) + "\n")
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def python_client(service: ServiceProcess) -> Iterator[Client]:
    """The Python client, with keys of its own."""
    token = service.client("python").token
    with Client(service.url, token, service_key=service.public_key) as client:
        yield client


@pytest.mark.parametrize(
    ("name", "model"), [("chest.dcm", FAST), ("chest.jpeg", FAST), ("five.csv", RECORDS)]
)
def test_portal_answers_as_the_python_client(
    name: str,
    model: str,
    files: dict[str, Path],
    service: ServiceProcess,
    python_client: Client,
    tab: PortalTab,
) -> None:
    tab.add_one(files[name])
    tab.screenshot(f"{name}-added")
    tab.analyse()
    finding = tab.wait_for_result()
    tab.screenshot(f"{name}-result")
    assert "Research use, not a medical device" in tab.page.inner_text("header.bar")
    assert "Signature checked" in tab.page.inner_text("#result")

    report = tab.report()
    expected = [one.probability for one in python_client.diagnose(model, [files[name]])]
    found = [one["probability"] for one in report["findings"]]
    assert len(found) == len(expected)
    assert np.abs(np.array(found) - np.array(expected)).max() <= TOLERANCE
    assert report["findings"][0]["finding"] == finding
    assert report["level"] == "homomorphic"
    assert report["request_bytes"] <= 200_000
    assert len(report["receipts"]) == 1
    for receipt in report["receipts"]:  # and what the service signed can be checked later
        assert verify_receipt(receipt, service.public_key.hex()).level == "homomorphic"
    assert (picture_in(tab) is None) == (model == RECORDS)
    tab.assert_clean()


def pdf_report(tab: PortalTab) -> bytes:
    """The report as a person downloads it."""
    with tab.page.expect_download() as download:
        tab.page.get_by_role("button", name="Report (PDF)").click()
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"%PDF-1.4")
    assert content.rstrip().endswith(b"%%EOF")
    return content


def picture_in(tab: PortalTab) -> NDArray[np.uint8] | None:
    """The samples of the picture in the PDF report, if it has one."""
    content = pdf_report(tab)
    found = re.search(rb"/Filter /FlateDecode /Length (\d+) >>\nstream\n", content)
    if found is None:
        return None
    return np.frombuffer(zlib.decompress(content[found.end() :][: int(found[1])]), np.uint8)


def assert_name_is_drawn(content: bytes) -> None:
    """A name that the standard fonts cannot write is a stencil, 0 for ink."""
    stencil = re.search(rb"/Height (\d+) /ImageMask true [^>]*/Length (\d+) >>\nstream\n", content)
    assert stencil is not None
    dots = np.frombuffer(content[stencil.end() :][: int(stencil[2])], np.uint8)
    dots = np.unpackbits(dots).reshape(int(stencil[1]), -1)
    assert 0.02 < 1 - dots.mean() < 0.5
    assert dots[0].all()  # nothing is cut off at the top
    assert dots[-1].all()


def test_portal_reports_the_frame_on_the_screen(tab: PortalTab, tmp_path: Path) -> None:
    """As it is shown, and only beside the finding that is of this very frame."""
    grey = np.arange(64, dtype=np.uint8) * np.ones((64, 1), np.uint8)
    frames = np.stack([grey, 200 - grey // 8, grey // 2])  # the middle one is analysed
    path = tmp_path / "Łukasz Żółć.dcm"
    content = build_dicom(frames, frames=3, encode=RLELossless)
    first = content.index(b"\x01\0\0\0\x40\0\0\0")  # one segment, behind the header
    path.write_bytes(content[:first] + b"\x09" + content[first + 1 :])
    tab.add_one(path)
    tab.analyse()
    tab.wait_for_result()
    picture = picture_in(tab)
    assert picture is not None
    assert picture.size == 64 * 64  # grey, a byte a pixel
    assert np.median(picture) == pytest.approx(np.median(frames[1]), abs=2)
    tab.page.get_by_role("button", name="Invert").click()
    inverted = picture_in(tab)
    assert inverted is not None
    assert np.array_equal(inverted, 255 - picture)
    tab.page.locator("canvas").focus()
    tab.page.keyboard.press("ArrowRight")
    tab.page.wait_for_selector("text=Frame 3 of 3")
    assert picture_in(tab) is None
    tab.page.locator("canvas").focus()  # where the report's button has it now
    tab.page.keyboard.press("ArrowLeft")
    tab.page.wait_for_selector(".frames >> text=Frame 2 of 3")
    again = picture_in(tab)
    assert again is not None
    assert np.array_equal(again, inverted)
    assert_name_is_drawn(pdf_report(tab))
    # of the first frame, which is damaged, there is a sentence, and no picture of another
    tab.page.locator("canvas").focus()
    tab.page.keyboard.press("ArrowLeft")
    tab.page.wait_for_selector(".viewer .problem")
    tab.page.wait_for_selector(".frames >> text=Frame 1 of 3")
    assert picture_in(tab) is None


def test_portal_takes_the_python_clients_key_file(
    files: dict[str, Path], open_tab: Any, tmp_path: Path
) -> None:
    _, compiled = compiled_model(RECORDS)
    keys = SecretKeys.generate(compiled.signature.parameters)
    save_key_file(keys, tmp_path / "clinic.key", "made by Python")
    tab: PortalTab = open_tab().set_up()
    tab.page.get_by_role("button", name="Keys", exact=True).click()
    tab.page.set_input_files("dialog input[type=file]", str(tmp_path / "clinic.key"))
    tab.page.get_by_label("Passphrase of the key file").fill("not this one")
    tab.page.locator("dialog form button").click()
    assert "passphrase is wrong" in tab.problem()
    tab.page.get_by_label("Passphrase of the key file").fill("made by Python")
    tab.page.locator("dialog form button").click()
    tab.page.wait_for_selector(f"dialog >> text={keys.epoch.hex()}")
    tab.screenshot("keys-dialog")
    tab.page.keyboard.press("Escape")
    tab.add_one(files["five.csv"])
    tab.analyse()
    assert tab.wait_for_result() in ("benign", "malignant")


def test_portal_record_form(tab: PortalTab) -> None:
    names, first = HELD_OUT.read_text().splitlines()[:2]
    tab.page.get_by_role("button", name="Enter a record").click()
    for name, value in zip(names.split(","), first.split(","), strict=False):
        field = tab.page.get_by_label(name, exact=True)
        if field.count():
            field.fill(value)
    tab.screenshot("form")
    tab.page.get_by_role("button", name="Add to the worklist").click()
    tab.page.wait_for_selector(".worklist li.chosen >> text=Record")
    tab.analyse()
    assert tab.wait_for_result() in ("benign", "malignant")


def test_portal_on_a_phone(files: dict[str, Path], tab: PortalTab) -> None:
    tab.page.set_viewport_size(PHONE)
    tab.page.get_by_role("tab", name="Worklist").click()
    tab.add_one(files["chest.dcm"])
    tab.screenshot("phone-worklist")
    tab.page.get_by_role("tab", name="Image").click()
    tab.page.wait_for_selector("canvas")
    tab.screenshot("phone-image")
    tab.page.get_by_role("tab", name="Result").click()
    tab.analyse()
    assert tab.wait_for_result() in ("normal", "pneumonia")
    tab.screenshot("phone-result")
    wide = tab.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]


def test_portal_viewer_by_keyboard(files: dict[str, Path], tab: PortalTab) -> None:
    tab.add_one(files["chest.dcm"])
    canvas = tab.page.locator("canvas")
    canvas.focus()
    tab.page.wait_for_selector(".overlay.end:not(:has-text('100 %'))")  # fitted
    before = tab.page.inner_text(".overlay.end")
    for key in ("+", "]", "}", "W", "b", "Shift+ArrowLeft"):
        tab.page.keyboard.press(key)
    assert tab.page.inner_text(".overlay.end") != before
    tab.page.keyboard.press("i")
    assert tab.page.get_by_role("button", name="Invert").get_attribute("aria-pressed") == "true"
    tab.screenshot("viewer-inverted")
    tab.page.keyboard.press("r")
    assert tab.page.inner_text(".overlay.end") == before


def test_portal_worklist_is_kept_and_encrypted(
    files: dict[str, Path], tab: PortalTab, tmp_path: Path
) -> None:
    kept = tmp_path / "kept-of-4711.csv"
    kept.write_bytes(files["five.csv"].read_bytes())
    tab.add_one(kept)
    tab.analyse()
    tab.wait_for_result()
    tab.page.reload()
    tab.unlock()
    tab.page.wait_for_selector(f".worklist li >> text={kept.name}")

    # what lies in the browser's database is sealed: file, name, result, token and keys
    _, record, *_ = kept.read_text().splitlines()
    clear = [kept.name, record[:40], "findings", "malignant", tab.token, PASSPHRASE]

    def readable() -> list[str]:
        everything = b"".join(tab.stored().values())
        encodings = ("utf-8", "utf-16-le")
        return [text for text in clear if any(text.encode(one) in everything for one in encodings)]

    stores = [name.split("/")[:2] for name in tab.stored()]
    kinds = {"/".join(parts) for parts in stores}
    assert kinds == {"vault/header", "items/connection", *(f"items/{k}" for k in KEPT)}
    assert readable() == []
    for planted in (list(record.encode()), {"name": kept.name}):
        tab.page.evaluate(PLANT, planted)
        assert len(readable()) == 1  # so what is in clear would have been found
    tab.page.evaluate(PLANT, None)

    tab.page.get_by_role("button", name=f"Delete: {kept.name}").click()
    tab.page.get_by_role("button", name="Yes, go on").click()
    tab.page.wait_for_selector(f".worklist li >> text={kept.name}", state="detached")


def test_portal_is_taken_over_in_the_middle_of_an_analysis(
    files: dict[str, Path], open_tab: Any
) -> None:
    tab: PortalTab = open_tab().set_up()
    tab.add_one(files["five.csv"])
    held: list[Any] = []
    tab.page.route("**/v1/inferences/*/result", lambda route: held.append(route))  # never answered
    tab.analyse()
    tab.page.wait_for_function("() => document.querySelector('#result .progress') !== null")
    while not held:
        tab.page.wait_for_timeout(20)
    with second_tab(tab) as other:
        other.page.goto(other.url)
        other.page.wait_for_selector("text=Safelight is open in another tab")
        other.screenshot("other-tab")
        other.page.get_by_role("button", name="Use it in this tab").click()
        other.page.wait_for_selector("text=Unlock")
        tab.page.wait_for_selector("text=Safelight moved to another tab")
        other.unlock()
        # the request that was accepted is answered here, and was not made again
        assert other.wait_for_result() in ("benign", "malignant")
        assert [r for r in other.requests if r.method == "POST"] == []
        assert other.uploaded_keys() == []
