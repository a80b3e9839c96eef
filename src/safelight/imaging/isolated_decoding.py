"""Decoding in a process of its own, so that a crash in a codec is an error and not our end.

Damaged JPEG data was seen to crash GDCM (segmentation fault, by fuzzing), and OpenJPEG before
2.5.4 has known faults. Only codestreams that Pillow and CharLS do not take come here: lossless
and 12-bit JPEG, High-Throughput JPEG 2000, and JPEG 2000 of more than 8 bits in colour.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from safelight.errors import ImageError
from safelight.imaging.decoding_errors import DAMAGED_HINT
from safelight.imaging.image import Samples

_PROGRAM = Path(__file__).with_name("decoder_process.py")
_TIMEOUT_S = 120.0
_DTYPES = ("|u1", "|i1", "<u2", "<i2", "<u4", "<i4")


@dataclass(frozen=True)
class CodestreamKind:
    """What the decoder must know of all codestreams.

    Args:
        codec: Which library decodes.
        rows: Of a frame.
        columns: Of a frame.
        samples: A pixel, 1 or 3.
        bits_allocated: A sample, 8 or 16.
        bits_stored: A sample.
        signed: Whether in two's complement.
        syntax: DICOM transfer syntax UID.
        photometric: DICOM photometric interpretation.
    """

    codec: Literal["gdcm", "openjpeg"]
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    syntax: str
    photometric: str


def decode_isolated(codestreams: Sequence[bytes], kind: CodestreamKind) -> Samples:
    """Samples ``[frames, rows, columns, samples]``.

    Raises:
        ImageError: the decoder refused, crashed, took too long, or gave another number of samples.
    """
    header = {**asdict(kind), "lengths": [len(codestream) for codestream in codestreams]}
    sent = json.dumps(header).encode() + b"\n" + b"".join(codestreams)
    try:
        # -P keeps this folder's file names from hiding other modules
        answer = subprocess.run(  # noqa: S603 - our own interpreter and file
            [sys.executable, "-P", str(_PROGRAM)],
            input=sent,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        # from None: the exception holds what was received, which is pixels
        raise _undecodable() from None
    first_line, _, samples = answer.stdout.partition(b"\n")
    shape = (len(codestreams), kind.rows, kind.columns, kind.samples)
    if answer.returncode != 0:
        raise _undecodable()
    dtype = json.loads(first_line)["dtype"]
    if dtype not in _DTYPES or len(samples) != np.dtype(dtype).itemsize * int(np.prod(shape)):
        raise _undecodable()
    decoded: Samples = np.frombuffer(samples, dtype).reshape(shape)
    return decoded


def _undecodable() -> ImageError:
    return ImageError("the pixel data cannot be decoded", hint=DAMAGED_HINT)
