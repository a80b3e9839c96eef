"""Every byte that the portal sends or keeps is searched for the secret keys and for the inputs."""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import PIL.Image
from leak_search import (
    Row,
    found,
    row_of_file,
    rows_of_image,
    rows_of_record,
    rows_of_secret,
)
from portal_browser import FAST, PASSPHRASE, RECORDS, PortalTab
from recording_relay import SentRequest, recording_relay
from test_diagnose import chest
from test_portal import HELD_OUT

from imaging_samples import build_dicom
from safelight.ckks.key_file import load_key_file
from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import RELINEARIZATION
from safelight.client.inputs import load_inputs
from safelight.models.registry import compiled_model
from safelight.wire.ciphertext import ciphertext_message_length
from safelight.wire.keys import (
    HEADER_BYTES,
    decode_key,
    encode_key,
    key_message_length,
    peek_key_header,
)
from safelight.wire.request import decode_request, encode_request
from service_harness import ServiceProcess

_ID = r"[A-Za-z0-9_-]{1,64}"
# The requests without a body.
_PLAIN = re.compile(
    rf"/|/(?:assets/)?[\w.-]+|/v1/service|/v1/models(/[\w.-]+)?|/v1/keysets/{_ID}(\?model=[\w.-]+)?"
    rf"|/v1/inferences/{_ID}(/events|/result)?"
)


def check_message(sent: SentRequest, parameters: dict[bytes, Parameters]) -> None:
    """That a request is one of the API's, and its body a seeded message of ours with no byte more.

    What SEAL makes itself, a pair under its own mask, is as secret as the key, but cannot be known
    here: so nothing may be sent that has room for it.
    """
    if sent.target.startswith("/v1/inferences?"):
        assert sent.method == "POST"
        request = decode_request(sent.body)
        assert encode_request(request) == sent.body
        of = parameters[request.parameters_digest]
        levels = range(of.max_level + 1)
        sizes = {ciphertext_message_length(of, level, seeded=True) for level in levels}
        assert len(request.ciphertext) in sizes
    elif match := re.fullmatch(rf"/v1/keysets/{_ID}/keys/(\d+|relinearization)", sent.target):
        assert sent.method == "PUT"
        header = peek_key_header(sent.body)
        of = next(one for digest, one in parameters.items() if digest in sent.body[:HEADER_BYTES])
        element, key = decode_key(sent.body, of)
        assert element == (RELINEARIZATION if match[1] == "relinearization" else int(match[1]))
        assert encode_key(element, key) == sent.body
        assert len(sent.body) == key_message_length(of, header.level, seeded=True)
    elif sent.target == "/v1/keysets":
        assert sent.method == "POST"
        document = json.loads(sent.body)
        assert list(document) == ["parameters_digest"]
        assert bytes.fromhex(document["parameters_digest"]) in parameters
    else:
        assert _PLAIN.fullmatch(sent.target), sent.target
        assert sent.method in ("GET", "DELETE")
        assert sent.body == b""


def test_portal_sends_and_keeps_neither_key_nor_input_in_clear(
    service: ServiceProcess, open_tab: Any, tmp_path: Path
) -> None:
    image = chest(os.environ.get("SAFELIGHT_DATA"))
    dicom, jpeg, table = (tmp_path / f"chest-of-4711.{kind}" for kind in ("dcm", "jpeg", "csv"))
    dicom.write_bytes(build_dicom(image, photometric="MONOCHROME2"))
    PIL.Image.fromarray(image[::-1]).save(jpeg, quality=92)
    lines = HELD_OUT.read_text().splitlines()[:2]
    table.write_text("\n".join(lines) + "\n")
    address = urlsplit(service.url)
    assert address.hostname is not None
    assert address.port is not None
    with recording_relay(address.hostname, address.port) as (url, recording):
        tab: PortalTab = open_tab(url=url).set_up()
        for path in (dicom, jpeg, table):
            tab.add_one(path)
            if path == dicom:  # the worklist says whose it is; nobody else is told
                assert "Secret, Patient · SECRET-1234" in tab.page.inner_text(".worklist .chosen")
            tab.analyse()
            tab.wait_for_result()
            assert "SECRET" not in json.dumps(tab.report()).upper()
        files = tab.export_keys(tmp_path, "for the search")
        keys = [load_key_file(path, "for the search") for path in files]
        assert len(keys) == 2
        for one in keys:  # the exported file is the Python client's, and its key works there
            slots = np.linspace(-1, 1, one.parameters.slots)
            again = one.decrypt(one.encrypt(slots, scale=2.0**26))
            assert np.abs(again - slots).max() < 1e-2

        sent = recording.everything()
        stored = tab.stored()
        assert len(sent) > 10_000_000  # the keys went this way
        parameters = {one.parameters.digest: one.parameters for one in keys}
        messages = recording.requests()
        for message in messages:
            check_message(message, parameters)
        assert sum(message.target.startswith("/v1/inferences?") for message in messages) == 3

        secret: list[Row] = []
        for one in keys:
            secret += rows_of_secret(one.unsafe_secret_residues(), one.parameters.primes)
        picture: list[Row] = [row_of_file(dicom), row_of_file(jpeg)]
        for path in (dicom, jpeg):
            pixels = image if path == dicom else np.asarray(PIL.Image.open(path))
            values = load_inputs(compiled_model(FAST)[1].signature, [path])[0][1]
            picture += rows_of_image(pixels, values)
        record = load_inputs(compiled_model(RECORDS)[1].signature, [table])[0][1]
        picture += [row_of_file(table), *rows_of_record(lines[1], record)]
        everything = [*secret, *picture]
        assert found(sent, everything) == 0
        assert found(b"".join(stored.values()), everything) == 0
        names = [PASSPHRASE.encode(), b"for the search", b"chest-of-4711", b"Secret", b"SECRET-1"]
        assert [name for name in names if name in sent] == []
        kept = b"".join([*stored.values(), *(name.encode() for name in stored)])
        names.append(tab.token.encode())
        assert [name for name in names if name in kept] == []

        # the control: a part of a row is found where it is planted, so a leak would have been
        for row in (secret[0], secret[2], secret[-1], picture[len(picture) // 2], picture[-1]):
            length = len(row[0])
            part = row[0][length // 3 :][: min(max(length // 3, 2 * row[1]), 4096)]
            assert found(part.hex().encode(), [row]) > 0
            assert found(base64.b64encode(b"\0" + part), [row]) > 0
            recording.forget()
            tab.page.evaluate(
                "(text) => fetch('/v1/keysets', {method: 'POST', body: Uint8Array.from("
                "atob(text), (c) => c.charCodeAt(0))}).catch(() => null)",
                base64.b64encode(part).decode(),
            )
            assert found(recording.everything(), [row]) > 0
        tab.assert_clean()
