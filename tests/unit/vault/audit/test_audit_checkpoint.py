"""Checkpoints: the published example of the note format, and everything that is no checkpoint."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safelight.errors import AuditTamperedError, InputError
from safelight.vault.audit.checkpoint import (
    Checkpoint,
    VerifierKey,
    key_of,
    open_checkpoint,
    open_note,
    sign_checkpoint,
)

# The example in the documentation of golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_NOTE = (
    GO_TEXT + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSN"
    "XgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "safelight-audit/test"
CHECKPOINT = Checkpoint(ORIGIN, 12, bytes(range(32)))


def test_the_published_note_opens() -> None:
    key = VerifierKey.parse(GO_KEY)
    assert str(key) == GO_KEY
    assert open_note(GO_NOTE.encode(), key) == GO_TEXT


def test_round_trip() -> None:
    note = sign_checkpoint(CHECKPOINT, KEY)
    assert open_checkpoint(note, key_of(ORIGIN, KEY)) == CHECKPOINT
    assert note.startswith(
        f"{ORIGIN}\n12\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n".encode()
    )


def test_every_flipped_bit_is_found() -> None:
    note = sign_checkpoint(CHECKPOINT, KEY)
    for position in range(8 * len(note)):
        changed = bytearray(note)
        changed[position // 8] ^= 1 << (position % 8)
        with pytest.raises(AuditTamperedError):
            open_checkpoint(bytes(changed), key_of(ORIGIN, KEY))


def test_witnesses_signatures_are_passed_over() -> None:
    note = sign_checkpoint(CHECKPOINT, KEY)
    witness = GO_NOTE.encode().rpartition(b"\n\n")[2]
    assert open_checkpoint(note + witness, key_of(ORIGIN, KEY)) == CHECKPOINT


@pytest.mark.parametrize(
    "text",
    [
        "another\n12\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        f"{ORIGIN}\n012\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        f"{ORIGIN}\n-1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        f"{ORIGIN}\n12\nAAEC\n",
        f"{ORIGIN}\n12\n",
        f"{ORIGIN}\n12\n\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
    ],
)
def test_signed_text_that_is_no_checkpoint(text: str) -> None:
    import base64

    key = key_of(ORIGIN, KEY)
    signature = base64.b64encode(key.key_id + KEY.sign(text.encode())).decode()
    with pytest.raises(AuditTamperedError):
        open_checkpoint(f"{text}\n— {ORIGIN} {signature}\n".encode(), key)


@pytest.mark.parametrize(
    "note",
    [b"", b"\n\n", b"x\n\n", b"\xff\xfe", b"text\n\nno dash\n", b"a\n\n" + b"x" * 20_000 + b"\n"],
)
def test_what_is_no_note(note: bytes) -> None:
    with pytest.raises(AuditTamperedError):
        open_note(note, key_of(ORIGIN, KEY))


@pytest.mark.parametrize(
    "text",
    ["", "a+b", "name+00000000+AAAA", GO_KEY[:-2], GO_KEY.replace("c74f", "c74e"), "a b+1+1"],
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(InputError, match="public key of an audit log"):
        VerifierKey.parse(text)
