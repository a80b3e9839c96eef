"""``safelight serve``: runs a service, or manages who may use it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safelight.service.arguments import add_arguments as add_service_arguments
from safelight.service.arguments import settings_of

DEFAULT_DATA = Path.home() / ".local" / "share" / "safelight" / "service"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add_service_arguments(parser)
    for action in parser._actions:
        if action.dest == "data":
            action.required, action.default = False, DEFAULT_DATA
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--add-client", metavar="NAME", help="print a new client's token and stop")
    who.add_argument("--revoke-client", metavar="NAME", help="take a client's token away and stop")
    who.add_argument("--list-clients", action="store_true", help="list clients and stop")


def run(arguments: argparse.Namespace) -> int:
    """Serves until stopped."""
    from safelight.service import clients
    from safelight.service.run import run_service

    if arguments.add_client:
        sys.stdout.write(clients.add_client(arguments.data, arguments.add_client) + "\n")
        return 0
    if arguments.revoke_client:
        clients.revoke_client(arguments.data, arguments.revoke_client)
        return 0
    if arguments.list_clients:
        for client in clients.list_clients(arguments.data):
            state = "active" if client.active else "revoked"
            sys.stdout.write(f"{client.name:24} {client.id}  {state}\n")
        return 0
    run_service(settings_of(arguments))
    return 0
