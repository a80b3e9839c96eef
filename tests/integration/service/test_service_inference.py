"""A request in, a signed result out: the whole way over HTTP."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from safelight.wire.content_digest import content_digest
from service_fake import GALOIS
from service_harness import (
    Caller,
    ServiceProcess,
    finished,
    key_message,
    request_message,
    running_service,
)


def test_result_of_a_request(caller: Caller, keyset: str) -> None:
    request = request_message()
    response = caller.post(f"/v1/inferences?model=tiny&keyset={keyset}", request)
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/v1/inferences/{job['id']}"
    assert job["request_sha256"] == hashlib.sha256(request).hexdigest()

    job = finished(caller, job["id"])
    assert job["status"] == "done"
    assert job["progress"] == 1.0
    assert job["timings_ms"]["queued"] >= 0
    assert job["timings_ms"]["evaluate"] >= 0

    result = caller.ask("GET", f"/v1/inferences/{job['id']}/result")
    assert result.status_code == 200
    assert result.headers["content-type"] == "application/octet-stream"
    digest = hashlib.sha256(result.content).digest()
    assert result.headers["content-digest"] == content_digest(digest)


def test_a_replayed_request_is_the_same_job(caller: Caller, keyset: str) -> None:
    path, request = f"/v1/inferences?model=tiny&keyset={keyset}", request_message()
    first, second = caller.post(path, request), caller.post(path, request)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]


def test_idempotency_key_is_of_one_request(caller: Caller, keyset: str) -> None:
    path, request = f"/v1/inferences?model=tiny&keyset={keyset}", request_message()
    first = caller.post(path, request, **{"Idempotency-Key": "a-1"})
    again = caller.post(path, request, **{"Idempotency-Key": "a-1"})
    other = caller.post(path, request_message(), **{"Idempotency-Key": "a-1"})
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert again.json()["id"] == first.json()["id"]
    assert other.json()["code"] == "idempotency-conflict"


def test_a_failing_evaluation_fails_its_job_only(caller: Caller, keyset: str) -> None:
    path = f"/v1/inferences?model=broken&keyset={keyset}"
    request = request_message("broken")
    job = finished(caller, caller.post(path, request).json()["id"])
    assert (job["status"], job["code"]) == ("failed", "evaluation-failed")
    result = caller.ask("GET", f"/v1/inferences/{job['id']}/result")
    assert (result.status_code, result.json()["code"]) == (409, "not-available")
    assert "secret detail" not in result.text
    # the same request again is a new attempt
    again = caller.post(path, request)
    assert again.status_code == 202
    assert again.json()["id"] != job["id"]
    assert caller.ask("GET", "/v1/health").json() == {"status": "ok"}


def test_finished_inference_is_forgotten(caller: Caller, keyset: str) -> None:
    path = f"/v1/inferences?model=free&keyset={keyset}"
    job = finished(caller, caller.post(path, request_message("free")).json()["id"])
    assert caller.ask("DELETE", f"/v1/inferences/{job['id']}").status_code == 204
    for suffix in ("", "/result", "/events"):
        gone = caller.ask("GET", f"/v1/inferences/{job['id']}{suffix}")
        assert (gone.status_code, gone.json()["code"]) == (404, "unknown-inference")


def test_the_request_is_removed_once_it_is_answered(
    service: ServiceProcess, caller: Caller, keyset: str
) -> None:
    path = f"/v1/inferences?model=free&keyset={keyset}"
    job = finished(caller, caller.post(path, request_message("free")).json()["id"])
    names = [found.name for found in service.data.glob(f"clients/*/jobs/{job['id']}*")]
    assert names == [f"{job['id']}.result"]


def test_events_end_with_the_job(caller: Caller, keyset: str) -> None:
    path = f"/v1/inferences?model=free&keyset={keyset}"
    job = caller.post(path, request_message("free")).json()
    response = caller.ask("GET", f"/v1/inferences/{job['id']}/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    last = response.text.strip().split("\n\n")[-1].splitlines()
    assert last[0] == "event: done"
    assert json.loads(last[1].removeprefix("data: "))["status"] == "done"


def test_a_running_inference_is_cancelled(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("slow")
    with running_service(folder, FAKE_STEPS="1000", FAKE_STEP_S="0.05") as service:
        caller = service.client("clinic")
        keyset_id = caller.keyset()
        path = f"/v1/inferences?model=free&keyset={keyset_id}"
        running = caller.post(path, request_message("free")).json()["id"]
        waiting = caller.post(path, request_message("free")).json()["id"]
        unfinished = caller.ask("GET", f"/v1/inferences/{running}/result")
        assert (unfinished.status_code, unfinished.json()["code"]) == (409, "not-finished")
        in_use = caller.ask("DELETE", f"/v1/keysets/{keyset_id}")
        assert (in_use.status_code, in_use.json()["code"]) == (409, "keyset-in-use")
        for job_id in (waiting, running):
            answer = caller.ask("DELETE", f"/v1/inferences/{job_id}")
            assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        # the worker is free again at once, not after fifty seconds
        third = caller.post(path, request_message("free")).json()["id"]
        for _ in range(200):
            if caller.ask("GET", f"/v1/inferences/{third}").json()["status"] == "running":
                break
        else:
            raise AssertionError("the worker is still busy")
        assert not list(service.data.glob(f"clients/*/jobs/{running}*"))


def test_model_says_what_a_client_needs(caller: Caller) -> None:
    model = caller.ask("GET", "/v1/models/tiny").json()
    assert model["parameters"]["n"] == 4096
    assert model["key_requirements"] == {
        "relinearization_level": 1,
        "galois_levels": {str(element): 1 for element in sorted(GALOIS)},
    }
    names = [entry["name"] for entry in caller.ask("GET", "/v1/models").json()["models"]]
    assert names == ["tiny", "shallow", "free", "broken", "other"]


def test_many_at_once(caller: Caller) -> None:
    """Eight threads upload the same key and hand in the same request: one key, one job."""
    keyset = caller.keyset()
    key, request = key_message(GALOIS[0]), request_message("shallow")
    with ThreadPoolExecutor(8) as pool:
        key_path = f"/v1/keysets/{keyset}/keys/{GALOIS[0]}"
        puts = list(pool.map(lambda _: caller.put(key_path, key).status_code, range(8)))
        assert sorted(puts) == [200] * 7 + [201]
        path = f"/v1/inferences?model=shallow&keyset={keyset}"
        posts = list(pool.map(lambda _: caller.post(path, request), range(8)))
        assert sorted(post.status_code for post in posts) == [200] * 7 + [202]
        assert len({post.json()["id"] for post in posts}) == 1
        others = [request_message("shallow") for _ in range(16)]
        jobs = [post.json()["id"] for post in pool.map(lambda r: caller.post(path, r), others)]
        assert {finished(caller, job)["status"] for job in jobs} == {"done"}
