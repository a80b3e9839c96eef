"""Every wrong upload gets its one right refusal, and leaves nothing behind."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from safelight.wire.keys import HEADER_BYTES
from service_fake import GALOIS, OTHER_PARAMETERS, PARAMETERS
from service_harness import (
    Caller,
    ServiceProcess,
    key_message,
    octets,
    request_message,
)


def code(response: object) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    body = response.json()  # type: ignore[attr-defined]
    assert {"type", "status", "code", "title", "hint"} <= set(body)
    return response.status_code, body["code"]  # type: ignore[attr-defined]


def large_residue(message: bytes) -> bytes:
    """The first residue all ones: above any prime of its size."""
    ones = bytes([255]) * 8
    return message[:HEADER_BYTES] + ones + message[HEADER_BYTES + 8 :]


KEY_FAULTS: dict[str, tuple[Callable[[bytes], bytes], tuple[int, str]]] = {
    "cut short": (lambda m: m[:-1], (400, "truncated")),
    "only a header": (lambda m: m[:20], (400, "truncated")),
    "empty": (lambda m: b"", (400, "truncated")),
    "longer than any key": (lambda m: m + bytes(1), (413, "too-large")),
    "residue above its modulus": (large_residue, (422, "residue-range")),
    "another version": (lambda m: m[:5] + b"\x09" + m[6:], (422, "unsupported-version")),
    "another magic": (lambda m: b"PK\x03\x04" + m[4:], (422, "malformed")),
    "absurd length announced": (
        lambda m: m[:8] + struct.pack("<Q", 2**62) + m[16:],
        (400, "truncated"),
    ),
}


@pytest.mark.parametrize("fault", KEY_FAULTS)
def test_damaged_key(caller: Caller, service: ServiceProcess, fault: str) -> None:
    damage, expected = KEY_FAULTS[fault]
    keyset = caller.keyset()
    body = damage(key_message(GALOIS[0]))
    response = caller.put(f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", body)
    assert code(response) == expected
    assert caller.ask("GET", f"/v1/keysets/{keyset}").json()["present"] == {}
    assert not list((service.data / "incoming").iterdir())
    caller.ask("DELETE", f"/v1/keysets/{keyset}")


def test_short_key_with_trailing_bytes(caller: Caller) -> None:
    keyset = caller.keyset()
    body = key_message(GALOIS[0], level=0) + b"x"
    assert code(caller.put(f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", body)) == (413, "too-large")
    caller.ask("DELETE", f"/v1/keysets/{keyset}")


def test_too_long_without_content_length(caller: Caller) -> None:
    keyset = caller.keyset()
    body = key_message(GALOIS[0]) + bytes(1_000_000)
    chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
    response = caller.ask(
        "PUT", f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", content=chunks, headers=octets(body)
    )
    assert code(response) == (413, "too-large")
    caller.ask("DELETE", f"/v1/keysets/{keyset}")


def test_key_of_other_parameters(caller: Caller) -> None:
    keyset = caller.keyset()
    body = key_message(GALOIS[0], parameters=OTHER_PARAMETERS)
    response = caller.put(f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", body)
    assert code(response) == (422, "parameter-mismatch")
    caller.ask("DELETE", f"/v1/keysets/{keyset}")


def test_digest_of_content(caller: Caller, keyset: str) -> None:
    path, body = f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", key_message(GALOIS[0])
    wrong = caller.ask("PUT", path, content=body, headers=octets(b"something else"))
    assert code(wrong) == (400, "digest-mismatch")
    for header in ("", "sha-256=:c2hvcnQ=:", "md5=:AAAAAAAAAAAAAAAAAAAAAA==:"):
        headers = {"Content-Type": "application/octet-stream", "Content-Digest": header}
        missing = caller.ask("PUT", path, content=body, headers=headers)
        assert code(missing) == (400, "digest-required")


def test_content_type(caller: Caller, keyset: str) -> None:
    path, body = f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", key_message(GALOIS[0])
    response = caller.put(path, body, **{"Content-Type": "image/png"})
    assert code(response) == (415, "content-type")


def test_elements_that_no_model_uses(caller: Caller, keyset: str) -> None:
    unused = PARAMETERS.galois_element(2)
    for name in (str(unused), "1", "-3", "nonsense", "9" * 30, "%F0%9F%92%A9"):
        response = caller.put(f"/v1/keysets/{keyset}/keys/{name}", key_message(unused))
        assert code(response) == (422, "element-not-needed")


def test_key_of_another_element(caller: Caller, keyset: str) -> None:
    response = caller.put(f"/v1/keysets/{keyset}/keys/{GALOIS[1]}", key_message(GALOIS[0]))
    assert code(response) == (422, "malformed")


def test_replayed_chunk_changes_nothing_and_another_is_refused(caller: Caller) -> None:
    keyset = caller.keyset()
    path, body = f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", key_message(GALOIS[0], level=0)
    assert [caller.put(path, body).status_code for _ in range(3)] == [201, 200, 200]
    assert code(caller.put(path, key_message(GALOIS[0], level=0))) == (409, "key-conflict")
    present = caller.ask("GET", f"/v1/keysets/{keyset}?model=tiny").json()
    assert present["missing"] == {"relinearization": 1} | {str(e): 1 for e in sorted(GALOIS)}
    # a key for more levels takes its place, and the old file goes
    better = key_message(GALOIS[0], level=1)
    assert caller.put(path, better).status_code == 201
    present = caller.ask("GET", f"/v1/keysets/{keyset}?model=tiny").json()
    assert set(present["missing"]) == {"relinearization", str(GALOIS[1])}
    assert present["present"][str(GALOIS[0])]["bytes"] == len(better)
    assert code(caller.put(path, body)) == (409, "key-conflict")
    caller.ask("DELETE", f"/v1/keysets/{keyset}")


def test_missing_keys_are_named(caller: Caller) -> None:
    keyset = caller.keyset()
    response = caller.post(f"/v1/inferences?model=tiny&keyset={keyset}", request_message())
    assert code(response) == (409, "keys-missing")
    assert response.json()["missing"] == {
        "relinearization": 1,
        **{str(element): 1 for element in sorted(GALOIS)},
    }
    caller.ask("DELETE", f"/v1/keysets/{keyset}")


def test_unknown_names(caller: Caller, keyset: str) -> None:
    post = lambda query: code(caller.post(f"/v1/inferences?{query}", request_message()))  # noqa: E731
    assert post(f"model=none&keyset={keyset}") == (404, "unknown-model")
    assert post("model=tiny&keyset=none") == (404, "unknown-keyset")
    assert post("model=tiny") == (400, "bad-request")
    assert code(caller.ask("GET", "/v1/models/none")) == (404, "unknown-model")
    assert code(caller.ask("GET", "/v1/nothing")) == (404, "not-found")
    assert code(caller.ask("PATCH", "/v1/models")) == (405, "method-not-allowed")
    assert code(caller.ask("GET", "/v1/keysets/" + "x" * 5000)) == (404, "unknown-keyset")


REQUEST_FAULTS: dict[str, tuple[Callable[[bytes], bytes], tuple[int, str]]] = {
    "cut short": (lambda m: m[:-9], (400, "truncated")),
    "empty": (lambda m: b"", (400, "truncated")),
    "too long": (lambda m: m + b"x", (413, "too-large")),
    "another magic": (lambda m: b"DICM" + m[4:], (422, "malformed")),
    "another model": (lambda m: m[:16] + bytes(32) + m[48:], (422, "model-mismatch")),
    "residue above its modulus": (lambda m: m[:-64] + bytes([255]) * 64, (422, "residue-range")),
}


@pytest.mark.parametrize("fault", REQUEST_FAULTS)
def test_damaged_request(caller: Caller, service: ServiceProcess, keyset: str, fault: str) -> None:
    damage, expected = REQUEST_FAULTS[fault]
    body = damage(request_message())
    assert code(caller.post(f"/v1/inferences?model=tiny&keyset={keyset}", body)) == expected
    assert not list((service.data / "incoming").iterdir())
    assert not list(service.data.glob("clients/*/jobs/*.request"))


def test_request_of_other_parameters_or_level(caller: Caller, keyset: str) -> None:
    path = f"/v1/inferences?model=tiny&keyset={keyset}"
    other = request_message("tiny", parameters=OTHER_PARAMETERS)
    assert code(caller.post(path, other))[1] in ("parameter-mismatch", "too-large")
    assert code(caller.post(path, request_message("tiny", level=0))) == (422, "malformed")
    foreign = f"/v1/inferences?model=other&keyset={keyset}"
    assert code(caller.post(foreign, request_message("other"))) == (422, "parameter-mismatch")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"parameters_digest": 3}', b"[" * 4000, b"\xff\xfe", b"null"],
)
def test_nonsense_json(caller: Caller, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = caller.ask("POST", "/v1/keysets", content=body, headers=headers)
    assert code(response) == (400, "bad-request")


def test_key_set_for_unserved_parameters(caller: Caller) -> None:
    response = caller.ask("POST", "/v1/keysets", json={"parameters_digest": "00" * 32})
    assert code(response) == (422, "unknown-parameters")
    long = caller.ask("POST", "/v1/keysets", json={"parameters_digest": "0" * 5000})
    assert code(long) == (413, "too-large")
