"""The primitives, as we call them, give the published answers.

Origin: NIST CAVP (AES-GCM, AES-CBC), RFC 4231 (HMAC), RFC 5869 (HKDF), draft-ietf-hpke-pq
(ML-KEM-768 with X25519), OAEP vectors derived from NIST's, all as packaged by pyca.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from published_vectors import fields, folder

from safelight.vault.envelope.hybrid_key import HybridPrivateKey


def test_aes_256_gcm_from_buffer_to_buffer() -> None:
    """`decrypt_into`, with failures: vectors marked FAIL must not open."""
    opened = failed = 0
    for case in fields(folder() / "ciphers/AES/GCM/gcmDecrypt256.rsp"):
        if len(case["TAG"]) != 32 or len(case["IV"]) != 24:
            continue  # we use whole tags and 96-bit nonces only
        cipher = AESGCM(bytes.fromhex(case["KEY"]))
        sealed = memoryview(bytes.fromhex(case["CT"] + case["TAG"]))
        out = bytearray(len(sealed) - 16)
        nonce, bound = bytes.fromhex(case["IV"]), bytes.fromhex(case["AAD"])
        if "FAIL" in case:
            with pytest.raises(InvalidTag):
                cipher.decrypt_into(nonce, sealed, bound, out)
            failed += 1
        else:
            cipher.decrypt_into(nonce, sealed, bound, out)
            assert out.hex() == case["PT"]
            opened += 1
    assert opened > 100
    assert failed > 100


@pytest.mark.parametrize("name", ["GFSbox", "KeySbox", "MMT", "VarKey", "VarTxt"])
def test_aes_256_cbc(name: str) -> None:
    for case in fields(folder() / f"ciphers/AES/CBC/CBC{name}256.rsp"):
        if "PLAINTEXT" not in case:
            continue
        cipher = Cipher(
            algorithms.AES256(bytes.fromhex(case["KEY"])), modes.CBC(bytes.fromhex(case["IV"]))
        )
        encryptor = cipher.encryptor()
        sealed = encryptor.update(bytes.fromhex(case["PLAINTEXT"])) + encryptor.finalize()
        assert sealed.hex() == case["CIPHERTEXT"]


def test_hmac_sha_256() -> None:
    count = 0
    for case in fields(folder() / "HMAC/rfc-4231-sha256.txt"):
        if "MD" not in case:
            continue
        hmac = HMAC(bytes.fromhex(case["KEY"]), hashes.SHA256())
        hmac.update(bytes.fromhex(case["MSG"]))
        hmac.verify(bytes.fromhex(case["MD"]))
        count += 1
    assert count >= 5


def test_hkdf_sha_256() -> None:
    count, inputs = 0, {}
    for case in fields(folder() / "KDF/rfc-5869-HKDF-SHA256.txt"):
        if "IKM" in case:
            inputs = case  # a blank line is between inputs and outputs
        if "OKM" not in case:
            continue
        salt, info = bytes.fromhex(inputs["SALT"]), bytes.fromhex(inputs["INFO"])
        hkdf = HKDF(hashes.SHA256(), len(case["OKM"]) // 2, salt, info)
        assert hkdf.derive(bytes.fromhex(inputs["IKM"])).hex() == case["OKM"]
        count += 1
    assert count == 3


def oaep_lines(path: Path) -> Iterator[tuple[str, str]]:
    """``# Name:`` on one line, the value on the next."""
    name = ""
    for line in path.read_text("ascii").splitlines():
        if line.startswith("#"):
            name = line.strip("# :")
        elif line:
            yield name, line


def rsa_key(named: dict[str, str]) -> rsa.RSAPrivateKey:
    """The private key of the values read so far."""
    p, q, d, dmp1, dmq1, iqmp, n = (
        int(named[name], 16)
        for name in (
            "Prime 1",
            "Prime 2",
            "Exponent",
            "Prime exponent 1",
            "Prime exponent 2",
            "Coefficient",
            "Modulus",
        )
    )
    public = rsa.RSAPublicNumbers(0x10001, n)
    return rsa.RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, public).private_key()


def test_rsa_oaep_sha_256() -> None:
    path = folder() / "asymmetric/RSA/oaep-custom/oaep-sha256-sha256.txt"
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    count, key = 0, None
    named: dict[str, str] = {}
    for label, value in oaep_lines(path):
        named[label] = value
        if label == "Coefficient":
            key = rsa_key(named)
        elif label == "Encryption":
            assert key is not None
            assert key.decrypt(bytes.fromhex(value), oaep).hex() == named["Message"]
            count += 1
    assert count > 20


def test_hpke_with_ml_kem_768_and_x25519() -> None:
    """Our private key's two halves are those of KEM 0x647a.

    The vector's AEAD is ChaCha20-Poly1305 and its message has associated data; ours is
    AES-256-GCM without. KEM and key derivation are the same code.
    """
    vectors = json.loads((folder() / "HPKE/hpke-pq-test-vectors.json").read_text("ascii"))
    vector = next(v for v in vectors if v["kem_id"] == 0x647A and v["kdf_id"] == 1)
    # the seed of the vectors expands to both halves (draft-connolly-cfrg-xwing-kem, section 5.2)
    halves = hashlib.shake_256(bytes.fromhex(vector["skRm"])).digest(96)
    key = HybridPrivateKey(halves)
    assert key.public_key.to_bytes().hex() == vector["pkRm"]
    first = vector["encryptions"][0]
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    opened = openssl.hpke._decrypt_with_aad(
        suite,
        bytes.fromhex(vector["enc"] + first["ct"]),
        key._key,
        bytes.fromhex(vector["info"]),
        bytes.fromhex(first["aad"]),
    )
    assert opened.hex() == first["pt"]
