"""Where a model's files are: light, for those who do not compile."""

from __future__ import annotations

from pathlib import Path

from safelight.errors import UnknownModelError

SHIPPED = Path(__file__).parent / "shipped"


def model_names() -> tuple[str, ...]:
    """Names of the shipped models, sorted."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob("*/model.json")))


def model_folder(name: str) -> Path:
    """The folder of a shipped model by name, or of a model by its path.

    Raises:
        UnknownModelError: Neither.
    """
    folder = SHIPPED / name if name in model_names() else Path(name)
    if not (folder / "model.json").is_file():
        raise UnknownModelError(
            f"there is no model {name!r}", hint=f"one of {', '.join(model_names())}"
        )
    return folder
