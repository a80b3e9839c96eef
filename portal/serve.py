"""Starts a service with the portal for this machine, and says where it is and how to get in.

Run by `make portal`. Data, signing key and access token stay in one folder, and the port is fixed,
so that a browser that was set up once finds its service again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from safelight.service.clients import add_client
from safelight.service.portal import portal_is_built

TOKEN_FILE = "portal-token"  # noqa: S105 - its name
STOP_S = 15


def main() -> int:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder to keep")
    parser.add_argument("--port", type=int, default=8440)
    arguments = parser.parse_args()
    if not portal_is_built():
        print("error: the portal is not built\nhint: make portal-build", file=sys.stderr)
        return 1
    data = arguments.data
    token = access_token(data)
    print("starting the service; its models are compiled first ...", flush=True)
    command = [sys.executable, "-m", "safelight.service", "--data", str(data)]
    with (data / "service.log").open("ab") as log:
        service = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, "--port", str(arguments.port)], stdout=subprocess.PIPE, stderr=log
        )
    assert service.stdout is not None
    try:
        line = service.stdout.readline()
        if not line:
            print(f"error: it did not start\nhint: read {data / 'service.log'}", file=sys.stderr)
            return 1
        print(f"\n  portal        {json.loads(line)['url']}/\n  access token  {token}\n")
        print("Research use, not a medical device. Ctrl-C stops it.", flush=True)
        return service.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        service.terminate()
        service.wait(STOP_S)


def access_token(data: Path) -> str:
    """The token of this machine's portal, made at the first start."""
    path = data / TOKEN_FILE
    if path.is_file():
        return path.read_text().strip()
    token = add_client(data, "portal")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    return token


if __name__ == "__main__":
    sys.exit(main())
