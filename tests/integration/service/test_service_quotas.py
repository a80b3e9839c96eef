"""A client may not take more than its share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from safelight.service.rate_limit import RateLimit
from safelight.service.refusals import Refusal
from service_fake import GALOIS
from service_harness import Caller, finished, key_message, request_message, running_service


@pytest.fixture
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A client of a service with small quotas and a slow engine."""
    limits = {
        "FAKE_LIMIT_KEYSETS": "2",
        "FAKE_LIMIT_KEY_BYTES": str(len(key_message(GALOIS[0])) + 10),
        "FAKE_LIMIT_QUEUED_JOBS": "2",
        "FAKE_LIMIT_REQUESTS_PER_MINUTE": "40",
        "FAKE_STEPS": "1000",
        "FAKE_STEP_S": "0.05",
    }
    with running_service(tmp_path_factory.mktemp("narrow"), **limits) as service:
        yield service.client("clinic")


def test_key_sets(narrow: Caller) -> None:
    ids = [narrow.keyset() for _ in range(2)]
    digest = narrow.ask("GET", f"/v1/keysets/{ids[0]}").json()["parameters_digest"]
    response = narrow.ask("POST", "/v1/keysets", json={"parameters_digest": digest})
    assert (response.status_code, response.json()["code"]) == (429, "quota-keysets")
    assert response.json()["limit"] == 2
    assert narrow.ask("DELETE", f"/v1/keysets/{ids[0]}").status_code == 204
    narrow.keyset()


def test_key_bytes(narrow: Caller) -> None:
    keyset, second = narrow.keyset(), narrow.keyset()
    body = key_message(GALOIS[0])
    assert narrow.put(f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", body).status_code == 201
    response = narrow.put(f"/v1/keysets/{keyset}/keys/{GALOIS[1]}", key_message(GALOIS[1]))
    assert (response.status_code, response.json()["code"]) == (429, "quota-key-bytes")
    # the same key in another set is stored once, and so counted once
    assert narrow.put(f"/v1/keysets/{second}/keys/{GALOIS[0]}", body).status_code == 201


def test_queued_jobs(narrow: Caller) -> None:
    path = f"/v1/inferences?model=free&keyset={narrow.keyset()}"
    ids = [narrow.post(path, request_message("free")).json()["id"] for _ in range(2)]
    response = narrow.post(path, request_message("free"))
    assert (response.status_code, response.json()["code"]) == (429, "quota-jobs")
    assert int(response.headers["retry-after"]) >= 1
    narrow.ask("DELETE", f"/v1/inferences/{ids[1]}")
    assert narrow.post(path, request_message("free")).status_code == 202


def test_requests_a_minute(narrow: Caller) -> None:
    other = narrow.service.client("other")
    answers = [narrow.ask("GET", "/v1/models") for _ in range(45)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["code"] == "rate-limited"
    assert int(refused[0].headers["retry-after"]) >= 1
    assert other.ask("GET", "/v1/models").status_code == 200


def test_rate_limit_refills_with_time() -> None:
    now = [0.0]
    limit = RateLimit(60, clock=lambda: now[0])
    for _ in range(60):
        limit.take("a")
    with pytest.raises(Refusal) as refused:
        limit.take("a")
    assert refused.value.retry_after_s == pytest.approx(1.0)
    limit.take("b")
    now[0] = 1.0
    limit.take("a")
    with pytest.raises(Refusal):
        limit.take("a")


def test_time_limit_of_a_job(tmp_path_factory: pytest.TempPathFactory) -> None:
    limits = {"FAKE_LIMIT_JOB_TIMEOUT_S": "0.2", "FAKE_STEPS": "1000", "FAKE_STEP_S": "0.05"}
    with running_service(tmp_path_factory.mktemp("hurry"), **limits) as service:
        caller = service.client("clinic")
        path = f"/v1/inferences?model=free&keyset={caller.keyset()}"
        job = finished(caller, caller.post(path, request_message("free")).json()["id"])
        assert (job["status"], job["code"]) == ("failed", "timeout")
