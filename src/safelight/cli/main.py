"""The command ``safelight``: finds the subcommand and turns errors into two lines."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading

from safelight import __version__
from safelight.cli.console import RESEARCH_ONLY, print_error
from safelight.errors import SafelightError

DEBUG_VARIABLE = "SAFELIGHT_DEBUG"

# Name and one line of help; the module of the same name has `add_arguments` and `run`.
SUBCOMMANDS = {
    "demo": "the main job on real data, with a service process of its own",
    "diagnose": "encrypt images or records, have them evaluated, decrypt the findings",
    "evaluate": "a model's test set, in the clear and encrypted",
    "baselines": "well-known models in the clear, on the splits of the encrypted ones",
    "models": "the shipped models and their cards",
    "train": "train a model that can run encrypted, from a data set to its folder",
    "compile": "compile a model and print its plan",
    "import": "a scikit-learn, PyTorch or ONNX model to one that runs encrypted",
    "keys": "secret key files: new, show, passphrase",
    "vault": "envelopes, de-identification, the sealed archive",
    "access": "access rules: check, explain, test",
    "audit": "the audit log: verify, prove, watch",
    "serve": "run a service",
    "lab": "what each level leaks and withstands: leakage, attacks, comparisons",
    "bench": "time primitives, networks and models, beside SEAL and TenSEAL",
    "info": "version, engine and machine",
}
# Where a module cannot have the subcommand's name.
_MODULES = {"import": "import_model"}


def main(argv: list[str] | None = None) -> int:
    """Runs one command.

    Returns:
        0, or 1 for an error, 2 for a wrong command line, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(
        prog="safelight",
        description="Encrypted medical image inference: the service computes on ciphertext, "
        "only the clinic can decrypt the answer.",
        epilog=RESEARCH_ONLY,
    )
    parser.add_argument("--version", action="version", version=f"safelight {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    arguments = sys.argv[1:] if argv is None else argv
    wanted = next((a for a in arguments if a in SUBCOMMANDS), None)
    for name, summary in SUBCOMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        if name == wanted:  # only this one is imported: `--help` stays instant
            _module(name).add_arguments(subparser)
    parsed = parser.parse_args(arguments)
    if parsed.command != "serve" and threading.current_thread() is threading.main_thread():
        # ends like Ctrl-C: own services stop, temporary folders go
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(_module(parsed.command).run(parsed))
    except SafelightError as exc:
        print_error(exc)
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    except BrokenPipeError:
        # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as exc:
        # its text may hold anything, also a patient's name in a path: shown only on request
        if DEBUG_VARIABLE in os.environ:
            raise
        print_error(_unforeseen(exc))
        return 1


def _unforeseen(exc: Exception) -> SafelightError:
    if isinstance(exc, OSError) and exc.strerror:
        return SafelightError(
            f"the system refused: {exc.strerror}", hint="check folders, space and rights"
        )
    return SafelightError(
        f"something unforeseen went wrong ({type(exc).__name__})",
        hint=f"{DEBUG_VARIABLE}=1 shows where; please report it",
    )


def _module(name: str):  # type: ignore[no-untyped-def]
    return importlib.import_module(f"safelight.cli.{_MODULES.get(name, name)}")


if __name__ == "__main__":
    sys.exit(main())
