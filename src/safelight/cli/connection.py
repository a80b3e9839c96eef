"""How a command reaches a service: one given by address, or one of its own."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

from safelight.ckks.key_file import load_key_file
from safelight.ckks.secret import SecretKeys
from safelight.cli.passphrase import ask_passphrase
from safelight.client.client import Client
from safelight.client.exchange import Exchange
from safelight.client.key_sets import KnownService, ServiceMemory, Watch
from safelight.client.local_service import LocalService
from safelight.client.obfuscated_client import ObfuscatedClient
from safelight.client.sealed_client import SealedClient
from safelight.client.service_audit import ServiceAudit
from safelight.errors import InputError, KeyFileError, ServiceError
from safelight.models.registry import load_model
from safelight.vault.access.request_json import time_of
from safelight.vault.access.requests import PURPOSES
from safelight.vault.audit.checkpoint import VerifierKey
from safelight.vault.audit.reading import LogReader
from safelight.vault.audit.watching import CheckpointSource, FolderSource
from safelight.vault.obfuscation_key import load_obfuscation_key, obfuscation_key_id

TOKEN_VARIABLE = "SAFELIGHT_TOKEN"  # noqa: S105 - a name


def add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    """``--server`` and what goes with it."""
    parser.add_argument("--server", metavar="URL", help="a service; without it one is started")
    parser.add_argument(
        "--token-file", type=Path, help=f"file with the bearer token; else ${TOKEN_VARIABLE}"
    )
    parser.add_argument("--service-key", metavar="HEX", help="the service's public key, if known")
    parser.add_argument(
        "--keys", type=Path, metavar="FILE", help="secret key file; else a key for this run only"
    )
    parser.add_argument("--insecure-http", action="store_true", help="plain HTTP beyond loopback")
    parser.add_argument("--purpose", choices=PURPOSES, help="why it is asked, for access rules")
    parser.add_argument(
        "--consent", choices=("given", "refused"), help="of the patient, for access rules"
    )
    parser.add_argument("--consent-until", metavar="TIME", help="when the consent ends")
    parser.add_argument(
        "--engine", default="auto", choices=("auto", "native", "seal"), help="of the own service"
    )


def add_audit_source_arguments(parser: argparse.ArgumentParser) -> None:
    """``--server`` and what goes with it, to watch a service's audit log."""
    parser.add_argument("--server", metavar="URL", help="a service, in place of a folder")
    parser.add_argument(
        "--token-file", type=Path, help=f"file with the bearer token; else ${TOKEN_VARIABLE}"
    )
    parser.add_argument("--insecure-http", action="store_true", help="plain HTTP beyond loopback")


@contextmanager
def audit_source(
    arguments: argparse.Namespace, folder: Path, key: VerifierKey | None
) -> Iterator[tuple[CheckpointSource, Callable[[], VerifierKey]]]:
    """Where the checkpoints of an audit log come from, and who names its key where none is."""
    if arguments.server is None:
        yield FolderSource(folder, key), lambda: LogReader(folder).key
        return
    exchange = Exchange(
        arguments.server, _token(arguments.token_file), insecure_http=arguments.insecure_http
    )
    try:
        source = ServiceAudit(exchange)
        yield source, source.verifier_key
    finally:
        exchange.close()


@contextmanager
def open_sealed_client(
    arguments: argparse.Namespace, models: tuple[str, ...]
) -> Iterator[SealedClient]:
    """A client at the level `envelope` of the service that the arguments name, or of a local one.

    Raises:
        InputError: ``--keys`` is given: keys of CKKS have no use at this level.
    """
    if arguments.keys is not None:
        raise InputError(
            "--keys is for the level homomorphic", hint="an envelope is sealed to the service"
        )
    headers = claims(arguments)
    if arguments.server is None:
        names = tuple(load_model(name).name for name in models)
        with (
            LocalService(models, engine=arguments.engine, lowered=names) as service,
            SealedClient(
                service.url, service.token, service_key=service.public_key, headers=headers
            ) as client,
        ):
            yield client
        return
    with SealedClient(
        arguments.server,
        _token(arguments.token_file),
        service_key=_public_key(arguments.service_key),
        headers=headers,
        insecure_http=arguments.insecure_http,
    ) as client:
        yield client


