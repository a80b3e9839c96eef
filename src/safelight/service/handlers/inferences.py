"""Inferences: a request in, a job, a signed result out."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from safelight.errors import InputError
from safelight.service.bodies import OCTETS, received_body
from safelight.service.claims import Claims
from safelight.service.element_names import element_name
from safelight.service.job import NO_KEYSET, Job, NewJob
from safelight.service.limits import MAX_IDEMPOTENCY_KEY_CHARS
from safelight.service.parts import Parts, client_of, parts_of
from safelight.service.permission import permit
from safelight.service.refusals import Refusal
from safelight.service.sealed_inference import max_sealed_bytes
from safelight.service.stored_messages import max_request_bytes, read_request
from safelight.wire.content_digest import content_digest
from safelight.wire.levels import Level, level_of

_IDEMPOTENCY_KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_IDEMPOTENCY_KEY_CHARS}}}")


async def submit(request: Request) -> Response:
    """Accepts a request once it is checked and on the disk; the same one again is the same job."""
    parts = parts_of(request)
    name = request.query_params.get("model", "")
    try:
        level = level_of(request.query_params.get("level", "homomorphic"))
    except InputError:
        raise Refusal("bad-request") from None
    if not parts.levels.knows(name):
        raise Refusal("unknown-model" if name else "bad-request")
    parts.levels.check(name, level)
    claims = await permit(request, "submit", model=name, level=level)
    await permit(request, "infer", model=name, level=level)
    accept = _homomorphic if level == "homomorphic" else _sealed
    job, created = await accept(request, name, level, claims)
    if created:
        parts.evaluator.notify()
    return JSONResponse(
        job_json(parts, job),
        status_code=202 if created else 200,
        headers={"Location": f"/v1/inferences/{job.id}"},
    )


async def _homomorphic(
    request: Request, name: str, level: Level, claims: Claims
) -> tuple[Job, bool]:
    parts, client_id = parts_of(request), client_of(request)
    model = parts.catalogue.model(name)
    keyset_id = request.query_params.get("keyset")
    if keyset_id is None:
        raise Refusal("bad-request")
    keyset = await parts.in_thread(parts.stores.keysets.get, client_id, keyset_id)
    if keyset.parameters_digest != model.parameters.digest.hex():
        raise Refusal("parameter-mismatch")
    if missing := keyset.missing(model.requirements):
        levels = {element_name(element): level for element, level in missing.items()}
        raise Refusal("keys-missing", members={"missing": levels})
    idempotency_key = _idempotency_key(request)
    limit = max_request_bytes(model)
    async with received_body(request, parts.stores.incoming, max_bytes=limit) as body:
        async with parts.parsers:
            await parts.in_thread(lambda: read_request(body.path.read_bytes(), model))
        new = NewJob(
            client_id, keyset_id, name, body.sha256, body.size, idempotency_key, level, claims
        )
        return await parts.in_thread(parts.stores.jobs.submit, new, body.path)


async def _sealed(request: Request, name: str, level: Level, claims: Claims) -> tuple[Job, bool]:
    """The sealed request is stored as it came: sealed."""
    parts, client_id = parts_of(request), client_of(request)
    sealed, model = parts.sealed, parts.plain_models.model(name)
    if sealed is None:
        raise Refusal("level-not-served")
    idempotency_key = _idempotency_key(request)
    limit = max_sealed_bytes(model.interface)
    async with received_body(request, parts.stores.incoming, max_bytes=limit) as body:
        async with parts.parsers:
            await parts.in_thread(lambda: sealed.check(body.path.read_bytes(), model, level))
        new = NewJob(
            client_id, NO_KEYSET, name, body.sha256, body.size, idempotency_key, level, claims
        )
        return await parts.in_thread(parts.stores.jobs.submit, new, body.path)


async def get_inference(request: Request) -> Response:
    """Status, progress and timings."""
    parts = parts_of(request)
    return JSONResponse(job_json(parts, await _retrieved(request)))


async def get_result(request: Request) -> Response:
    """The signed result, as often as asked until it expires or is deleted."""
    parts, client_id = parts_of(request), client_of(request)
    job = await _retrieved(request)
    if job.status in ("queued", "running"):
        raise Refusal("not-finished", members={"inference_status": job.status})
    if job.status != "done" or job.result_sha256 is None:
        raise Refusal("not-available", members={"inference_status": job.status})
    path = parts.stores.jobs.result_path(client_id, job.id)
    try:
        result = await parts.in_thread(path.read_bytes)
    except FileNotFoundError:  # deleted between the two look-ups
        raise Refusal("unknown-inference") from None
    digest = content_digest(bytes.fromhex(job.result_sha256))
    return Response(result, media_type=OCTETS, headers={"Content-Digest": digest})


async def delete_inference(request: Request) -> Response:
    """Cancels an open inference (its job is answered) or forgets a finished one (204)."""
    parts, client_id = parts_of(request), client_of(request)
    await _retrieved(request)
    job = await parts.in_thread(
        parts.stores.jobs.cancel_or_delete, client_id, request.path_params["id"]
    )
    if job is None:
        return Response(status_code=204)
    parts.evaluator.cancel(job.id)
    return JSONResponse(job_json(parts, job))


async def _retrieved(request: Request) -> Job:
    """The client's job, if the rules let it have what is its own."""
    parts = parts_of(request)
    job = await parts.in_thread(
        parts.stores.jobs.get, client_of(request), request.path_params["id"]
    )
    await permit(request, "retrieve", model=job.model, level=job.level, job_id=job.id)
    return job


def job_json(parts: Parts, job: Job) -> dict[str, Any]:
    """A job as its client sees it."""
    steps = parts.evaluator.board.steps(job.id)
    if job.status == "done":
        progress = 1.0
    elif job.status == "running" and steps is not None:
        progress = round(steps[0] / max(1, steps[1]), 4)
    else:
        progress = 0.0
    return {
        "id": job.id,
        "status": job.status,
        "code": job.code,
        "model": job.model,
        "level": job.level,
        "keyset": job.keyset_id or None,
        "request_sha256": job.request_sha256,
        "progress": progress,
        "timings_ms": {"queued": _ms(job.queued_ms), "evaluate": _ms(job.evaluate_ms)},
    }


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Refusal("bad-request")
    return key
