"""A relay between a browser and a service that keeps every byte that the browser sends."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class SentRequest:
    """One HTTP request as it went over the line."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Recording:
    """What went from the browser to the service, connection by connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: list[bytearray] = []

    def opened(self) -> bytearray:
        """The record of a new connection."""
        with self._lock:
            self._connections.append(bytearray())
            return self._connections[-1]

    def everything(self) -> bytes:
        """All bytes so far; connections are kept apart by a mark that no search crosses."""
        with self._lock:
            return b"\0|connection|\0".join(bytes(one) for one in self._connections)

    def forget(self) -> None:
        """Begins anew, so that what comes next is searched alone."""
        with self._lock:
            for one in self._connections:
                one.clear()

    def requests(self) -> list[SentRequest]:
        """All requests; no byte that was sent is outside one of them."""
        with self._lock:
            return [one for sent in self._connections for one in _requests_in(bytes(sent))]


def _requests_in(sent: bytes) -> Iterator[SentRequest]:
    while sent:
        head, separator, sent = sent.partition(b"\r\n\r\n")
        assert separator, "a request without an end"
        first, *lines = head.decode("ascii").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.lower(): value.strip() for name, value in pairs}
        assert "transfer-encoding" not in headers
        length = int(headers.get("content-length", "0"))
        assert length <= len(sent), "a request that is cut short"
        yield SentRequest(method, target, headers, sent[:length])
        sent = sent[length:]


@contextlib.contextmanager
def recording_relay(host: str, port: int) -> Iterator[tuple[str, Recording]]:
    """The address to browse, and the recording of what is sent to it."""
    recording = Recording()
    listener = socket.create_server(("127.0.0.1", 0))

    sessions: list[threading.Thread] = []
    sockets: list[socket.socket] = []

    def carry(source: socket.socket, target: socket.socket, record: bytearray | None) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                if record is not None:
                    record += chunk
                target.sendall(chunk)
        shut(source, target)

    def session(browser: socket.socket) -> None:
        with browser, socket.create_connection((host, port)) as upstream:
            sockets.append(upstream)
            back = threading.Thread(target=carry, args=(upstream, browser, None))
            back.start()
            carry(browser, upstream, recording.opened())
            back.join()

    def serve() -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                browser, _ = listener.accept()
                sockets.append(browser)
                sessions.append(threading.Thread(target=session, args=(browser,)))
                sessions[-1].start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", recording
    finally:
        shut(listener, *sockets)
        listener.close()
        for started in (thread, *sessions):
            started.join()


def shut(*sides: socket.socket) -> None:
    """Ends connections, so that whoever waits on them goes on."""
    for side in sides:
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
