"""Public vault keys on disk: a small JSON document to hand out.

A public key is only as good as the way it came: compare its key id over another channel.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path

from safelight.errors import VaultKeyError
from safelight.vault.envelope.hybrid_key import HybridPublicKey
from safelight.vault.envelope.key_file import GivenPublicKey
from safelight.vault.envelope.rsa_key import RsaPublicKey
from safelight.vault.envelope.suites import KeyKind
from safelight.vault.envelope.whole_file import whole_file

_FORMAT = "safelight-vault-public-key"
_VERSION = 1
_MAX_FILE_BYTES = 1 << 14
_KINDS: dict[KeyKind, type[HybridPublicKey] | type[RsaPublicKey]] = {
    KeyKind.HYBRID: HybridPublicKey,
    KeyKind.RSA: RsaPublicKey,
}


def public_key_text(key: GivenPublicKey) -> str:
    """The document."""
    document = {
        "format": _FORMAT,
        "version": _VERSION,
        "kind": str(key.kind),
        "key_id": key.key_id.hex(),
        "key": base64.b64encode(key.to_bytes()).decode("ascii"),
    }
    return json.dumps(document, indent=2) + "\n"


def save_public_key(key: GivenPublicKey, path: Path, *, replace: bool = False) -> None:
    """Writes the document.

    Raises:
        VaultError: the file exists and ``replace`` is false, or cannot be written.
    """
    with whole_file(path, replace=replace) as file:
        file.write(public_key_text(key).encode("ascii"))


def load_public_key(path: Path) -> GivenPublicKey:
    """Reads a public key.

    Raises:
        VaultKeyError: not such a document, or its key id is not that of its key.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise VaultKeyError(f"{path.name} cannot be read ({exc.strerror})") from exc
    foreign = VaultKeyError(
        f"{path.name} is not a public vault key",
        hint="give the .pub file that `safelight vault keys new` wrote",
    )
    try:
        document = json.loads(data)
        stated = (document["format"], document["version"], document["key_id"])
        kind, raw = KeyKind(document["kind"]), base64.b64decode(document["key"], validate=True)
        key = _KINDS[kind](raw)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as exc:
        raise foreign from exc
    if stated != (_FORMAT, _VERSION, key.key_id.hex()):
        raise foreign
    return key
