"""A process of its own for decoders that damaged input can crash: GDCM and OpenJPEG.

Run as a script by `safelight.imaging.isolated_decoding`; it imports nothing of Safelight. A line
of JSON and the codestreams come in on standard input, samples go out on standard output:

    {"codec": "gdcm" | "openjpeg", "rows": …, "columns": …, "samples": …, "bits_allocated": …,
     "bits_stored": …, "signed": …, "syntax": …, "photometric": …, "lengths": [bytes a frame]}

and back a line ``{"dtype": numpy's name}`` followed by all frames in C order, little endian.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

_MAX_MEMORY_BYTES = 2**32


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))


def _decode_gdcm(codestream: bytes, header: dict[str, Any]) -> Any:
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(codestream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((header["columns"], header["rows"], 1))
    image.SetDataElement(element)
    photometric = gdcm.PhotometricInterpretation.GetPIType(header["photometric"])
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(photometric))
    if header["samples"] > 1:
        image.SetPlanarConfiguration(0)
    syntax = gdcm.TransferSyntax.GetTSType(header["syntax"])
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    stored = header["bits_stored"]
    image.SetPixelFormat(
        gdcm.PixelFormat(
            header["samples"], header["bits_allocated"], stored, stored - 1, int(header["signed"])
        )
    )
    kind = "i" if header["signed"] else "u"
    # GDCM returns bytes as str
    samples = image.GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(samples, f"<{kind}{header['bits_allocated'] // 8}")


def _decode_openjpeg(codestream: bytes, _header: dict[str, Any]) -> Any:
    import openjpeg

    decoded = openjpeg.decode(codestream)
    return decoded.astype(decoded.dtype.newbyteorder("<"))


def _main() -> None:
    _limit_memory()
    stream = sys.stdin.buffer
    header = json.loads(stream.readline())
    decode = {"gdcm": _decode_gdcm, "openjpeg": _decode_openjpeg}[header["codec"]]
    frames = [decode(stream.read(length), header) for length in header["lengths"]]
    out = sys.stdout.buffer
    out.write(json.dumps({"dtype": frames[0].dtype.str}).encode() + b"\n")
    for frame in frames:
        out.write(frame.tobytes())
    out.flush()


if __name__ == "__main__":
    _main()
