"""The OpenAPI 3.1 document, written by hand in ``openapi.json`` beside this file."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from safelight.service.version import VERSION


def _document() -> dict[str, Any]:
    text = files("safelight.service").joinpath("openapi.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    document["info"]["version"] = VERSION
    return document


OPENAPI = _document()
OPENAPI_BYTES = json.dumps(OPENAPI, ensure_ascii=False).encode()
