"""Key sets: created empty, filled key by key; what is present tells where to resume."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from safelight.errors import MalformedError
from safelight.service.bodies import received_body, received_json
from safelight.service.element_names import element_name, element_of
from safelight.service.keysets import StoredKey
from safelight.service.limits import MAX_JSON_BYTES
from safelight.service.parts import client_of, parts_of
from safelight.service.permission import permit
from safelight.service.refusals import Refusal
from safelight.service.stored_messages import max_key_bytes, read_key
from safelight.wire.canonical_json import parse_json
from safelight.wire.content_digest import content_digest


async def create_keyset(request: Request) -> Response:
    """A new, empty key set for the parameters of a served model."""
    parts = parts_of(request)
    await permit(request, "submit")
    digest = _parameters_digest(await received_json(request))
    parts.catalogue.parameters(digest)
    keyset_id = await parts.in_thread(parts.stores.keysets.create, client_of(request), digest)
    return JSONResponse(
        {"id": keyset_id, "parameters_digest": digest},
        status_code=201,
        headers={"Location": f"/v1/keysets/{keyset_id}"},
    )


async def list_keysets(request: Request) -> Response:
    """Ids of this client's key sets."""
    parts = parts_of(request)
    await permit(request, "retrieve")
    ids = await parts.in_thread(parts.stores.keysets.of_client, client_of(request))
    return JSONResponse({"keysets": ids})


async def get_keyset(request: Request) -> Response:
    """The keys that are present, and those that ``?model=`` still needs."""
    parts = parts_of(request)
    await permit(request, "retrieve")
    keyset = await parts.in_thread(
        parts.stores.keysets.get, client_of(request), request.path_params["id"]
    )
    answer: dict[str, Any] = {
        "id": keyset.id,
        "parameters_digest": keyset.parameters_digest,
        "present": {
            element_name(key.element): {
                "sha256": key.sha256,
                "level": key.level,
                "bytes": key.bytes,
            }
            for key in keyset.keys.values()
        },
    }
    if "model" in request.query_params:
        model = parts.catalogue.model(request.query_params["model"])
        if model.parameters.digest.hex() != keyset.parameters_digest:
            raise Refusal("parameter-mismatch")
        answer["missing"] = {
            element_name(element): level
            for element, level in keyset.missing(model.requirements).items()
        }
    return JSONResponse(answer)


async def put_key(request: Request) -> Response:
    """Takes one key: streamed to disk, parsed strictly, then made visible at once."""
    parts = parts_of(request)
    await permit(request, "submit")
    client_id, keyset_id = client_of(request), request.path_params["id"]
    keyset = await parts.in_thread(parts.stores.keysets.get, client_id, keyset_id)
    parameters = parts.catalogue.parameters(keyset.parameters_digest)
    element = element_of(request.path_params["element"])
    if element is None or not parts.catalogue.uses(keyset.parameters_digest, element):
        raise Refusal("element-not-needed")
    limit = max_key_bytes(parameters)
    async with received_body(request, parts.stores.incoming, max_bytes=limit) as body:
        async with parts.parsers:
            key = await parts.in_thread(
                lambda: read_key(body.path.read_bytes(), parameters, element)
            )
        stored = StoredKey(element, key.level, body.size, body.sha256)
        created = await parts.in_thread(
            parts.stores.keysets.put_key, client_id, keyset_id, stored, body.path
        )
    return JSONResponse(
        {"sha256": stored.sha256, "level": stored.level, "bytes": stored.bytes},
        status_code=201 if created else 200,
        headers={"Repr-Digest": content_digest(bytes.fromhex(stored.sha256))},
    )


async def delete_keyset(request: Request) -> Response:
    """Forgets a key set; refused while an inference needs it."""
    parts = parts_of(request)
    await permit(request, "submit")
    await parts.in_thread(
        parts.stores.keysets.delete, client_of(request), request.path_params["id"]
    )
    return Response(status_code=204)


def _parameters_digest(body: bytes) -> str:
    try:
        document = parse_json(body, MAX_JSON_BYTES)
    except MalformedError:
        raise Refusal("bad-request") from None
    if not isinstance(document, dict) or set(document) != {"parameters_digest"}:
        raise Refusal("bad-request")
    digest = document["parameters_digest"]
    if not isinstance(digest, str):
        raise Refusal("bad-request")
    return digest
