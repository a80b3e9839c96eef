"""Which engine evaluates: the native one where it is built, else SEAL's."""

from __future__ import annotations

import importlib
import importlib.util

from safelight.engine.base import Engine
from safelight.errors import InputError

_ENGINES = {
    "native": ("safelight.engine.native", "NativeEngine"),
    "seal": ("safelight.engine.seal", "SealEngine"),
}
# The compiled half of the native engine: without it the module cannot be imported.
_NATIVE_EXTENSION = "safelight._native"


def choose_engine(name: str = "auto", *, threads: int = 1) -> Engine:
    """The engine of that name; ``auto`` prefers the native one.

    Args:
        name: ``auto``, ``native`` or ``seal``.
        threads: How many compute in this process, over all requests; SEAL's engine has one.

    Raises:
        InputError: No engine of that name, or it is not built here.
    """
    if name == "auto":
        name = "native" if _is_there("native") else "seal"
    if name not in _ENGINES:
        raise InputError(f"there is no engine {name}", hint=f"one of auto, {', '.join(_ENGINES)}")
    if not _is_there(name):
        raise InputError(f"the engine {name} is not built here", hint="use --engine auto")
    module_name, kind = _ENGINES[name]
    module = importlib.import_module(module_name)
    if name == "native":
        module.set_threads(threads)
    engine: Engine = getattr(module, kind)()
    return engine


def _is_there(name: str) -> bool:
    if importlib.util.find_spec(_ENGINES[name][0]) is None:
        return False
    return name != "native" or importlib.util.find_spec(_NATIVE_EXTENSION) is not None
