"""Every byte that the portal sends is searched for the secret key and for the image."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from portal_browser import FAST, PASSPHRASE, PortalTab
from recording_relay import recording_relay
from test_diagnose import chest

from imaging_samples import build_dicom
from safelight.ckks.key_file import load_key_file
from safelight.client.inputs import load_inputs
from safelight.models.registry import compiled_model
from safelight.wire.packing import pack_bits
from service_harness import ServiceProcess

_WINDOW = 24  # bytes: long enough never to occur by chance, short enough to be found in any row


def windows(data: bytes) -> Iterator[bytes]:
    """Pieces of data that would show wherever it is copied to, plain or in base64."""
    for start in {0, len(data) // 3, len(data) // 2, max(len(data) - _WINDOW, 0)}:
        piece = data[start : start + _WINDOW]
        # a piece of one value says nothing: black borders are zeros
        if len(piece) == _WINDOW and len(set(piece)) > 3:
            yield piece
            for shift in range(3):  # base64 depends on the place within three bytes
                yield base64.b64encode(piece[shift:])[:-4]


def rows_of_secret(residues: np.ndarray, primes: tuple[int, ...]) -> Iterator[bytes]:
    """The key as 64-bit words, packed to its primes' bits, and as ternary coefficients would be."""
    for row, prime in zip(residues, primes, strict=True):
        words = np.ascontiguousarray(row, dtype="<u8")
        yield words.tobytes()
        yield words.astype("<f8").tobytes()
        yield bytes(pack_bits(words.astype(np.uint64), prime.bit_length()))


def rows_of_image(image: np.ndarray, values: np.ndarray) -> Iterator[bytes]:
    """Rows as stored, as brightness, and as the model takes them."""
    for row in image:
        yield row.tobytes()
        yield row.astype("<u2").tobytes()
        yield (row / 255).astype("<f8").tobytes()
        yield (row / 255).astype("<f4").tobytes()
    for row in values.reshape(-1, values.shape[-1]):
        yield row.astype("<f8").tobytes()
        yield row.astype("<f4").tobytes()


def found(sent: bytes, rows: Iterable[bytes]) -> int:
    """How many windows of the rows occur in what was sent, at whatever offset."""
    pieces = {piece for row in rows for piece in windows(row)}
    openings = np.array([int.from_bytes(piece[:8], "little") for piece in pieces], dtype=np.uint64)
    suspects: set[int] = set()
    for shift in range(8):
        words = np.frombuffer(sent, "<u8", (len(sent) - shift) // 8, shift)
        # two bytes first, which is quick and leaves a fifth
        words = words[np.isin(words.astype("<u2"), openings.astype("<u2"))]
        suspects.update(words[np.isin(words, openings)].tolist())
    return sum(piece in sent for piece in pieces if int.from_bytes(piece[:8], "little") in suspects)


def test_portal_sends_neither_key_nor_image(
    service: ServiceProcess, open_tab: Any, tmp_path: Path
) -> None:
    image = chest(os.environ.get("SAFELIGHT_DATA"))
    path = tmp_path / "chest.dcm"
    path.write_bytes(build_dicom(image, photometric="MONOCHROME2"))
    address = urlsplit(service.url)
    assert address.hostname is not None
    assert address.port is not None
    with recording_relay(address.hostname, address.port) as (url, recording):
        tab: PortalTab = open_tab(url=url).set_up()
        tab.add_one(path)
        tab.analyse()
        tab.wait_for_result()
        tab.report()
        keys = load_key_file(tab.export_key(tmp_path, "for the search"), "for the search")
        # the exported file is the Python client's, and its key works there
        slots = np.linspace(-1, 1, keys.parameters.slots)
        again = keys.decrypt(keys.encrypt(slots, scale=2.0**26))
        assert np.abs(again - slots).max() < 1e-2
        _, compiled = compiled_model(FAST)
        values = load_inputs(compiled.signature, [path])[0][1]

        sent = recording.everything()
        assert len(sent) > 10_000_000  # the keys went this way
        secret = list(rows_of_secret(keys.unsafe_secret_residues(), keys.parameters.primes))
        picture = list(rows_of_image(image, values))
        assert found(sent, (*secret, *picture)) == 0
        assert PASSPHRASE.encode() not in sent
        assert b"chest.dcm" not in sent

        # the control: what is planted is found, so the search would have found a leak
        for planted in (secret[0], secret[2], picture[len(picture) // 2], picture[-2]):
            recording.forget()
            tab.page.evaluate(
                "(text) => fetch('/v1/keysets', {method: 'POST', body: Uint8Array.from("
                "atob(text), (c) => c.charCodeAt(0))}).catch(() => null)",
                base64.b64encode(planted[:4096]).decode(),
            )
            assert found(recording.everything(), [planted[:4096]]) > 0
        tab.assert_clean()
