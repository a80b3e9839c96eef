"""``safelight evaluate MODEL [--dataset PATH] [--encrypted N|all] [--report DIR]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safelight.cli.connection import add_connection_arguments, open_client
from safelight.cli.console import byte_count, milliseconds, print_json, watcher
from safelight.cli.info import information
from safelight.client.evaluation import Evaluation, Scores
from safelight.client.full_evaluation import FullEvaluation, evaluate_in_full, other_splits
from safelight.client.report import check_report_folder, write_report
from safelight.errors import InputError
from safelight.models.held_out import HeldOut, held_out
from safelight.models.proportions import Estimate
from safelight.models.registry import load_model
from safelight.models.temperature import calibrate_folder

_NO_AUC = "no AUC: a class, or all but it, has no example among them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("model", help="name; see `safelight models`")
    parser.add_argument(
        "--encrypted",
        type=_count,
        default=50,
        metavar="N",
        help="how many inputs to evaluate encrypted, spread over the test set; or `all`",
    )
    parser.add_argument("--dataset", type=Path, metavar="PATH", help="instead of the official one")
    parser.add_argument(
        "--split",
        default="test",
        choices=("test", "val"),
        help="on which to report; test by default",
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write a page, its figures and results.json"
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="first fit the temperature on the validation split and write it into the model's "
        "folder",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    add_connection_arguments(parser)


def _count(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError("give a number from 1 on, or `all`")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Evaluates a model."""
    model = load_model(arguments.model)
    if arguments.report is not None:
        check_report_folder(arguments.report)

    def load(split: str) -> HeldOut:
        return held_out(model, arguments.dataset, split)

    if arguments.calibrate:
        if arguments.server is not None:
            raise InputError(
                "--calibrate changes the model here, not at the service",
                hint="leave out --server; serve the changed folder afterwards",
            )
        model = calibrate_folder(model, load("val"))
    data = load(arguments.split)
    rest = tuple(name for name in ("train", "val", "test") if name != arguments.split)
    if arguments.split == "val":
        rest = ("train",)  # who reports on validation is still choosing: no look at the test split
    with watcher() as watch, open_client(arguments, (arguments.model,), watch) as client:
        found = evaluate_in_full(
            client,
            model,
            data,
            arguments.encrypted,
            others=lambda: other_splits(load, rest),
            watch=watch,
        )
    document = found.to_json() | {"software": information()}
    if arguments.report is not None:
        page = write_report(
            arguments.report,
            found,
            document,
            card=model.card,
            command=_command(arguments),
            software=information(),
        )
    if arguments.json:
        print_json(document)
        return 0
    sys.stdout.write(table(found.evaluation) + _more(found))
    if arguments.report is not None:
        sys.stdout.write(f"  report      {page}\n")
    return 0


def _command(arguments: argparse.Namespace) -> str:
    """What makes the report again; a path of the person's machine is not for the page."""
    count = "all" if arguments.encrypted is None else arguments.encrypted
    parts = ["safelight evaluate", Path(arguments.model).name, f"--encrypted {count}"]
    parts += ["--dataset PATH"] if arguments.dataset is not None else []
    parts += [f"--split {arguments.split}"] if arguments.split != "test" else []
    return " ".join([*parts, "--report DIR"])


def _more(found: FullEvaluation) -> str:
    """The measures that the short table lacks."""
    clear = found.clear
    why = "" if clear.auc.value is not None else f" ({_NO_AUC})"
    rows = [("AUC", f"{_estimate(clear.auc)}{why}, accuracy {_estimate(clear.accuracy)}")]
    if clear.kind == "binary":
        each = clear.classes[0]
        rows.append(
            (
                "at " + f"{clear.threshold:.3g}",
                f"sensitivity {_estimate(each.sensitivity)}, "
                f"specificity {_estimate(each.specificity)}",
            )
        )
    rows += [
        (
            "precision",
            f"{_plain(clear.precision)}, recall {_plain(clear.recall)}, F1 {_plain(clear.f1)}, "
            f"RMSE {clear.rmse:.3f}, loss {clear.loss:.3f}",
        ),
        (
            "calibration",
            f"ECE {clear.calibration.expected_error:.3f}, Brier {clear.calibration.brier:.3f}, "
            f"temperature {found.temperature['value']:.3g}",
        ),
        (
            "splits",
            "; ".join(
                f"{row.split} {row.n}: loss {row.loss:.3f}, accuracy {row.accuracy:.3f}"
                for row in found.splits
            ),
        ),
    ]
    return "".join(f"  {name:11} {text}\n" for name, text in rows)


def _estimate(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return _plain(found.value)
    return f"{_plain(found.value)} ({found.low:.3f} … {found.high:.3f})"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def table(found: Evaluation) -> str:
    """The figures for people."""
    times, sizes = found.timings_ms, found.bytes
    primes = ", ".join(map(str, found.parameters["prime_bits"]))
    example = found.example
    rows = [
        ("data", f"{found.dataset}"),
        ("protection", f"{found.level}, N = {found.parameters['n']}, primes [{primes}] bits"),
        ("clear", _scores(found.clear)),
        ("encrypted", _scores(found.encrypted)),
        (
            "agreement",
            f"{100 * found.agreement:.1f} %, largest probability difference "
            f"{found.max_probability_difference:.1e}",
        ),
        ("keys", f"{milliseconds(times['keygen'])} to make, {byte_count(sizes['keys'])} once"),
        (
            "a request",
            f"encrypt {milliseconds(times['encrypt'])}, upload {milliseconds(times['upload'])} "
            f"({byte_count(sizes['up'])}), evaluate {milliseconds(times['evaluate'])}, "
            f"download {milliseconds(times['download'])} ({byte_count(sizes['down'])}), "
            f"decrypt {milliseconds(times['decrypt'])}",
        ),
        (
            "batch",
            f"{found.requests} requests of up to {found.records_per_ciphertext} inputs each",
        ),
        (
            "example",
            f"input {example['index']}: {example['finding']}, probability "
            f"{example['encrypted_probability']:.3f} encrypted, "
            f"{example['clear_probability']:.3f} clear; truth: {example['truth']}",
        ),
    ]
    lines = [f"  {name:11} {text}\n" for name, text in rows]
    return f"{found.model}\n{''.join(lines)}"


def _scores(scores: Scores) -> str:
    area = "–" if scores.auc is None else f"{scores.auc:.4f}"
    why = "" if scores.auc is not None else f" ({_NO_AUC})"
    return f"accuracy {scores.accuracy:.4f}, AUC {area} over {scores.n}{why}"
