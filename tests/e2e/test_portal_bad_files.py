"""Every bad file of the Python tests gives a sentence in the page, and is not sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from portal_browser import PortalTab

from bad_inputs import BAD_DICOM, BAD_NIFTI, BAD_PICTURES, BAD_RECORDS, BAD_TABLES, PATIENT

NIFTI = {name: content for name, (content, _) in BAD_NIFTI.items()}
TABLES = {name: content for name, (content, _) in BAD_TABLES.items()}
GROUPS = {
    "dicom": BAD_DICOM,
    "pictures": BAD_PICTURES,
    "nifti": NIFTI,
    "tables": TABLES,
    "records": BAD_RECORDS,
}
# What the page keeps: the faults of these show where the pixels are read, and the values bounded.
KEPT = {
    "frames.dcm": "cut short",
    "larger-inside.dcm": "damaged",
    "smaller-inside.dcm": "another size",
    "slope.dcm": "rescale slope",
    "units.csv": "beyond",
}
# Where the reason must be named, and not only that there is one.
REASONS = {
    "cut.dcm": "damaged or cut short",
    "cut-a-little.dcm": "damaged or cut short",
    "deflated.dcm": "damaged or cut short",
    "syntax.dcm": "transfer syntax 1.2.840.10008.1.2.9",
    "no-pixels.dcm": "holds no image",
    "zero.dcm": "no pixels",
    "absurd.dcm": "more than the limit",
    "absurd.png": "more than the limit",
    "empty.png": "empty",
    "page.pdf": "Give a DICOM, PNG or JPEG",
    "moving.gif": "Give a DICOM, PNG or JPEG",
    "cut-0.9.jpeg": "cut short",
    "cut-0.9.tiff": "Python client only",
    "cut.nii.gz": "Python client only",
    "short.csv": "29 features where the model takes 30",
    "word.csv": "column 1",
    "ragged.csv": "Record 2",
}
BATCH = 5  # as many as the page shows at once


def sentence_for(tab: PortalTab, name: str) -> str:
    """What the page says of a file: where it was added, shown, or analysed."""
    if name not in KEPT:
        said = tab.page.locator(".messages > div").filter(
            has=tab.page.get_by_text(name, exact=True)
        )
        return str(said.locator(".problem p").inner_text())
    tab.page.locator(".worklist .study").filter(has_text=name).first.click()
    tab.analyse()
    tab.page.wait_for_selector("#result .problem")
    analysed = str(tab.page.inner_text("#result .problem p"))
    if name.endswith(".dcm"):
        tab.page.wait_for_selector(".viewer .problem")
        assert tab.page.inner_text(".viewer .problem p") == analysed
    return analysed


@pytest.mark.parametrize("group", GROUPS)
def test_portal_says_what_is_wrong_with_a_file(group: str, tab: PortalTab, tmp_path: Path) -> None:
    files = list(GROUPS[group].items())
    for name, content in files:
        (tmp_path / name).write_bytes(content)
    sent = len(tab.uploaded_keys())
    for first in range(0, len(files), BATCH):
        names = [name for name, _ in files[first : first + BATCH]]
        refused = [name for name in names if name not in KEPT]
        tab.add(*(tmp_path / name for name in names))
        for name in names:
            where = ".worklist .study" if name in KEPT else ".problem-name"
            tab.page.wait_for_selector(f"{where} >> text={name}")
        for name in names:
            said = sentence_for(tab, name)
            assert said.endswith("."), (name, said)
            assert "unforeseen" not in said, (name, said)
            assert "Mustermann" not in said
            assert PATIENT not in said
            assert (KEPT | REASONS).get(name, "") in said, (name, said)
        messages = tab.page.locator(".messages > div:has(.problem-name)")
        assert messages.count() == len(refused)
        for _ in refused:
            messages.get_by_role("button", name="Dismiss").first.click()
    kept = tab.page.locator(".worklist .study .name").all_inner_texts()
    assert set(kept) <= set(KEPT)
    assert len(tab.uploaded_keys()) == sent  # nothing was made for a file that cannot be read
    tab.assert_clean()
