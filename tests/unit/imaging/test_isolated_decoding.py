"""Decoding in another process: it decodes, and its death is an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging_samples import build_picture
from safelight.errors import ImageError
from safelight.imaging.isolated_decoding import CodestreamKind, decode_isolated

RGB = np.random.default_rng(1).integers(0, 256, (40, 48, 3), dtype=np.uint8)
KIND = CodestreamKind(
    codec="openjpeg", rows=40, columns=48, samples=3, bits_allocated=8, bits_stored=8,
    signed=False, syntax="1.2.840.10008.1.2.4.90", photometric="RGB",
)  # fmt: skip


def test_frames() -> None:
    streams = [build_picture(frame, "JPEG2000", no_jp2=True) for frame in (RGB, 255 - RGB)]
    assert np.array_equal(decode_isolated(streams, KIND), np.stack([RGB, 255 - RGB]))


@pytest.mark.parametrize("codec", ["openjpeg", "gdcm"])
def test_no_codestream(codec: str) -> None:
    kind = CodestreamKind(**{**vars(KIND), "codec": codec})
    with pytest.raises(ImageError, match="cannot be decoded") as caught:
        decode_isolated([b"\xff\xd8 neither one nor the other"], kind)
    assert caught.value.hint


@pytest.mark.parametrize(
    "program",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "import time; time.sleep(60)",
        'print(\'{"dtype": "|u1"}\')',
        'print(\'{"dtype": "|O"}\')',
    ],
    ids=["crashes", "hangs", "gives nothing", "gives objects"],
)
def test_a_decoder_that(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "decoder.py"
    script.write_text(program, encoding="utf-8")
    monkeypatch.setattr("safelight.imaging.isolated_decoding._PROGRAM", script)
    monkeypatch.setattr("safelight.imaging.isolated_decoding._TIMEOUT_S", 1.0)
    with pytest.raises(ImageError, match="cannot be decoded"):
        decode_isolated([b"anything"], KIND)
