"""envelopes.json is what its script makes, and our opener agrees with all of it."""

from __future__ import annotations

import json
from typing import Any

import make_envelope_vectors
import pytest

from safelight import errors
from safelight.vault.envelope import (
    ArchiveKey,
    HybridPrivateKey,
    RsaPrivateKey,
    Suite,
    inspect_envelope,
    open_bytes,
)
from safelight.vault.envelope.keys import PrivateKey
from safelight.vault.envelope.suites import SUITE_BY_NUMBER

VECTORS: dict[str, Any] = json.loads(make_envelope_vectors.PATH.read_text("ascii"))
KINDS: dict[str, Any] = {"hybrid": HybridPrivateKey, "rsa": RsaPrivateKey, "archive": ArchiveKey}


def key(name: str) -> PrivateKey:
    made: PrivateKey = KINDS[name.split("-")[0]](make_envelope_vectors.test_keys()[name])
    return made


def test_file_is_what_the_script_makes() -> None:
    assert make_envelope_vectors.PATH.read_text("ascii") == make_envelope_vectors.text()


@pytest.mark.parametrize(
    "vector", VECTORS["envelopes"], ids=lambda v: f"suite{v['suite']}-{len(v['plaintext']) // 2}"
)
def test_envelope_opens_for_each_recipient(vector: dict[str, Any]) -> None:
    envelope, suite = bytes.fromhex(vector["envelope"]), SUITE_BY_NUMBER[vector["suite"]]
    context = bytes.fromhex(vector["context"])
    for name in vector["keys"]:
        opened = open_bytes(envelope, [key(name)], accept={suite}, context=context)
        assert opened.hex() == vector["plaintext"]
    assert inspect_envelope(envelope).key_ids == tuple(
        key(name).key_id.hex() for name in vector["keys"]
    )


@pytest.mark.parametrize("fault", VECTORS["faults"], ids=lambda f: f["name"])
def test_fault_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(getattr(errors, fault["error"])) as caught:
        open_bytes(
            bytes.fromhex(fault["envelope"]),
            [key(fault["key"])],
            accept=set(Suite),
            context=make_envelope_vectors.CONTEXT,
        )
    assert caught.value.message == "the envelope does not open"
