"""Writes envelopes.json: envelopes and faults that every implementation must agree on.

A second implementation of docs/vault-format.md, on `cryptography` alone: it shares no line with
``safelight.vault``. Run ``python tests/vectors/vault/make_envelope_vectors.py`` after a change of
the format. Wrapped data keys are random by nature; those of the file are kept.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)

PATH = Path(__file__).with_name("envelopes.json")
KEYS = Path(__file__).with_name("INSECURE_test_keys.json")
ORIGIN = "made by tests/vectors/vault/make_envelope_vectors.py from docs/vault-format.md"
CHUNK_LOG2 = 10
SUITES = {1: "hybrid", 2: "rsa", 3: "rsa", 4: "archive"}
LENGTHS = (0, 1, 1023, 1024, 1025, 2048, 2500)
CONTEXT = b"a context"

Recipient = tuple[bytes, Any]


def seeded(*labels: object, count: int) -> bytes:
    """Bytes that follow from their labels."""
    return hashlib.shake_128("/".join(map(str, labels)).encode()).digest(count)


def hkdf(secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, None, info).derive(secret)


class HybridKey:
    def __init__(self, data: bytes) -> None:
        mlkem = MLKEM768PrivateKey.from_seed_bytes(data[:64])
        x25519 = X25519PrivateKey.from_private_bytes(data[64:])
        self.key = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
        public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        self.id = hashlib.sha256(b"mlkem768-x25519\0" + public).digest()[:16]

    def wrap(self, data_key: bytes, bound: bytes) -> bytes:
        return self.suite.encrypt(data_key, self.key.public_key(), info=bound)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        return self.suite.decrypt(wrapped, self.key, info=bound)


class RsaKey:
    def __init__(self, data: bytes) -> None:
        self.key: Any = load_der_private_key(data, None)
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.id = hashlib.sha256(b"rsa\0" + public).digest()[:16]

    def oaep(self, bound: bytes) -> padding.OAEP:
        label = hashlib.sha256(bound).digest()
        return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label)

    def wrap(self, data_key: bytes, bound: bytes) -> bytes:
        wrapped: bytes = self.key.public_key().encrypt(data_key, self.oaep(bound))
        return wrapped

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        data_key: bytes = self.key.decrypt(wrapped, self.oaep(bound))
        return data_key


class SymmetricKey:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.id = hkdf(data, b"safelight archive key id", 16)

    def cipher(self, bound: bytes) -> AESGCM:
        return AESGCM(hkdf(self.data, b"safelight archive wrap" + bound, 32))

    def wrap(self, data_key: bytes, bound: bytes) -> bytes:
        return self.cipher(bound).encrypt(bytes(12), data_key, bound)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        return self.cipher(bound).decrypt(bytes(12), wrapped, bound)


_KINDS: dict[str, Any] = {"hybrid": HybridKey, "rsa": RsaKey, "archive": SymmetricKey}


def test_keys() -> dict[str, bytes]:
    """Private keys by name: published, so worth nothing."""
    stored: dict[str, str] = json.loads(KEYS.read_text("ascii"))
    return {name: bytes.fromhex(value) for name, value in stored.items()}


def recipient(name: str) -> Any:
    return _KINDS[name.split("-")[0]](test_keys()[name])


def prefix_of(suite: int, nonce: bytes) -> bytes:
    return b"SLEV" + struct.pack("<HBB", 1, suite, CHUNK_LOG2) + nonce


def bound_of(prefix: bytes, context: bytes) -> bytes:
    return b"safelight envelope v1\0" + prefix + hashlib.sha256(context).digest()


def seal_chunk(
    suite: int, keys: bytes, bound: bytes, index: int, final: bool, plain: bytes
) -> bytes:
    place = bound + struct.pack("<QB", index, final)
    if suite != 3:
        nonce = keys[96:103] + struct.pack(">IB", index, final)
        return AESGCM(keys[32:64]).encrypt(nonce, plain, place)
    iv = seeded("iv", index, len(plain), count=16)
    encryptor = Cipher(algorithms.AES256(keys[32:64]), modes.CBC(iv)).encryptor()
    fill = 16 - len(plain) % 16
    sealed = iv + encryptor.update(plain + bytes([fill]) * fill) + encryptor.finalize()
    return sealed + hmac.digest(keys[64:96], place + sealed, "sha256")


def assemble(
    suite: int,
    names: list[str],
    wrapped: list[bytes],
    data_key: bytes,
    nonce: bytes,
    chunks: list[bytes],
    *,
    flags: list[bool] | None = None,
    count: int | None = None,
) -> bytes:
    """An envelope, or with ``flags`` or ``count`` one that nobody should write."""
    prefix = prefix_of(suite, nonce)
    bound = bound_of(prefix, CONTEXT)
    keys = hkdf(data_key, bound, 103)
    header = prefix + bytes([len(names) if count is None else count])
    for name, key in zip(names, wrapped, strict=True):
        header += recipient(name).id + struct.pack("<H", len(key)) + key
    final = flags or [i == len(chunks) - 1 for i in range(len(chunks))]
    body = [seal_chunk(suite, keys, bound, i, final[i], c) for i, c in enumerate(chunks)]
    return header + hmac.digest(keys[:32], header, "sha256") + b"".join(body)


def split(plain: bytes) -> list[bytes]:
    return [plain[i : i + 1024] for i in range(0, len(plain), 1024)] or [b""]


def material(suite: int, length: int) -> tuple[bytes, bytes, bytes]:
    """Data key, nonce, plaintext of a vector."""
    stream = seeded("envelope", suite, length, count=48 + length)
    return stream[:32], stream[32:48], stream[48:]


def names_of(suite: int, length: int) -> list[str]:
    kind = SUITES[suite]
    return [f"{kind}-1", f"{kind}-2"] if length == LENGTHS[-1] else [f"{kind}-1"]


def wrapped_keys(suite: int, length: int, kept: dict[str, list[str]]) -> list[bytes]:
    data_key, nonce, _ = material(suite, length)
    bound = bound_of(prefix_of(suite, nonce), CONTEXT)
    names = names_of(suite, length)
    stored = kept.get(f"{suite}-{length}")
    if stored is None:
        return [recipient(name).wrap(data_key, bound) for name in names]
    wrapped = [bytes.fromhex(text) for text in stored]
    for name, key in zip(names, wrapped, strict=True):
        assert recipient(name).unwrap(key, bound) == data_key
    return wrapped


def faults() -> list[dict[str, Any]]:
    """Envelopes of suites 2 to 4 that nobody writes by accident; a refusal is expected of each."""
    data_key, nonce, plain = material(4, 2500)
    names = ["archive-1"]
    bound = bound_of(prefix_of(4, nonce), CONTEXT)
    wrapped = [recipient(names[0]).wrap(data_key, bound)]
    chunks = split(plain)

    def made(**changes: Any) -> bytes:
        given: dict[str, Any] = {"names": names, "wrapped": wrapped, "chunks": chunks} | changes
        return assemble(4, data_key=data_key, nonce=nonce, **given)

    whole = made()
    start = 24 + 1 + 18 + 48 + 32
    step = 1024 + 16
    one, two, three = whole[start : start + step], whole[start + step : start + 2 * step], b""
    three = whole[start + 2 * step :]
    head = whole[:start]
    cases = {
        "no recipients": made(names=[], wrapped=[]),
        "more recipients counted than there are": made(count=2),
        "a recipient twice": made(names=names * 2, wrapped=wrapped * 2),
        "chunks swapped": head + two + one + three,
        "first chunk missing": head + two + three,
        "middle chunk missing": head + one + three,
        "last chunk missing": head + one + two,
        "chunk repeated": head + one + two + two + three,
        "no chunks": head,
        "last chunk cut by a byte": whole[:-1],
        "a byte behind": whole + b"\0",
        "another envelope behind": whole + whole,
        "last chunk not flagged": made(flags=[False, False, False]),
        "a chunk behind the final one": made(flags=[False, True, True]),
        "empty last chunk behind a full one": made(chunks=[*split(plain[:2048]), b""]),
        "short chunk in the middle": made(chunks=[chunks[0], chunks[1][:1000], chunks[2]]),
        "chunk size beyond the limit": whole[:7] + b"\x20" + whole[8:],
        "an unknown suite": whole[:6] + b"\x09" + whole[7:],
        "another version": whole[:4] + b"\x02\x00" + whole[6:],
        "another magic": b"SLKF" + whole[4:],
        "header of another envelope": made_elsewhere()[:start] + whole[start:],
        "nothing": b"",
        "the beginning of a header": whole[:60],
    }
    return [
        {
            "name": name,
            "key": "archive-1",
            "accept": [4],
            "error": "EnvelopeError",
            "sha256": hashlib.sha256(data).hexdigest(),
            "envelope": data.hex(),
        }
        for name, data in cases.items()
    ]


def made_elsewhere() -> bytes:
    data_key, nonce, plain = material(4, 1025)
    bound = bound_of(prefix_of(4, nonce), CONTEXT)
    wrapped = [recipient("archive-1").wrap(data_key, bound)]
    return assemble(4, ["archive-1"], wrapped, data_key, nonce, split(plain))


def text() -> str:
    """The file's content."""
    kept: dict[str, list[str]] = {}
    if PATH.exists():
        old = json.loads(PATH.read_text("ascii"))["envelopes"]
        kept = {f"{v['suite']}-{len(v['plaintext']) // 2}": v["wrapped"] for v in old}
    envelopes = []
    for suite in SUITES:
        for length in LENGTHS:
            data_key, nonce, plain = material(suite, length)
            names = names_of(suite, length)
            wrapped = wrapped_keys(suite, length, kept)
            envelope = assemble(suite, names, wrapped, data_key, nonce, split(plain))
            envelopes.append(
                {
                    "suite": suite,
                    "keys": names,
                    "context": CONTEXT.hex(),
                    "data_key": data_key.hex(),
                    "wrapped": [key.hex() for key in wrapped],
                    "plaintext": plain.hex(),
                    "envelope": envelope.hex(),
                }
            )
    document = {"origin": ORIGIN, "envelopes": envelopes, "faults": faults()}
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="ascii")
