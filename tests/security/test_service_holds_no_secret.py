"""The service's memory and data folder, searched for the secret key and the patient's data.

A real client diagnoses through a real service process; then every readable byte of the process
and every file is searched, in each form in which a secret could lie there. What must be found
(digests, the service's public key) is searched for too, so that the search is known to work.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from safelight.ckks.secret import SecretKeys
from safelight.client.client import Client
from safelight.client.local_service import LocalService

MODEL = "wdbc-logistic"

# Long enough never to occur by chance, short enough to lie within one page.
NEEDLE_BYTES = 32
BLOCK_BYTES = 16 * 1024 * 1024


def memory_blocks(pid: int) -> Iterator[bytes]:
    """Every readable byte of a process, in overlapping blocks."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            if "r" not in rights or line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            for at in range(start, end, BLOCK_BYTES):
                try:
                    memory.seek(at)
                    yield memory.read(min(BLOCK_BYTES + NEEDLE_BYTES, end - at))
                except (OSError, ValueError, OverflowError):
                    continue  # a guard page, or a region that is gone


def file_blocks(folder: Path) -> Iterator[bytes]:
    """Every file of a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes()


def found(blocks: Iterator[bytes], needles: dict[str, bytes]) -> set[str]:
    """Names of the needles that are somewhere."""
    names: set[str] = set()
    for block in blocks:
        names |= {name for name, needle in needles.items() if needle in block}
    return names


def secret_needles(keys: SecretKeys) -> dict[str, bytes]:
    """The secret polynomial: in NTT form as words and packed, and its coefficients."""
    needles: dict[str, bytes] = {}
    residues = keys.unsafe_secret_residues()
    for index, (row, prime) in enumerate(zip(residues, keys.parameters.primes, strict=True)):
        bits = prime.bit_length()
        stream = np.unpackbits(row[:64].astype("<u8").view(np.uint8), bitorder="little")
        packed = np.packbits(stream.reshape(64, 64)[:, :bits].ravel(), bitorder="little")
        for place, values in (("start", row[:4]), ("middle", row[2000:2004])):
            needles[f"residues {index} {place}"] = values.astype("<u8").tobytes()
        needles[f"packed residues {index}"] = packed.tobytes()[:NEEDLE_BYTES]
    return needles


def data_needles(inputs: NDArray[np.float64]) -> dict[str, bytes]:
    """The inputs as the client holds them: doubles and floats, row by row and column by column."""
    return {
        "a record as doubles": inputs[0].astype("<f8").tobytes()[:NEEDLE_BYTES],
        "a record as floats": inputs[0].astype("<f4").tobytes()[:NEEDLE_BYTES],
        "a feature as doubles": inputs[:, 3].astype("<f8").tobytes()[:NEEDLE_BYTES],
        "a feature as floats": inputs[:, 3].astype("<f4").tobytes()[:NEEDLE_BYTES],
    }


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_secret_and_no_patient_data_in_process_or_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with (
        LocalService((MODEL,), data=data) as service,
        Client(service.url, service.token, service_key=service.public_key) as client,
    ):
        signature = client.model(MODEL).signature
        inputs = np.random.default_rng(7).normal(size=(signature.records, 30))
        answer = client.infer(MODEL, inputs)
        (state,) = client.keys.values()
        sent = client._transport.keyset_present(state.keyset_id or "").present

        secrets = secret_needles(state.secret) | data_needles(inputs)
        probabilities = np.asarray(answer.unrounded_probabilities, dtype="<f8")
        secrets["probabilities"] = np.ascontiguousarray(probabilities[:4]).tobytes()
        assert all(len(needle) >= NEEDLE_BYTES for needle in secrets.values())
        # what the service does hold: the search finds it
        public = {
            "the model's digest": client.model(MODEL).info.model_digest.encode(),
            "the service's public key": service.public_key,
        }
        stored = {"a key's digest": next(iter(sent.values())).sha256.encode()}

        assert found(memory_blocks(service.pid), secrets | public) == set(public)
        assert found(file_blocks(data), secrets | stored) == set(stored)
