"""Whether a model may be passed on: what its data's owner has not allowed stays where it is."""

from __future__ import annotations

import json

from safelight.errors import UnknownModelError
from safelight.models.model_folder import model_folder

UNSTATED_LICENCE = "not stated by the data's owner; not to be passed on"
"""Where none is known: `safelight train` and `safelight import` write it into model and card."""
UNSTATED_ATTRIBUTION = "Owner not stated"


def may_be_passed_on(name: str) -> bool:
    """False for a model whose data have no stated licence.

    Args:
        name: Of a shipped model, or the folder of any.
    """
    try:
        text = (model_folder(name) / "model.json").read_text(encoding="utf-8")
        data = json.loads(text).get("data", {})
        # the empty text is that of models imported before every model had a card
        return not isinstance(data, dict) or data.get("licence") not in ("", UNSTATED_LICENCE)
    except (UnknownModelError, OSError, ValueError, AttributeError):
        return True  # absent or damaged: whoever loads it says so
