"""What an operator decides about one service process."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safelight.errors import InputError
from safelight.service.limits import Limits
from safelight.service.model_levels import SERVED
from safelight.wire.levels import Level


@dataclass(frozen=True)
class Settings:
    """One service process.

    Args:
        data: Folder of everything that the service keeps; made with mode 0700.
        host: Address to listen on.
        port: 0 lets the system choose; the ready line tells.
        models: Names of the models to serve, or None for all.
        engine: ``auto``, ``native`` or ``seal``.
        programs: Folder of compiled models; ``programs`` in the data folder if None.
        threads: Threads that evaluate, over all workers; as many as there are cores if None.
        limits: Quotas and sizes.
        tls_certificate: PEM file; with ``tls_key``, the service speaks HTTPS.
        tls_key: PEM file.
        insecure_http: Allows plain HTTP on an address that is not loopback, where a proxy in
            front does TLS; tokens are readable on that part of the way.
        local_token: Token of the one client ``local``, for a service started by a command.
        policies: Folder of access rules; None lets every client with a token do everything.
        audit: Folder of the audit log; None keeps none.
        minimum_levels: Model → lowest level of protection at which it may be asked.
        deep_models: Names (or None for their own) and folders of models that run on plain
            inputs, at the level `envelope`.
        metrics_token: Token that opens the metrics where the address is not loopback.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8440
    models: tuple[str, ...] | None = None
    engine: str = "auto"
    programs: Path | None = None
    threads: int | None = None
    limits: Limits = field(default_factory=Limits)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    insecure_http: bool = False
    policies: Path | None = None
    audit: Path | None = None
    minimum_levels: Mapping[str, Level] = field(default_factory=dict)
    deep_models: tuple[tuple[str | None, Path], ...] = ()
    local_token: str | None = field(default=None, repr=False)
    metrics_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.port < 2**16:
            raise InputError("a port is a number from 0 to 65535")
        if self.limits.memory_bytes < 0:
            raise InputError("memory is a number of megabytes, 0 or more")
        if self.limits.workers < 1 or (self.threads is not None and self.threads < 1):
            raise InputError("at least one worker and one thread are needed")
        if not self.limits.retention_s > 0:
            raise InputError("results must be kept for some time")
        if any(level not in SERVED for level in self.minimum_levels.values()):
            raise InputError(
                "a service computes at the levels homomorphic, envelope and obfuscated only",
                hint="plaintext is for the lab",
            )
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise InputError("a TLS certificate and its key are given together")
        if self.tls_certificate is None and not self.on_loopback and not self.insecure_http:
            raise InputError(
                "plain HTTP outside this machine would show the clients' tokens",
                hint="give --tls-certificate and --tls-key, or --insecure-http behind a TLS proxy",
            )

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
