"""Optional packages of the lab, imported when first needed."""

from __future__ import annotations

import importlib
from typing import Any

from safelight.errors import InputError


def extra(module: str, name: str) -> Any:
    """The module, or one clear error that names what to install.

    Args:
        module: Such as ``skimage.metrics``.
        name: The extra of this package that brings it.

    Raises:
        InputError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as exc:
        raise InputError(
            f"this part of the lab needs {module.split('.')[0]}, which is not installed",
            hint=f"pip install 'safelight[{name}]'",
        ) from exc
