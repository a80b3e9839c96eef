"""``cxr-pneumonia-28-map``: `cxr-pneumonia-28` whose answer is a class-activation map.

Nothing is trained: weights and figures are those of the other model, and its logit is the average
of the map.

Run: ``python -m safelight.models.training.cxr_pneumonia_28_map --out DIR``
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from safelight.models.registry import SHIPPED

NAME = "cxr-pneumonia-28-map"
SOURCE = "cxr-pneumonia-28"
COMMAND = "python -m safelight.models.training.cxr_pneumonia_28_map --out DIR"
TITLE = "Pneumonia on a chest radiograph, with a heatmap (28×28)"
ABOUT = (
    f"The network and the weights of `{SOURCE}`, version 1. The service returns a class-activation "
    "map of 4×4\nplaces in place of the logit; its average is the logit, so every figure is the "
    "same."
)
LIMITS = (
    "The map says what the network went by, not where the disease is: sixteen places, each with a "
    "receptive field of about a third of the image. It was not compared with outlines by "
    "radiologists.",
    "Sixteen numbers an answer tell more of the model than one: whoever wants to copy it needs "
    "fewer questions.",
)


def make_map_model(source: Path, out: Path) -> Path:
    """Writes the model into ``<out>/<name>`` and returns that folder.

    Args:
        source: Folder of `cxr-pneumonia-28`, with its evaluation and card.
        out: Where to write.
    """
    folder = out / NAME
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("weights.npz", "evaluation.json"):
        shutil.copyfile(source / name, folder / name)
    description = json.loads((source / "model.json").read_text(encoding="utf-8"))
    replacements = {
        f"# {description['name']}\n": f"# {NAME}\n",
        description["title"]: TITLE,
        f"Version {description['version']}.\n": f"Version {description['version']}.\n\n{ABOUT}\n",
        "Training command: `": f"Command, from `{SOURCE}` (nothing is trained): `",
        description["training"]["command"]: COMMAND,
        "## Limits\n": "## Limits\n" + "".join(f"- {limit}\n" for limit in LIMITS),
    }
    card = (source / "card.md").read_text(encoding="utf-8")
    for old, new in replacements.items():
        card = card.replace(old, new, 1)
    (folder / "card.md").write_text(card, encoding="utf-8")
    description |= {"name": NAME, "title": TITLE}
    description["outputs"]["class_activation_map"] = True
    description["training"]["command"] = COMMAND
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    (folder / "model.json").write_text(text, encoding="utf-8")
    return folder


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=f"Make {NAME} from {SOURCE}.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument(
        "--source", type=Path, default=SHIPPED / SOURCE, help=f"{SOURCE}; the shipped one without"
    )
    options = parser.parse_args(arguments)
    folder = make_map_model(options.source, options.out)
    print(f"{folder} has the model; now run safelight compile {folder} --record")


if __name__ == "__main__":
    main()
