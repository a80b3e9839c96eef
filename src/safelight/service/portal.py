"""The portal: static files that run in the clinic's browser, sent with a policy that binds them.

The page holds keys and images; the service sends the files and learns nothing. What is built lies
in ``safelight/portal_static`` (``make portal``, or the wheel); where it is absent, nothing is
served.

**Security**: paths are looked up in a dictionary that is filled at the start, never in the file
system, so that no path leads out of the folder. See docs/adr/0017-portal.md.
"""

from __future__ import annotations

import functools
import gzip
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

PORTAL_FOLDER = Path(__file__).parent.parent / "portal_static"

_INDEX = "index.html"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".txt": "text/plain; charset=utf-8",
}

# portal/vite.config.ts puts the same policy, but for frame-ancestors, into the page itself.
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",  # WebAssembly, and no eval of JavaScript
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",  # nothing that the page holds can be sent anywhere else
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=()",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
}
# Names of built files carry a digest of their content, so they never change.
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


@dataclass(frozen=True)
class _File:
    content: bytes
    media_type: str
    cache: str

    @functools.cached_property
    def compressed(self) -> bytes:
        """Made at the first request: a service that nobody visits pays nothing."""
        return gzip.compress(self.content, 9, mtime=0)


class Portal:
    """ASGI middleware that answers for the portal's files and passes everything else on.

    They are public: they are the same for everybody and tell nothing about a client.

    Args:
        app: What answers everything else.
        folder: Of the built portal.
    """

    def __init__(self, app: ASGIApp, *, folder: Path = PORTAL_FOLDER) -> None:
        self._app = app
        self._files = _read(folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        file = None
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            file = self._files.get(scope["path"])
        if file is None:
            await self._app(scope, receive, send)
            return
        headers = {**_HEADERS, "Cache-Control": file.cache}
        content = file.content
        if "gzip" in Request(scope).headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            content = file.compressed
        await Response(content, headers=headers, media_type=file.media_type)(scope, receive, send)


def portal_is_built(folder: Path = PORTAL_FOLDER) -> bool:
    """Whether there is a portal to serve."""
    return (folder / _INDEX).is_file()


def _read(folder: Path) -> dict[str, _File]:
    if not portal_is_built(folder):
        return {}
    files = {}
    for path in sorted(folder.rglob("*")):
        media_type = _MEDIA_TYPES.get(path.suffix)
        if media_type is None or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        cache = _FOREVER if name.startswith("assets/") else _ASK_AGAIN
        files["/" if name == _INDEX else f"/{name}"] = _File(path.read_bytes(), media_type, cache)
    return files
