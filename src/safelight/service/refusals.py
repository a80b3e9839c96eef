"""A refusal: what any part of the service raises when it will not do what was asked."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):  # noqa: N818 - it is no error of the service
    """What was asked will not be done; `safelight.service.problems` says it over HTTP.

    Args:
        code: One of `safelight.service.problems.CATALOGUE`.
        members: Facts for the client, such as the missing elements; never payload.
        retry_after_s: When to come again, where that helps.
    """

    def __init__(
        self,
        code: str,
        *,
        members: Mapping[str, object] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.members = dict(members or {})
        self.retry_after_s = retry_after_s
