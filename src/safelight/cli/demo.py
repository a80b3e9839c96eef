"""``safelight demo``: the main job on real data, in two processes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from safelight import __version__
from safelight.cli.console import RESEARCH_ONLY, print_json, watcher
from safelight.cli.evaluate import table
from safelight.cli.info import information
from safelight.client.client import Client
from safelight.client.evaluation import Evaluation, evaluate_model
from safelight.client.local_service import LocalService
from safelight.errors import SafelightError, UnreachableError
from safelight.models.held_out import held_out
from safelight.models.registry import load_model

# (model, how many inputs are evaluated encrypted; None: all)
PARTS = (("wdbc-logistic", None), ("cxr-pneumonia-28", 40))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--output", type=Path, default=Path("out/demo"), help="folder for results")
    parser.add_argument("--json", action="store_true", help="print results.json as well")


def run(arguments: argparse.Namespace) -> int:
    """Runs every part and writes ``results.json`` and ``performance.png``."""
    arguments.output.mkdir(parents=True, exist_ok=True)
    say = sys.stderr if arguments.json else sys.stdout
    say.write(
        f"Safelight {__version__}: the service is another process and holds no secret key.\n\n"
    )
    results: list[Evaluation] = []
    skipped: dict[str, str] = {}
    names = tuple(name for name, _ in PARTS)
    with watcher() as watch, LocalService(names) as service:
        say.write(
            f"clinic: process {os.getpid()}; service: process {service.pid} at {service.url}\n\n"
        )
        for name, encrypted in PARTS:
            model = load_model(name)
            try:
                data = held_out(model)
            except UnreachableError as exc:
                skipped[name] = f"{exc.message} ({exc.hint})"
                say.write(f"{name}\n  skipped: {skipped[name]}\n\n")
                continue
            with Client(
                service.url, service.token, service_key=service.public_key, watch=watch
            ) as client:
                found = evaluate_model(client, model, data, encrypted, watch)
            results.append(found)
            say.write(table(found) + "\n")
            say.flush()
    document = {
        "version": __version__,
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count()},
        "engine": information(),
        "results": [asdict(found) for found in results],
        "skipped": skipped,
    }
    path = arguments.output / "results.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    say.write(f"figures: {path}\n")
    say.write(_plot(results, arguments.output / "performance.png"))
    say.write(f"{RESEARCH_ONLY}\n")
    if arguments.json:
        print_json(document)
    return 0


def _plot(results: list[Evaluation], path: Path) -> str:
    try:
        from safelight.client.performance_plot import plot_performance

        plot_performance(results, path)
    except (ImportError, SafelightError) as exc:
        return f"plot:    skipped ({exc}; pip install 'safelight[plot]')\n"
    return f"plot:    {path}\n"
