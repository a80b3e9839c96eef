"""Public backbones: an ONNX file, a PyTorch module, or a network of MONAI by its name."""

from __future__ import annotations

import hashlib
import io
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from safelight.circuit.graph import FloatArray, Shape
from safelight.errors import InputError
from safelight.imaging.public_backbone import PublicBackbone, run_backbone, session_of
from safelight.models.importers.source_file import needed

MONAI_NETWORKS = ("densenet121", "resnet18", "resnet50", "vit")


def backbone_bytes(backbone: Any, input_shape: Shape | None) -> bytes:
    """An ONNX model of a path, bytes, a ``ModelProto`` or a PyTorch module.

    Raises:
        InputError: None of these, or a module without a known input shape.
    """
    if isinstance(backbone, bytes):
        return backbone
    if isinstance(backbone, str | Path):
        try:
            return Path(backbone).read_bytes()
        except OSError as exc:
            raise InputError(f"the backbone {Path(backbone).name!r} cannot be read") from exc
    if hasattr(backbone, "SerializeToString"):
        return bytes(backbone.SerializeToString(deterministic=True))
    if input_shape is None:
        raise InputError(
            "a PyTorch backbone does not say what shape it takes",
            hint="give input_shape, or calibration inputs as floats",
        )
    return module_to_onnx(backbone, input_shape)


def module_to_onnx(module: Any, input_shape: Shape) -> bytes:
    """A PyTorch module in evaluation mode as ONNX, float32.

    Raises:
        InputError: PyTorch's exporter cannot follow it.
    """
    torch = needed("torch")
    needed("onnxscript")
    frozen = module.eval().float().cpu()
    example = torch.zeros(2, *input_shape)
    buffer = io.BytesIO()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter's own deprecations
            torch.onnx.export(
                frozen,
                (example,),
                buffer,
                dynamo=True,
                verbose=False,
                external_data=False,
                dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            )
    except Exception as exc:  # the exporter raises a dozen kinds
        raise InputError(
            f"PyTorch cannot export the module to ONNX ({type(exc).__name__})",
            hint="its forward must take one tensor and not branch on values",
        ) from exc
    return buffer.getvalue()


def monai_backbone(
    name: str,
    *,
    input_shape: Shape,
    weights: Path | None = None,
) -> bytes:
    """A network of MONAI as ONNX, from image to pooled features.

    Args:
        name: One of `MONAI_NETWORKS`.
        input_shape: ``(channels, height, width)``.
        weights: A state dictionary, read without unpickling objects; None for random weights,
            which is of use in tests only.

    Raises:
        InputError: An unknown name, or weights that do not fit it.
    """
    if name not in MONAI_NETWORKS:
        raise InputError(
            f"there is no backbone {name!r}", hint=f"one of {', '.join(MONAI_NETWORKS)}"
        )
    torch = needed("torch")
    network = _monai_network(name, input_shape)
    if weights is not None:
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)
            missing, _ = network.load_state_dict(state, strict=False)
        except Exception as exc:  # whatever a foreign file makes torch raise
            raise InputError(
                f"the weights {weights.name!r} do not fit {name} ({type(exc).__name__})",
                hint="give a state dictionary saved by torch.save(network.state_dict(), …)",
            ) from exc
        used = [key for key in missing if not key.startswith(_HEADS)]
        if used:
            raise InputError(
                f"the weights {weights.name!r} lack {len(used)} entries of {name}, such as "
                f"{used[0]!r}"
            )
    return module_to_onnx(_pooled(name, network), input_shape)


_HEADS = ("class_layers", "fc.", "classification_head")


def _monai_network(name: str, shape: Shape) -> Any:
    nets = needed("monai.networks.nets")
    channels, size = shape[0], shape[1:]
    if name == "densenet121":
        return nets.DenseNet121(spatial_dims=2, in_channels=channels, out_channels=2)
    if name == "vit":
        return nets.ViT(channels, size, patch_size=16, spatial_dims=2, classification=False)
    build: Callable[..., Any] = nets.resnet18 if name == "resnet18" else nets.resnet50
    return build(spatial_dims=2, n_input_channels=channels, num_classes=2)


def _pooled(name: str, network: Any) -> Any:
    """The network without its classifier, ending in one value a feature."""
    torch = needed("torch")
    nn = torch.nn
    if name == "densenet121":
        return nn.Sequential(network.features, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if name == "vit":

        class Pooled(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
            def __init__(self) -> None:
                super().__init__()
                self.network = network

            def forward(self, image: Any) -> Any:
                return self.network(image)[0].mean(dim=1)

        return Pooled()
    network.fc = nn.Identity()
    return network


def backbone_step(content: bytes, name: str, does: str, divisor: float) -> PublicBackbone:
    """The preprocessing step of an ONNX model."""
    digest = hashlib.sha256(content).hexdigest()
    return PublicBackbone(name, does, digest, divisor)


def features_of(
    content: bytes, images: FloatArray, watch: Callable[[float, float], None]
) -> FloatArray:
    """What a backbone gives for ``[records, C, H, W]``, one image after the other as a client."""
    session = session_of(content)
    rows = []
    for index, image in enumerate(images):
        rows.append(run_backbone(session, image))
        watch(index + 1, len(images))
    return np.stack(rows)


def input_shape_of(content: bytes) -> Shape | None:
    """``(channels, height, width)`` that an ONNX model takes, where it says so."""
    sizes = session_of(content).get_inputs()[0].shape[1:]
    known = all(isinstance(size, int) and size > 0 for size in sizes)
    return tuple(sizes) if known else None
