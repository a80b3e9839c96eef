"""Structured logs: one JSON object a line on stderr, of a closed list of fields.

Nothing that a client wrote gets into a log line: no path, header, body, token or name; routes
are logged as their templates, clients and jobs by the ids that we gave them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, TextIO

LOG_FIELDS: Final = frozenset(
    {
        "time",
        "event",
        "request_id",
        "client_id",
        "job_id",
        "model",
        "method",
        "route",
        "status",
        "code",
        "ms",
        "bytes_in",
        "bytes_out",
        "count",
        "detail",
    }
)


class Log:
    """Writes log lines.

    Args:
        stream: Where to; stderr by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def write(self, event: str, **fields: str | int | float | None) -> None:
        """One line; fields that are None are left out.

        Raises:
            ValueError: A field that is not in `LOG_FIELDS`.
        """
        if unknown := fields.keys() - LOG_FIELDS:
            raise ValueError(f"not a field of the log: {', '.join(sorted(unknown))}")
        line: dict[str, str | int | float] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event,
        }
        line.update({name: value for name, value in fields.items() if value is not None})
        # one write a line, so that threads do not mix theirs
        # a log on a full disk loses lines, and the service goes on: what must not be lost is
        # the audit log's (safelight.vault.audit), which refuses instead
        with contextlib.suppress(OSError):
            (self._stream or sys.stderr).write(json.dumps(line) + "\n")


class ServerLogHandler(logging.Handler):
    """Turns the HTTP server's own records into ours.

    Only the constant template of a record is kept: its arguments and traceback may hold what a
    client sent.
    """

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Logs the template of a record, and the class of its exception."""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        template = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        self._log.write("server", detail=kind or template.splitlines()[0][:120])


def install_server_log(log: Log) -> None:
    """Sends what uvicorn and asyncio have to say through ``log``."""
    handler = ServerLogHandler(log)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers = [handler] if name in ("uvicorn", "asyncio") else []
        logger.propagate = name not in ("uvicorn", "asyncio")
        logger.setLevel(logging.WARNING)
