"""Models whose data allow nothing are not served to others."""

from __future__ import annotations

from safelight.errors import InputError
from safelight.models.licence import may_be_passed_on
from safelight.service.settings import Settings


def check_licences(settings: Settings) -> None:
    """Refuses to serve a model beyond this machine where its data state no licence.

    Raises:
        InputError: One of the models is such.
    """
    if settings.on_loopback:
        return
    names = [*(settings.models or ()), *(str(folder) for _, folder in settings.deep_models)]
    if kept := [name for name in names if not may_be_passed_on(name)]:
        raise InputError(
            f"{len(kept)} of the models learned from data whose owner states no licence; they are "
            "not served beyond this machine",
            hint="train or import again with --licence and --attribution, or serve on 127.0.0.1",
        )
