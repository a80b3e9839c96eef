"""A model's public part as an ONNX file: run in the clear at the clinic, pinned by its hash.

The signature has the file's SHA-256; the file itself comes to the clinic beside the signature and
lies in a folder of public parts. It is data: ONNX Runtime computes with it, nothing in it runs.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from safelight.errors import ImageError, InputError, MalformedError
from safelight.imaging.image import Pixels

FOLDER_VARIABLE = "SAFELIGHT_PUBLIC_PARTS"
MAX_BACKBONE_BYTES = 2 << 30
MAX_TEXT = 200
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class PublicBackbone:
    """An ONNX model with one input ``[1, C, H, W]`` and one output.

    Args:
        name: For people, such as ``densenet121``.
        does: What it does, in words.
        sha256: Of the file, in hex.
        divisor: Its output is divided by this, so that values are of the order of one.
    """

    name: str
    does: str
    sha256: str
    divisor: float
    NAME: ClassVar[str] = "public_backbone"

    def __post_init__(self) -> None:
        for text in (self.name, self.does):
            if not 0 < len(text) <= MAX_TEXT or not text.isprintable():
                raise MalformedError(f"{self.NAME} has no readable name or description")
        if not _DIGEST.fullmatch(self.sha256):
            raise MalformedError(f"{self.NAME} has no SHA-256 in hex")
        if not (np.isfinite(self.divisor) and self.divisor > 0.0):
            raise MalformedError(f"{self.NAME} has a divisor that is not positive")

    def apply(self, planes: Pixels) -> Pixels:
        """``[C, H, W]`` to the shape that the model gives, without its batch.

        Raises:
            InputError: The file is not here, or ONNX Runtime is not installed.
            ImageError: The model does not take this image.
        """
        return run_backbone(_session(find_public_part(self.sha256)), planes) / self.divisor


def public_parts_folder() -> Path:
    """Where public parts lie: ``SAFELIGHT_PUBLIC_PARTS``, or a folder of the person's."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path.home() / ".local/share/safelight/public-parts"


def add_public_part(path: str | Path) -> str:
    """Copies a file to the folder, under its hash.

    Returns:
        The SHA-256 in hex.

    Raises:
        InputError: It cannot be read, or is too large.
    """
    try:
        source = Path(path)
        if source.stat().st_size > MAX_BACKBONE_BYTES:
            raise InputError(f"the public part is above {MAX_BACKBONE_BYTES} bytes")
        return store_public_part(source.read_bytes())
    except OSError as exc:
        raise InputError(
            "the public part cannot be read", hint="give the .onnx file that came with the model"
        ) from exc


def store_public_part(content: bytes) -> str:
    """As `add_public_part`, from bytes."""
    digest = hashlib.sha256(content).hexdigest()
    folder = public_parts_folder()
    target = folder / f"{digest}.onnx"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        # whole or not at all: another process may look for it
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as part:
            part.write(content)
        Path(part.name).replace(target)
    return digest


def find_public_part(sha256: str) -> Path:
    """The file with this hash.

    Raises:
        InputError: It is not in the folder, or was changed there.
    """
    path = public_parts_folder() / f"{sha256}.onnx"
    if not path.is_file():
        raise InputError(
            f"the model's public part {sha256[:16]}… is not on this machine",
            hint="get its .onnx file from the model's maker and give it with --public-part FILE",
        )
    return path


def run_backbone(session: Any, planes: Pixels) -> Pixels:
    """One image through a session, float64."""
    given = session.get_inputs()[0]
    kind = np.float64 if given.type == "tensor(double)" else np.float32
    try:
        (output,) = session.run(None, {given.name: planes[np.newaxis].astype(kind)})
    except Exception as exc:  # ONNX Runtime's errors share no base class of their own
        raise ImageError(
            f"the public part does not take an input {list(planes.shape)}",
            hint="the model's preprocessing and its public part do not go together",
        ) from exc
    values: Pixels = np.asarray(output, dtype=np.float64)[0]
    if not np.isfinite(values).all():
        raise ImageError("the public part gives values that are not finite for this image")
    return values


def session_of(content: bytes) -> Any:
    """An ONNX Runtime session on the CPU.

    Raises:
        InputError: ONNX Runtime is not installed, or cannot read the model.
    """
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError as exc:
        raise InputError(
            "the model has a public part, which needs ONNX Runtime",
            hint="pip install 'safelight[onnx]'",
        ) from exc
    try:
        return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as exc:  # as above
        raise InputError(
            f"ONNX Runtime cannot run the model's public part ({type(exc).__name__})",
            hint="its maker must export it in float32, with operators that ONNX Runtime has",
        ) from exc


@functools.lru_cache(maxsize=2)
def _session(path: Path) -> Any:
    content = path.read_bytes()
    # checked once a process, where it is used: the folder is not trusted
    if hashlib.sha256(content).hexdigest() != path.stem:
        raise InputError(
            f"the model's public part {path.stem[:16]}… has been changed on this machine",
            hint="delete it and get it again from the model's maker",
        )
    return session_of(content)
