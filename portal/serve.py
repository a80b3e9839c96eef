"""Starts a service with the portal for this machine, and says where it is and how to get in."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from safelight.client.local_service import LocalService
from safelight.service.portal import portal_is_built


def main() -> int:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder to keep; a temporary one if not given")
    arguments = parser.parse_args()
    if not portal_is_built():
        print("error: the portal is not built\nhint: make portal-build", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="safelight-portal-") as temporary:
        data = arguments.data or Path(temporary)
        data.mkdir(parents=True, exist_ok=True)
        print("starting the service; its models are compiled first ...", flush=True)
        with LocalService(data=data) as service:
            print(f"\n  portal        {service.url}/")
            print(f"  access token  {service.token}")
            print("\nResearch use, not a medical device. Ctrl-C stops it.", flush=True)
            try:
                service.wait()
            except KeyboardInterrupt:
                return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
