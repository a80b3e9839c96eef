"""The portal's static files, as a service sends them."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from safelight.service.portal import PORTAL_FOLDER, Portal, portal_is_built

BUILT = pytest.mark.skipif(not portal_is_built(), reason="the portal is not built")


@dataclass(frozen=True)
class Answer:
    """An answer's headers and content, decompressed."""

    headers: dict[str, str]
    content: bytes


def _ask(folder: Path, path: str, method: str = "GET", encoding: str = "gzip") -> Answer:
    """One request past the middleware, to what answers ``behind``."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(b"accept-encoding", encoding.encode())],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def ask() -> None:
        await Portal(PlainTextResponse("behind"), folder=folder)(scope, receive, send)

    # in a thread: Playwright keeps a loop running in the thread of the browser's tests
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(ask())).result()
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    content: bytes = b"".join(message.get("body", b"") for message in sent[1:])
    if headers.get("content-encoding") == "gzip":
        content = gzip.decompress(content)
    return Answer(headers, content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "portal_static"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html>page")
    (built / "assets" / "code-1a2b.js").write_text("code()")
    (built / ".sources").write_text("digest")
    (tmp_path / "secret.txt").write_text("secret")
    return built


def test_portal_sends_its_files_with_the_policy(folder: Path) -> None:
    page = _ask(folder, "/")
    assert page.content == b"<!doctype html>page"
    assert page.headers["cache-control"] == "no-cache"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    script = _ask(folder, "/assets/code-1a2b.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["cache-control"]
    assert _ask(folder, "/", encoding="identity").content == page.content


@pytest.mark.parametrize(
    "path", ["/v1/models", "/../secret.txt", "/assets/../../secret.txt", "/.sources", "/index.html"]
)
def test_portal_passes_everything_else_on(folder: Path, path: str) -> None:
    assert _ask(folder, path).content == b"behind"
    assert _ask(folder, "/", method="POST").content == b"behind"


def test_portal_that_is_not_built(tmp_path: Path) -> None:
    assert _ask(tmp_path / "nothing", "/").content == b"behind"


@BUILT
def test_built_portal_names_only_what_it_has_with_its_digest() -> None:
    page = (PORTAL_FOLDER / "index.html").read_text()
    tags = re.findall(r"<(?:script|link)[^>]*assets/[^>]*>", page)
    assert len(tags) >= 2
    for tag in tags:
        path = re.search(r'(?:src|href)="/(assets/[^"]+)"', tag)
        digest = re.search(r'integrity="sha384-([^"]+)"', tag)
        assert path is not None
        assert digest is not None
        content = (PORTAL_FOLDER / path[1]).read_bytes()
        assert base64.b64encode(hashlib.sha384(content).digest()).decode() == digest[1]
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r"<script(?![^>]*src=)", page)


@BUILT
def test_built_portal_has_a_digest_for_all_webassembly() -> None:
    scripts = "".join(path.read_text() for path in PORTAL_FOLDER.rglob("*.js"))
    found = list(PORTAL_FOLDER.rglob("*.wasm"))
    assert len(found) == 4
    for path in found:
        digest = base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()
        assert f"sha384-{digest}" in scripts, path.name


@BUILT
def test_built_portal_is_small() -> None:
    """At most 700 kB gzipped before WebAssembly."""
    texts = [path for path in PORTAL_FOLDER.rglob("*") if path.suffix in (".js", ".css", ".html")]
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in texts) <= 700_000
