"""The socket that the service listens on."""

from __future__ import annotations

import socket

from safelight.errors import InputError


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A listening socket; made here, not in uvicorn, so that what is wrong can be said plainly.

    Args:
        host: Name or address of an interface.
        port: 0 takes a free one.
        backlog: Connections that may wait.

    Raises:
        InputError: The address is not this machine's, or the port is in use.
    """
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        plain = socket.create_server(address[4][:2], family=address[0], backlog=backlog)
    except OSError as exc:
        raise InputError(
            f"cannot listen on port {port} of {host}",
            hint="is it in use? --port 0 takes a free one",
        ) from exc
    # asyncio sends without Nagle's delay (40 ms for an answer's body, until its head is
    # acknowledged) only on sockets that say TCP; those that are accepted say what this one says
    listener = socket.socket(plain.family, plain.type, socket.IPPROTO_TCP, fileno=plain.detach())
    listener.setblocking(False)
    return listener
