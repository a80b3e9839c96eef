"""The listening socket: answers are not held back, and what is wrong is said."""

from __future__ import annotations

import asyncio
import socket

import pytest

from safelight.errors import InputError
from safelight.service.listener import listen


def test_accepted_connections_send_without_nagle_delay() -> None:
    async def accepted_option() -> int:
        option: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            option.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = listen("127.0.0.1", 0, 8)
        port = listener.getsockname()[1]
        async with await asyncio.start_server(accepted, sock=listener):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await option
            finally:
                writer.close()
                await writer.wait_closed()

    assert asyncio.run(accepted_option()) != 0


def test_a_port_in_use_is_named() -> None:
    with listen("127.0.0.1", 0, 1) as first:
        port = first.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen on port {port}") as caught:
            listen("127.0.0.1", port, 1)
    assert "--port 0" in caught.value.hint
