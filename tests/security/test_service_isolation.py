"""One client cannot see, use, disturb or detect another; nobody gets in without a token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from service_fake import GALOIS
from service_harness import (
    Caller,
    ServiceProcess,
    finished,
    key_message,
    request_message,
    running_service,
    upload_keys,
)


class Two(NamedTuple):
    """A client with keys and a result, and one that wants them."""

    service: ServiceProcess
    owner: Caller
    stranger: Caller
    keyset: str
    job: str


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with running_service(tmp_path_factory.mktemp("two")) as service:
        owner, stranger = service.client("owner"), service.client("stranger")
        keyset = owner.keyset()
        upload_keys(owner, keyset)
        path = f"/v1/inferences?model=tiny&keyset={keyset}"
        job = finished(owner, owner.post(path, request_message()).json()["id"])["id"]
        yield Two(service, owner, stranger, keyset, job)


def shown(response: httpx.Response) -> tuple[int, str, list[str]]:
    """Everything of an answer but the request's id and the time."""
    names = sorted(name for name in response.headers if name != "date")
    return response.status_code, response.text, names


ROUTES = [
    ("GET", "/v1/keysets/{}"),
    ("GET", "/v1/keysets/{}?model=tiny"),
    ("DELETE", "/v1/keysets/{}"),
    ("GET", "/v1/inferences/{}"),
    ("GET", "/v1/inferences/{}/events"),
    ("GET", "/v1/inferences/{}/result"),
    ("DELETE", "/v1/inferences/{}"),
]


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_what_is_anothers_looks_like_nothing(two: Two, method: str, route: str) -> None:
    taken = two.keyset if "keysets" in route else two.job
    foreign = two.stranger.ask(method, route.format(taken))
    unknown = two.stranger.ask(method, route.format("0" * 32))
    assert foreign.status_code == 404
    assert shown(foreign) == shown(unknown)
    # and it is still there for its owner
    assert two.owner.ask("GET", f"/v1/keysets/{two.keyset}").status_code == 200
    assert two.owner.ask("GET", f"/v1/inferences/{two.job}/result").status_code == 200


def test_anothers_key_set_cannot_be_written_or_used(two: Two) -> None:
    body = key_message(GALOIS[0])
    for keyset in (two.keyset, "0" * 32):
        put = two.stranger.put(f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", body)
        assert (put.status_code, put.json()["code"]) == (404, "unknown-keyset")
        post = two.stranger.post(f"/v1/inferences?model=tiny&keyset={keyset}", request_message())
        assert (post.status_code, post.json()["code"]) == (404, "unknown-keyset")


def test_lists_hold_ones_own_only(two: Two) -> None:
    assert two.stranger.ask("GET", "/v1/keysets").json() == {"keysets": []}
    assert two.owner.ask("GET", "/v1/keysets").json() == {"keysets": [two.keyset]}


def test_the_same_content_is_not_shared(two: Two) -> None:
    """No answer, status or quota tells a client that another one has a key or sent a request."""
    body, request = key_message(GALOIS[0]), request_message("free")
    answers = []
    for caller in (two.owner, two.stranger):
        keyset = caller.keyset()
        put = caller.put(f"/v1/keysets/{keyset}/keys/{GALOIS[0]}", body)
        post = caller.post(f"/v1/inferences?model=free&keyset={keyset}", request)
        answers.append((put.status_code, put.json(), post.status_code))
        finished(caller, post.json()["id"])
        caller.ask("DELETE", f"/v1/inferences/{post.json()['id']}")
        caller.ask("DELETE", f"/v1/keysets/{keyset}")
    assert answers[0] == answers[1]
    assert answers[0][0] == 201
    assert answers[0][2] == 202


def test_idempotency_keys_are_of_one_client(two: Two) -> None:
    for caller in (two.owner, two.stranger):
        path = f"/v1/inferences?model=free&keyset={caller.keyset()}"
        post = caller.post(path, request_message("free"), **{"Idempotency-Key": "same"})
        assert post.status_code == 202


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong-token-of-nobody-at-all",
        "Basic Y2xpbmljOnNlY3JldA==",
        "Bearer " + "x" * 5000,
        "Bearer ' OR 1=1 --  xxxxxxxxxxxx",
    ],
)
@pytest.mark.parametrize(
    "path", ["/v1/service", "/v1/models", "/v1/keysets", "/v1/nothing", "/nothing"]
)
def test_no_token_no_answer(two: Two, authorization: str | None, path: str) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    with httpx.Client(base_url=two.service.url, trust_env=False) as client:
        answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_tokens_are_not_stored(two: Two) -> None:
    tokens = [two.owner.token.encode(), two.stranger.token.encode()]
    for path in two.service.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(token in content for token in tokens), path.name


def test_public_routes_tell_nothing_of_clients(two: Two) -> None:
    with httpx.Client(base_url=two.service.url, trust_env=False) as client:
        text = client.get("/v1/health").text + client.get("/v1/metrics").text
        text += client.get("/").text  # the portal, where it is built: the same for everybody
    for secret in ("owner", "stranger", two.keyset, two.job, two.owner.token):
        assert secret not in text
