"""A service process of one's own: started for a command, used by it, and stopped with it.

It is the same program as a remote service, in a process that holds no secret key.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from safelight.errors import ServiceFailedError

START_TIMEOUT_S = 120.0  # compiling every model on a busy machine; usually a few seconds
_STOP_TIMEOUT_S = 10.0


# What leads to the clinic's secrets is not the service's affair.
_CLINIC_VARIABLES = (
    "SAFELIGHT_TOKEN",
    "SAFELIGHT_PASSPHRASE_FILE",
    "SAFELIGHT_NEW_PASSPHRASE_FILE",
)


def programs_folder() -> Path:
    """Where compiled models outlive the services of single commands."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "safelight" / "programs"


def _public_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _CLINIC_VARIABLES}


class LocalService:
    """Starts ``python -m safelight.service`` on a free loopback port.

    Args:
        models: Names of the models it serves; all if None.
        data: Its folder; a temporary one, deleted at the end, if None.
        engine: ``auto``, ``native`` or ``seal``.
        lowered: Names of models that it also serves at the level `envelope`.

    Raises:
        ServiceFailedError: It does not come up.
    """

    def __init__(
        self,
        models: tuple[str, ...] | None = None,
        *,
        data: Path | None = None,
        engine: str = "auto",
        lowered: tuple[str, ...] = (),
    ) -> None:
        self._temporary = None
        if data is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="safelight-service-")
            data = Path(self._temporary.name)
        self.data = data
        self.token = secrets.token_urlsafe(32)
        self._log = (data / "service.log").open("wb")
        arguments = ["--data", str(data), "--port", "0", "--engine", engine]
        if self._temporary is not None:
            arguments += ["--programs", str(programs_folder())]
            # nobody would look into the audit log of a service that lives for one command
            arguments += ["--no-audit"]
        for name in models or ():
            arguments += ["--model", name]
        for name in lowered:
            arguments += ["--minimum-level", f"{name}=envelope"]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "safelight.service", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**_public_environment(), "SAFELIGHT_LOCAL_TOKEN": self.token},
        )
        try:
            ready = self._await_ready()
            self.url: str = ready["url"]
            self.public_key = bytes.fromhex(ready["service_key"])
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Process id of the service."""
        return self._process.pid

    def _await_ready(self) -> dict[str, str]:
        assert self._process.stdout is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, left))
            chunk = os.read(self._process.stdout.fileno(), 4096) if readable else b""
            if not chunk:
                raise ServiceFailedError("the local service did not start", hint=self._last_words())
            line += chunk
        ready: dict[str, str] = json.loads(line)
        return ready

    def _last_words(self) -> str:
        """The service's own last error line, or where it would be."""
        lines = (self.data / "service.log").read_text("utf-8", "replace").splitlines()
        return lines[-1] if lines else "it said nothing"

    def close(self) -> None:
        """Stops the process and removes its temporary folder."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
