"""What is remembered of a service beside a key file."""

from __future__ import annotations

from pathlib import Path

import pytest

from safelight.client.key_sets import KnownService, ServiceMemory
from safelight.errors import KeyFileError

KNOWN = KnownService(bytes(range(32)), "0123abcd")
URL = "https://service.example"


def test_a_service_is_known_again(tmp_path: Path) -> None:
    ServiceMemory(tmp_path / "a.key", b"epoch").put(URL, KNOWN)
    again = ServiceMemory(tmp_path / "a.key", b"epoch")
    assert again.get(URL) == again.get(URL + "/") == KNOWN
    assert again.get("https://other.example") is None


def test_another_secret_key_of_the_same_name_takes_no_old_evaluation_keys(tmp_path: Path) -> None:
    ServiceMemory(tmp_path / "a.key", b"first").put(URL, KNOWN)
    assert ServiceMemory(tmp_path / "a.key", b"second").get(URL) == KnownService(
        KNOWN.service_key, None
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"services": {"https://service.example": "x"}}',
        '{"services": {"https://service.example": {"service_key": "00", "keyset": 1}}}',
        '{"services": {"https://service.example":'
        ' {"service_key": "00", "keyset": "a", "epoch": "00"}}}',
    ],
)
def test_a_damaged_memory_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.key.services.json").write_text(text)
    with pytest.raises(KeyFileError, match="damaged"):
        ServiceMemory(tmp_path / "a.key", b"epoch").get(URL)
