"""``safelight train CONFIG | DATA``: data to a compiled, encryptable model in a folder."""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safelight.circuit.explain import explain
from safelight.cli import train_obfuscated
from safelight.cli.console import print_json, watcher
from safelight.errors import InputError
from safelight.models.licence import UNSTATED_LICENCE
from safelight.models.model_name import name_from

if TYPE_CHECKING:
    from safelight.models.training.config import Config
    from safelight.models.training.pipeline import Run
    from safelight.models.training.publication import Published


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "source",
        metavar="CONFIG|DATA",
        help="a TOML file; or a MedMNIST .npz, its name, or the folder of a data set, trained "
        "with the default configuration",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder of the model")
    parser.add_argument(
        "--minutes", type=float, help="time for all of it, compilation included (default 10)"
    )
    parser.add_argument("--epochs", type=int, help="of each student, however long they take")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="SEED", help="one student each")
    parser.add_argument("--network", help="auto, wide, medium, small, fast, mlp, logistic, …")
    parser.add_argument("--threads", type=int, help="of PyTorch (default: all cores, at most 8)")
    parser.add_argument("--licence", help="of the data, where the set does not state it")
    parser.add_argument("--attribution", help="whom to name, where the set does not state it")
    parser.add_argument("--kind", help="what is pictured, where the set does not state it")
    parser.add_argument(
        "--dp-epsilon", type=float, metavar="E", help="differential privacy of training images"
    )
    train_obfuscated.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Trains, compiles, writes the model's folder."""
    train_obfuscated.check_arguments(arguments)
    if importlib.util.find_spec("torch") is None:
        raise InputError(
            "training needs PyTorch, which is not installed",
            hint="pip install 'safelight[train]'",
        )
    from safelight.models.training.pipeline import run_training
    from safelight.models.training.publication import publish

    config = configuration(arguments)
    named = config.model.name or name_from(Path(arguments.source).resolve().stem, otherwise="model")
    output = arguments.output or Path("out") / named
    if arguments.obfuscated is not None:
        with watcher(stays=True) as watch:
            return train_obfuscated.run(arguments, config, output, watch)
    with watcher(stays=True) as watch:
        done = run_training(config, output, watch)
        published = publish(done, output, _command(arguments), watch.say)
    report = summary(done, published, output)
    if arguments.json:
        print_json(report)
    else:
        sys.stdout.write(_table(report))
    return 0


def configuration(arguments: argparse.Namespace) -> Config:
    """What the file and the options say together; options win."""
    from safelight.models.datasets.medmnist_sets import KNOWN_MD5
    from safelight.models.training.config import Config, DataConfig
    from safelight.models.training.config_checks import checked
    from safelight.models.training.config_file import read_config

    if not arguments.source:
        raise InputError("no data are named", hint="give a TOML file, a MedMNIST .npz or a folder")
    path = Path(arguments.source)
    if path.suffix == ".toml":
        config = read_config(path)
    elif not path.exists() and (arguments.source in KNOWN_MD5 or arguments.source == "wdbc"):
        config = Config(DataConfig(name=arguments.source))
    else:
        if not path.exists():
            raise InputError(
                f"no such file or folder: {path}",
                hint="give a TOML file, a MedMNIST .npz, the name of an official set, or a folder",
            )
        config = Config(DataConfig(path=str(path)))
    changes = {
        "data": ("licence", "attribution", "kind"),
        "training": ("minutes", "epochs", "seeds", "threads", "dp_epsilon"),
    }
    for section, names in changes.items():
        given = {n: getattr(arguments, n) for n in names if getattr(arguments, n) is not None}
        if "seeds" in given:
            given["seeds"] = tuple(given["seeds"])
        if given:
            config = replace(config, **{section: replace(getattr(config, section), **given)})
    if arguments.network is not None:
        config = replace(config, network=replace(config.network, kind=arguments.network, layers=()))
    return checked(config)


def summary(done: Run, published: Published, output: Path) -> dict[str, Any]:
    """What `--json` prints (docs/schemas/train.schema.json)."""
    plan, model = explain(published.compiled), published.model
    validation = model.description["training"]["validation"]
    return {
        "model": model.name,
        "folder": str(output),
        "data": done.dataset.about.title,
        "licence": done.dataset.about.licence,
        "task": done.dataset.about.task,
        "classes": list(done.dataset.about.classes),
        "images": {name: len(split) for name, split in done.dataset.splits.items()},
        "network": done.chosen.candidate.name,
        "refused": list(done.chosen.refused),
        "seeds": [student.seed for student in done.students],
        "epochs": [student.progress.epoch for student in done.students],
        "validation": validation,
        "n": published.compiled.plan.parameters.n,
        "prime_bits": list(published.compiled.plan.parameters.bits),
        "predicted_ms": round(sum(step["predicted_us"] for step in plan["steps"]) / 1000, 1),
        "seconds": round(done.seconds, 1),
    }


def _table(report: dict[str, Any]) -> str:
    validation = report["validation"]
    spread = (
        f"{validation['auc_mean_over_seeds']:.4f} ± {validation['auc_std_over_seeds']:.4f} "
        f"over {len(report['seeds'])} seeds"
    )
    rows = [
        ("data", report["data"]),
        ("network", f"{report['network']}, N = {report['n']}"),
        ("validation", f"AUC {validation['auc']:.4f} over {validation['n']} images; {spread}"),
        ("encrypted", f"about {report['predicted_ms']:.0f} ms an input, one thread"),
        ("folder", f"{report['folder']} ({report['seconds']:.0f} s)"),
    ]
    lines = "".join(f"  {name:11} {text}\n" for name, text in rows)
    folder = shlex.quote(report["folder"])
    if report["licence"] == UNSTATED_LICENCE:
        lines += f"  {'licence':11} {UNSTATED_LICENCE}: served on this machine only\n"
    return (
        f"{report['model']}\n{lines}"
        f"next: safelight evaluate {folder}   (reads the test images, in the clear and encrypted)\n"
    )


def _command(arguments: argparse.Namespace) -> str:
    words = ["safelight", "train", Path(arguments.source).name]
    for name in (
        "minutes", "epochs", "seeds", "network", "threads", "kind", "dp_epsilon", "licence",
        "attribution",
    ):  # fmt: skip
        value = getattr(arguments, name)
        if value is not None:
            values = value if isinstance(value, list) else [value]
            words += [f"--{name.replace('_', '-')}", *map(str, values)]
    return shlex.join(words)
