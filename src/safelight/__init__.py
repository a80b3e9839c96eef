"""Safelight: a diagnostic model works on a medical image without ever seeing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.errors import SafelightError

if TYPE_CHECKING:
    from safelight.client.client import Client
    from safelight.client.diagnosis import Diagnosis
    from safelight.client.local_service import LocalService
    from safelight.models.importers.compile_model import compile_model

__version__ = "0.1.0"
__all__ = ["Client", "Diagnosis", "LocalService", "SafelightError", "__version__", "compile_model"]

# Where the names of the surface live: imported on first use, so that `import safelight` is fast
# and the service process never loads the secret side.
_LAZY = {
    "Client": "safelight.client.client",
    "Diagnosis": "safelight.client.diagnosis",
    "LocalService": "safelight.client.local_service",
    "compile_model": "safelight.models.importers.compile_model",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
