"""``safelight train DATA --obfuscated KEYFILE``: a Masked-CNN for the level `obfuscated`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from safelight.cli.console import print_json
from safelight.cli.passphrase import ask_passphrase
from safelight.errors import InputError
from safelight.models.model_name import name_from
from safelight.wire.transformation import LOSSLESS, MAX_RATIO

if TYPE_CHECKING:
    from safelight.models.training.config import Config
    from safelight.models.training.watching import Watch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that go with ``--obfuscated``."""
    parser.add_argument(
        "--obfuscated",
        type=Path,
        metavar="KEYFILE",
        help="train a network for the level obfuscated, on images under this key",
    )
    parser.add_argument(
        "--jpeg2000-ratio",
        type=int,
        metavar="R",
        help="with --obfuscated: compress each image before, R times smaller (default: lossless)",
    )


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuses options that do not go together.

    Raises:
        InputError: They do not.
    """
    if arguments.obfuscated is None:
        if arguments.jpeg2000_ratio is not None:
            raise InputError("--jpeg2000-ratio goes with --obfuscated")
        return
    for name in ("minutes", "network", "dp_epsilon"):
        if getattr(arguments, name) is not None:
            raise InputError(
                f"--{name.replace('_', '-')} does not go with --obfuscated",
                hint="the network is a Masked-CNN; --epochs and --seeds say how it is trained",
            )
    if arguments.seeds is not None and len(arguments.seeds) != 1:
        raise InputError("--obfuscated trains one network: give one seed")
    if not LOSSLESS <= (arguments.jpeg2000_ratio or LOSSLESS) <= MAX_RATIO:
        raise InputError(f"--jpeg2000-ratio is {LOSSLESS} to {MAX_RATIO}")


def run(arguments: argparse.Namespace, config: Config, output: Path, watch: Watch) -> int:
    """Trains and writes the model's folder."""
    from safelight.models.training.masked_cnn import Masking
    from safelight.models.training.masked_folder import save_masked_folder
    from safelight.models.training.obfuscated_training import train_obfuscated
    from safelight.models.training.run_folder import check_is_folder
    from safelight.models.training.source import open_dataset
    from safelight.vault.obfuscation_key import load_obfuscation_key, obfuscation_key_id

    check_is_folder(output)
    if (output / "model.json").exists():
        raise InputError(
            f"the folder {output.name!r} holds a model already", hint="choose another --output"
        )
    obfuscation_key_id(arguments.obfuscated)  # is it one? not worth a passphrase otherwise
    key = load_obfuscation_key(arguments.obfuscated, ask_passphrase())
    masking = Masking()
    if arguments.epochs:
        masking = replace(masking, epochs=arguments.epochs)
    model = train_obfuscated(
        open_dataset(config.data, watch),
        key,
        config.model.name or name_from(output.resolve().name, otherwise="obfuscated"),
        watch,
        jpeg2000_ratio=arguments.jpeg2000_ratio or LOSSLESS,
        masking=masking,
        seed=arguments.seeds[0] if arguments.seeds else 0,
        threads=arguments.threads or None,
    )
    save_masked_folder(output, model)
    report = {
        "model": model.name,
        "level": "obfuscated",
        "folder": str(output),
        "data": model.data["name"],
        "transformation": model.transformation.to_json(),
        "training": dict(model.training),
    }
    if arguments.json:
        print_json(report)
        return 0
    sys.stdout.write(
        f"{model.name}\n"
        f"  data        {model.data['name']}\n"
        f"  validation  AUC {model.network.validation_auc:.4f}\n"
        f"  key id      {model.transformation.key_id.hex()}\n"
        f"  folder      {output}\n"
        "Obfuscation is not encryption. The service serves it when told so:\n"
        f"  safelight serve --deep-model {output} --minimum-level {model.name}=obfuscated\n"
    )
    return 0
