"""``python -m safelight.service``: one service process."""

from __future__ import annotations

import argparse
import sys

from safelight.errors import SafelightError
from safelight.service.arguments import add_arguments, settings_of
from safelight.service.run import run_service


def main(argv: list[str] | None = None) -> int:
    """Runs a service process; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m safelight.service", description=__doc__)
    add_arguments(parser)
    try:
        run_service(settings_of(parser.parse_args(argv)))
    except SafelightError as exc:
        sys.stderr.write(f"error: {exc.message}\n")
        if exc.hint:
            sys.stderr.write(f"hint: {exc.hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
