"""The command-line arguments of a service process, for ``safelight serve`` too."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from safelight.errors import InputError
from safelight.service.limits import Limits
from safelight.service.settings import Settings
from safelight.wire.levels import Level, level_of

# Secrets come by the environment: command lines can be read by every user of a machine.
LOCAL_TOKEN_VARIABLE = "SAFELIGHT_LOCAL_TOKEN"  # noqa: S105 - a name
THREADS_VARIABLE = "SAFELIGHT_THREADS"
METRICS_TOKEN_VARIABLE = "SAFELIGHT_METRICS_TOKEN"  # noqa: S105 - a name

DEFAULT_MEMORY_MB = Limits.memory_bytes // 1024**2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of a service process, also for ``safelight serve``."""
    parser.add_argument("--data", type=Path, required=True, help="folder for all that is kept")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8440, help="0 lets the system choose")
    parser.add_argument("--model", action="append", help="a model to serve; all by default")
    parser.add_argument("--engine", default="auto", choices=("auto", "native", "seal"))
    parser.add_argument("--workers", type=int, default=1, help="programs evaluated at once")
    parser.add_argument(
        "--memory-mb",
        type=int,
        default=DEFAULT_MEMORY_MB,
        help="keys and prepared models kept in memory between jobs, whatever is served; a job that "
        "needs more gets it alone (%(default)s)",
    )
    parser.add_argument(
        "--programs", type=Path, help="folder of compiled models; DATA/programs by default"
    )
    parser.add_argument("--threads", type=int, help="that evaluate; one a core by default")
    parser.add_argument("--retention-hours", type=float, default=24.0, help="results are kept")
    parser.add_argument("--policies", type=Path, help="folder of access rules; none by default")
    parser.add_argument("--audit", type=Path, help="folder of the audit log; DATA/audit by default")
    parser.add_argument("--no-audit", action="store_true", help="keep no audit log")
    parser.add_argument(
        "--minimum-level",
        action="append",
        default=[],
        metavar="MODEL=LEVEL",
        help="lowest level of protection at which a model may be asked",
    )
    parser.add_argument(
        "--deep-model",
        action="append",
        default=[],
        metavar="[NAME=]FOLDER",
        help="a model that runs on plain inputs, at the level envelope; or on obfuscated ones",
    )
    parser.add_argument("--tls-certificate", type=Path, help="PEM file")
    parser.add_argument("--tls-key", type=Path, help="PEM file")
    parser.add_argument(
        "--insecure-http",
        action="store_true",
        help="plain HTTP beyond loopback, where a proxy in front does TLS",
    )


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Settings from parsed arguments and the environment, which forgets the tokens."""
    limits = replace(
        Limits(),
        workers=arguments.workers,
        memory_bytes=arguments.memory_mb * 1024**2,
        retention_s=3600.0 * arguments.retention_hours,
    )
    audit = None if arguments.no_audit else arguments.audit or arguments.data / "audit"
    return Settings(
        data=arguments.data,
        host=arguments.host,
        port=arguments.port,
        models=None if arguments.model is None else tuple(arguments.model),
        engine=arguments.engine,
        programs=arguments.programs,
        threads=arguments.threads or _threads_of_environment(),
        limits=limits,
        tls_certificate=arguments.tls_certificate,
        tls_key=arguments.tls_key,
        insecure_http=arguments.insecure_http,
        policies=arguments.policies,
        audit=audit,
        minimum_levels=_minimum_levels(arguments.minimum_level),
        deep_models=tuple(map(_deep_model, arguments.deep_model)),
        local_token=os.environ.pop(LOCAL_TOKEN_VARIABLE, None),
        metrics_token=os.environ.pop(METRICS_TOKEN_VARIABLE, None),
    )


def _deep_model(text: str) -> tuple[str | None, Path]:
    name, separator, folder = text.partition("=")
    return (name, Path(folder)) if separator else (None, Path(text))


def _minimum_levels(texts: list[str]) -> dict[str, Level]:
    levels: dict[str, Level] = {}
    for text in texts:
        model, separator, level = text.partition("=")
        if not separator or not model:
            raise InputError(
                "--minimum-level reads MODEL=LEVEL", hint="as in cxr-pneumonia-28=envelope"
            )
        levels[model] = level_of(level)
    return levels


def _threads_of_environment() -> int | None:
    text = os.environ.get(THREADS_VARIABLE, "")
    return int(text) if text.isdecimal() and len(text) < 5 and text != "0" else None