@contextmanager
def open_obfuscated_client(arguments: argparse.Namespace, key_file: Path) -> Iterator[SealedClient]:
    """A client at the level `obfuscated` of the service that the arguments name.

    Raises:
        InputError: No service is named, or ``--keys`` is given.
    """
    if arguments.keys is not None:
        raise InputError("--keys is for the level homomorphic", hint="give --obfuscation-key alone")
    if arguments.server is None:
        raise InputError(
            "the level obfuscated needs --server",
            hint="a service that has a network for your key: safelight serve --deep-model",
        )
    obfuscation_key_id(key_file)  # no such file: not worth a passphrase
    with ObfuscatedClient(
        arguments.server,
        _token(arguments.token_file),
        load_obfuscation_key(key_file, ask_passphrase()),
        service_key=_public_key(arguments.service_key),
        headers=claims(arguments),
        insecure_http=arguments.insecure_http,
    ) as client:
        yield client


def claims(arguments: argparse.Namespace) -> dict[str, str]:
    """What the arguments say for access rules, as headers.

    Raises:
        InputError: A time that is none.
    """
    headers: dict[str, str] = {}
    if arguments.purpose is not None:
        headers["Safelight-Purpose"] = arguments.purpose
    if arguments.consent is not None:
        until = ""
        if arguments.consent_until is not None:
            until = f"; until={time_of(arguments.consent_until).astimezone(UTC).isoformat()}"
        headers["Safelight-Consent"] = arguments.consent + until
    elif arguments.consent_until is not None:
        raise InputError("--consent-until goes with --consent given")
    return headers


@contextmanager
def open_client(
    arguments: argparse.Namespace, models: tuple[str, ...], watch: Watch | None
) -> Iterator[Client]:
    """A client of the service that the arguments name, or of a fresh local one."""
    if arguments.server is None:
        for name in models:
            load_model(name)  # an unknown name is an error before anything starts
    secret = None if arguments.keys is None else open_key_file(arguments.keys)
    if arguments.server is None:
        with (
            LocalService(models, engine=arguments.engine) as service,
            Client(
                service.url,
                service.token,
                service_key=service.public_key,
                secret_keys=secret,
                watch=watch,
            ) as client,
        ):
            yield client
        return
    memory = None if secret is None else ServiceMemory(arguments.keys, secret.epoch)
    known = None if memory is None else memory.get(arguments.server)
    service_key = _public_key(arguments.service_key)
    if service_key is None and known is not None:
        service_key = known.service_key
    with Client(
        arguments.server,
        _token(arguments.token_file),
        service_key=service_key,
        secret_keys=secret,
        keyset_id=None if known is None else known.keyset_id,
        watch=watch,
        insecure_http=arguments.insecure_http,
        headers=claims(arguments),
    ) as client:
        try:
            yield client
        finally:
            # whatever went wrong before is what the person must read
            with contextlib.suppress(ServiceError):
                _leave(client, secret, memory, arguments.server)


def _leave(
    client: Client, secret: SecretKeys | None, memory: ServiceMemory | None, url: str
) -> None:
    """Remembers where a stored key's evaluation keys are; has those of other keys deleted."""
    for parameters, state in client.keys.items():
        if memory is None or state.secret is not secret:
            # keys that nobody can use again need not lie at the service
            client.forget(parameters)
        elif state.keyset_id is not None:
            memory.put(url, KnownService(client.service_key, state.keyset_id))


def _token(path: Path | None) -> str:
    if path is None:
        token = os.environ.get(TOKEN_VARIABLE, "")
    else:
        try:
            token = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as exc:
            raise InputError(f"the token file {path.name} cannot be read") from exc
    if not token.strip():
        raise InputError(
            "a service needs a token",
            hint=f"set {TOKEN_VARIABLE} or give --token-file; its operator makes one with "
            "`safelight serve --add-client NAME`",
        )
    return token.strip()


def _public_key(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise InputError("--service-key is not 32 bytes in hex")
    return key


def open_key_file(path: Path) -> SecretKeys:
    """The key in a file, after asking for its passphrase."""
    if not path.is_file():  # not worth a passphrase
        raise KeyFileError(f"{path.name} is not a file", hint="make one: safelight keys new")
    return load_key_file(path, ask_passphrase())
