"""A radiograph through a real service: neither a pixel nor a word of the key is on its side.

`test_service_holds_no_secret` looks for chosen pieces in every form; here every word of the
secret key and every element of the image is looked for, in the forms in which arrays lie in
memory, and the raw pixels as the file had them.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from test_service_holds_no_secret import file_blocks, memory_blocks, secret_needles

from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import SecretKeys
from safelight.client.client import Client
from safelight.client.inputs import load_inputs
from safelight.client.local_service import LocalService
from safelight.wire.packing import pack_residues

MODEL = "cxr-pneumonia-28-fast"
SIDE = 160


def words_found(blocks: Iterator[bytes], secrets: list[np.ndarray]) -> int:
    """Places where three aligned 8-byte words stand as they stand in one of the secrets.

    Fewer may be chance: a service's memory is full of residues of the same primes, and of
    numbers such as 1.0.
    """
    triples = np.concatenate(
        [np.lib.stride_tricks.sliding_window_view(s.astype("<u8"), 3) for s in secrets]
    )
    # zeros and counters are everywhere, and so are repeated numbers
    told_apart = (triples[:, 0] != triples[:, 1]) & (triples[:, 1] != triples[:, 2])
    triples = triples[(triples > 1 << 20).all(axis=1) & told_apart]
    assert len(triples)
    wanted = {tuple(triple) for triple in triples.tolist()}
    words = np.unique(triples)
    places = 0
    for block in blocks:
        memory = np.frombuffer(block, "<u8", len(block) // 8)
        found = np.isin(memory, words)
        for at in np.flatnonzero(found[:-2] & found[1:-1] & found[2:]):
            places += tuple(memory[at : at + 3].tolist()) in wanted
    return places


def needles_found(blocks: Iterator[bytes], needles: dict[str, bytes]) -> set[str]:
    names: set[str] = set()
    for block in blocks:
        names |= {name for name, needle in needles.items() if needle in block}
    return names


def radiograph() -> tuple[bytes, np.ndarray]:
    """A PNG of noise, in which no row is like another, and its pixels."""
    pixels = np.random.default_rng(99).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, "PNG")
    return file.getvalue(), pixels


def test_the_search_finds_what_is_planted() -> None:
    keys = np.random.default_rng(1).integers(1 << 30, 1 << 43, 100, dtype=np.uint64)
    block = bytes(64) + keys[40:43].tobytes() + bytes(64)
    assert words_found(iter([bytes(4096), block]), [keys]) == 1
    assert words_found(iter([bytes(4096), bytes(64) + keys[:2].tobytes()]), [keys]) == 0
    assert words_found(iter([keys[[3, 9, 4]].tobytes()]), [keys]) == 0
    assert needles_found(iter([b"....planted...."]), {"it": b"planted", "not": b"x"}) == {"it"}


def test_packed_needles_are_those_of_the_wire() -> None:
    """The packed form that is searched for is the form that the wire would carry."""
    keys = SecretKeys.generate(Parameters.from_bits(4096, [36, 33, 37]))
    packed = pack_residues(keys.unsafe_secret_residues()[None], keys.parameters.primes)
    needles = secret_needles(keys)
    assert needles["packed residues 0"] in packed.tobytes()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_pixel_and_no_secret_in_process_or_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    file, pixels = radiograph()
    path = tmp_path / "patient-4711.png"
    path.write_bytes(file)
    with (
        LocalService((MODEL,), data=data) as service,
        Client(service.url, service.token, service_key=service.public_key) as client,
    ):
        (diagnosis,) = client.diagnose(MODEL, [path])
        assert 0.0 <= diagnosis.probability <= 1.0
        signature = client.model(MODEL).signature
        ((_, prepared),) = load_inputs(signature, [path])
        (state,) = client.keys.values()
        sent = client._transport.keyset_present(state.keyset_id or "").present

        secrets = [
            state.secret.unsafe_secret_residues().ravel(),
            prepared.astype("<f8").ravel().view("<u8"),
            signature.pack(prepared[None]).view("<u8"),
            (pixels / 255).astype("<f8").ravel().view("<u8"),
            pixels.ravel().view("<u8"),
        ]
        packed = secret_needles(state.secret)
        needles = {name: packed[name] for name in packed if name.startswith("packed")}
        needles |= {f"pixels of row {y}": pixels[y].tobytes()[:32] for y in range(0, SIDE, 40)}
        needles |= {
            "prepared floats": prepared.astype("<f4").tobytes()[400:432],
            "the file": file[100:132],
            "the patient's name": b"patient-4711",
            "the probability": repr(diagnosis.probability).encode() + b",",
        }
        if len(repr(diagnosis.probability)) < 5:
            del needles["the probability"]  # such as 1.0, which is everywhere
        planted = {"token": service.token.encode()}
        assert needles_found(memory_blocks(service.pid), needles | planted) == {"token"}
        assert words_found(memory_blocks(service.pid), secrets) == 0
        stored = {"a key's digest": next(iter(sent.values())).sha256.encode()}
        assert needles_found(file_blocks(data), needles | stored) == set(stored)
        assert words_found(file_blocks(data), secrets) == 0
