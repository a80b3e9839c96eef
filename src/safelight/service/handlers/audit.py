"""The audit log for those who watch it: its key, its checkpoint, and that it only grows."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from safelight.errors import AuditError, InputError
from safelight.service.parts import Parts, parts_of
from safelight.service.permission import permit
from safelight.service.refusals import Refusal
from safelight.vault.audit.log import AuditLog
from safelight.vault.audit.reading import LogReader

_MAX_SIZE_DIGITS = 15


async def describe(request: Request) -> Response:
    """The log's public key, for who begins to watch it."""
    audit = await _audit(request)
    return JSONResponse({"verifier_key": str(audit.verifier_key)})


async def checkpoint(request: Request) -> Response:
    """A checkpoint over all entries so far, as a signed note."""
    audit = await _audit(request)
    parts = parts_of(request)
    reader = await parts.in_thread(_reader, audit)
    return PlainTextResponse(reader.note.decode(), media_type="text/plain; charset=utf-8")


async def consistency(request: Request) -> Response:
    """A proof that the log continues the one of ``?from=`` entries."""
    audit = await _audit(request)
    parts: Parts = parts_of(request)
    text = request.query_params.get("from", "")
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_SIZE_DIGITS:
        raise Refusal("bad-request")
    reader = await parts.in_thread(_reader, audit)
    try:
        document = await parts.in_thread(reader.consistency, int(text))
    except InputError:
        raise Refusal("bad-request") from None
    return JSONResponse(document)


async def _audit(request: Request) -> AuditLog:
    await permit(request, "administer")
    audit = parts_of(request).gate.audit
    if audit is None:
        raise Refusal("not-found")
    return audit


def _reader(audit: AuditLog) -> LogReader:
    try:
        audit.checkpoint()
    except AuditError as exc:
        raise Refusal("audit-unavailable", retry_after_s=30) from exc
    return LogReader(audit.folder, audit.verifier_key)
