"""A service between a client and the real service that changes what comes back."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from safelight.wire.content_digest import content_digest

# Gets (method, path, body of the true answer), gives the body that is sent on.
Tamper = Callable[[str, str, bytes], bytes]


@contextmanager
def tampering_proxy(target: str, tamper: Tamper) -> Iterator[str]:
    """The address of a proxy of ``target``."""
    upstream = httpx.Client(base_url=target, trust_env=False, timeout=60)

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            """Silent."""

        def _forward(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            skipped = ("host", "connection", "content-length", "transfer-encoding")
            headers = {k: v for k, v in self.headers.items() if k.lower() not in skipped}
            answer = upstream.request(self.command, self.path, content=body, headers=headers)
            content = tamper(self.command, self.path, answer.content)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                changed = name.lower() == "content-digest" and content != answer.content
                if name.lower() not in (*skipped, "content-encoding") and not changed:
                    self.send_header(name, value)
            if content != answer.content:
                self.send_header("Content-Digest", digest_of(content))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _forward  # noqa: N815

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        upstream.close()


def digest_of(content: bytes) -> str:
    """The Content-Digest that belongs to the changed content: a liar keeps its lie consistent."""
    return content_digest(hashlib.sha256(content).digest())
