"""Positional arguments before, between and after options, in a subcommand."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


def allow_intermixed(parser: argparse.ArgumentParser) -> None:
    """Lets ``bench workloads --json lola`` mean what it says.

    argparse has `parse_known_intermixed_args`, but a subcommand's parser is always called by its
    `parse_known_args`; the former calls the latter, so the two are exchanged for one call.
    """
    plain = parser.parse_known_args

    def parse(args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        vars(parser)["parse_known_args"] = plain
        try:
            return parser.parse_known_intermixed_args(args, namespace)
        finally:
            vars(parser)["parse_known_args"] = parse

    vars(parser)["parse_known_args"] = parse
