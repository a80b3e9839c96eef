"""Makes portal/vectors/python.json: what the Python client computes, for the portal to repeat.

Doubles are compared by the SHA-256 of their little-endian bytes, so to the last bit. Images are
made by a formula that both sides have: pixel i of channel c is
((i·2654435761 + c·40503) mod 4096) / 4095.

    python tests/vectors/make_portal_vectors.py
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from safelight.circuit.outputs import Outputs, logits_of, maps_of, probabilities
from safelight.circuit.signature import Signature, SlotRun
from safelight.ckks.parameters import Parameters
from safelight.client.diagnosis import decide, named
from safelight.client.heatmaps import heatmap_of
from safelight.errors import InputError
from safelight.imaging import Preprocessing, load_image, read_records
from safelight.imaging.image import Image
from wire_samples import PARAMETERS, SIGNING_KEY

PATH = Path(__file__).parent.parent.parent / "portal" / "vectors" / "python.json"

STEPS: list[tuple[int, int, int, list[dict[str, Any]]]] = [
    (1, 9, 14, [{"step": "center_crop_square"}, {"step": "flatten"}]),
    (1, 224, 224, [{"step": "resize", "height": 28, "width": 28}]),
    (1, 5, 4, [{"step": "resize", "height": 11, "width": 9}]),
    (
        3,
        61,
        47,
        [
            {"step": "greyscale"},
            {"step": "center_crop_square"},
            {"step": "resize", "height": 28, "width": 28},
            {"step": "normalize", "mean": [0.5719], "std": [0.1684]},
        ],
    ),
    (1, 8, 8, [{"step": "colour"}, {"step": "scale_range", "low": -1.0, "high": 1.5}]),
    (3, 8, 6, [{"step": "normalize", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.7]}]),
]
TABLES = [
    ("1,2,3\n4,5e-1,-6.25\n", []),
    ("c,a,b,label\n3,1,2,x\n6,4,5,y\n", ["a", "b", "c"]),
    ("\ufeff[[1, 2, 3], [4, 5, 6]]", []),
    ('{"b": "2", "a": 1, "c": 3.5}', ["a", "b", "c"]),
    ('"a","b","c"\r\n1_000, .5 ,5.\r\n\r\n1,2,3', ["a", "b", "c"]),
    ("1,2\n", []),
    ("1,2,3\n4,5\n", []),
    ("a,b,c\n1,nan,3\n", ["a", "b", "c"]),
    ("a,b,d\n1,2,3\n", ["a", "b", "c"]),
    ("", []),
    ("[[1, 2, true]]", []),
    ('"a', []),
]
OUTPUTS = [
    Outputs(("no", "yes"), "sigmoid", "yes", 0.5, 0.54),
    Outputs(("yes", "no"), "sigmoid", "yes", 0.3),
    Outputs(("a", "b", "c"), "softmax", "b", 0.5, 1.7),
    Outputs(("a", "b"), "softmax", "b", 0.4, 1.7, (2, 3)),
    Outputs(("a", "b", "c"), "sigmoid_each", "a", 0.6),
    Outputs(("no", "yes"), "sigmoid", "yes", 0.5, 1.0, (3, 2)),
]


def image(channels: int, height: int, width: int) -> np.ndarray:
    """``[C, H, W]`` by the formula."""
    pixels = np.arange(height * width, dtype=np.uint64) * np.uint64(2654435761)
    planes = [(pixels + np.uint64(40503 * c)) % np.uint64(4096) for c in range(channels)]
    return np.stack(planes).reshape(channels, height, width).astype(np.float64) / 4095


def digest(values: np.ndarray) -> str:
    """SHA-256 of doubles."""
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f8").tobytes()).hexdigest()


def preprocessing() -> list[dict[str, Any]]:
    cases = []
    for channels, height, width, steps in STEPS:
        planes = image(channels, height, width)
        pixels = planes[0] if channels == 1 else np.moveaxis(planes, 0, 2)
        document = {"version": 1, "steps": steps}
        out = Preprocessing.from_json(document).apply(
            Image.from_array(np.ascontiguousarray(pixels))
        )
        cases.append(
            {
                "channels": channels,
                "height": height,
                "width": width,
                "preprocessing": document,
                "first": out.reshape(-1)[:4].tolist(),
                "sha256": digest(out),
            }
        )
    return cases


def png() -> list[dict[str, Any]]:
    planes = image(3, 11, 13)
    colour = np.moveaxis((planes * 255).astype(np.uint8), 0, 2)
    grey = np.ascontiguousarray(colour[..., 0])
    rgb = PIL.Image.fromarray(np.ascontiguousarray(colour))
    with_alpha = rgb.convert("RGBA")
    with_alpha.putalpha(PIL.Image.fromarray(grey))
    pictures = {
        "1": PIL.Image.fromarray(grey).convert("1"),
        "L": PIL.Image.fromarray(grey),
        "LA": with_alpha.convert("LA"),
        "I;16": PIL.Image.fromarray((planes[0] * 65535).astype(np.uint16)),
        "RGB": rgb,
        "RGBA": with_alpha,
        "P": rgb.quantize(7),
    }
    cases = []
    for mode, picture in pictures.items():
        for options in ({}, {"transparency": 3}) if mode in ("L", "P") else ({},):
            buffer = io.BytesIO()
            picture.save(buffer, "PNG", **options)
            loaded = load_image(buffer.getvalue()).channels_first()
            cases.append(
                {
                    "mode": mode,
                    "file": base64.b64encode(buffer.getvalue()).decode(),
                    "shape": list(loaded.shape),
                    "sha256": digest(loaded),
                }
            )
    return cases


def tables() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = []
    for text, names in TABLES:
        case: dict[str, Any] = {"text": text, "names": names}
        try:
            records = read_records(text.encode(), feature_count=3, feature_names=names)
            case["features"] = records.features.tolist()
        except InputError:
            case["refused"] = True
        cases.append(case)
    return cases


def signature(outputs: Outputs, count: int) -> Signature:
    return Signature(
        model="sample",
        version="1",
        title="A sample",
        input_shape=(1, 2, 3),
        input_names=(),
        input_bound=8.0,
        preprocessing={"version": 1, "steps": []},
        parameters=Parameters(PARAMETERS.n, PARAMETERS.primes),
        input_scale=2.0**20,
        input_level=1,
        records=3,
        record_step=64,
        input_slots=(SlotRun(5, 2, 0, 1, 4), SlotRun(40, -1, 5, -1, 2)),
        output_slots=tuple(range(7, 7 + 3 * count, 3)),
        output_scale=2.0**20,
        outputs=outputs,
    )


def findings() -> list[dict[str, Any]]:
    cases = []
    for index, outputs in enumerate(OUTPUTS):
        sample = signature(outputs, outputs.numbers)
        numbers = np.random.default_rng(index).normal(0, 2, (1, outputs.numbers))
        found = probabilities(outputs, logits_of(outputs, numbers))
        case: dict[str, Any] = {
            "signature": sample.to_json(),
            "numbers": numbers[0].tolist(),
            "probabilities": found[0].tolist(),
            "rounded": np.round(found[0], 3).tolist(),
            "finding": named(outputs, decide(sample, found)[0]),
        }
        if outputs.map_shape:
            heatmap = heatmap_of(sample, maps_of(outputs, numbers)[0], found[0])
            case["heatmap"] = {
                "finding": heatmap.finding,
                "levels": heatmap.levels.reshape(-1).tolist(),
                "full_scale": heatmap.full_scale,
            }
        cases.append(case)
    return cases


def packing() -> dict[str, Any]:
    sample = signature(OUTPUTS[0], 1)
    inputs = np.linspace(-2, 2, 12).reshape(2, 1, 2, 3)
    slots = sample.pack(inputs)
    return {
        "signature": sample.to_json(),
        "inputs": inputs.reshape(2, 6).tolist(),
        "slots": {str(int(slot)): slots[slot] for slot in np.flatnonzero(slots)},
    }


def text() -> str:
    """The content of the file."""
    document = {
        "origin": "tests/vectors/make_portal_vectors.py",
        "service_key": SIGNING_KEY.public_key().public_bytes_raw().hex(),
        "preprocessing": preprocessing(),
        "png": png(),
        "tables": tables(),
        "findings": findings(),
        "packing": packing(),
    }
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(text(), encoding="utf-8")
