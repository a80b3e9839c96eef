"""A model's file to what a frontend reads; which formats can run code, and which cannot.

``.onnx`` and ``.pt2`` are data, read here by strict readers (a ``.pt2`` not through
``torch.export.load``, which unpickles and evaluates). ``.skops`` is read if it holds nothing but
types that skops trusts. A pickle (``.pkl``, ``.joblib``, ``.pt``, ``.pth``) is a program that runs
when it is opened: only with ``unsafe_pickle``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from safelight.errors import InputError, SafelightError, UnsupportedLayerError
from safelight.models.importers.refusals import hint_about

PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth")
# Types beside skops' own list: plain state of a fitted MLPClassifier.
_TRUSTED = (
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
)
# Rooms of scikit-learn whose private parts skops does not trust: the hint for what needs them.
_SCIKIT_LEARN = {
    "calibration": "calibrated",
    "ensemble": "tree",
    "gaussian_process": "kernel",
    "metrics": "kernel",  # distances, of nearest neighbours
    "neighbors": "kernel",
    "tree": "tree",
}
_EXTRA_HINT = "pip install 'safelight[import]'"


def open_source(path: Path, *, unsafe_pickle: bool = False) -> Any:
    """The model of a file: a path for ``.onnx`` and ``.pt2``, else an object.

    Args:
        path: The file.
        unsafe_pickle: Allow formats that can run any code on this machine.

    Raises:
        InputError: No such file, an unknown format, or a pickle without ``unsafe_pickle``.
        UnsupportedLayerError: A ``.skops`` of what has no encrypted form.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        raise InputError(f"there is no file {path.name!r}", hint="give the path of a model")
    if suffix in (".onnx", ".pt2"):
        return path
    if suffix == ".skops":
        return _skops(path)
    if suffix in PICKLES:
        if not unsafe_pickle:
            raise InputError(
                f"{path.name!r} is a pickle, and a pickle can run any program on this machine",
                hint="save it as .onnx, .pt2 (torch.export.save) or .skops (skops.io.dump); if you "
                "made the file yourself: --unsafe-pickle",
            )
        return _unpickled(path, suffix)
    raise InputError(
        f"{path.name!r} is of no known format",
        hint="give .onnx, .pt2, .skops, or a pickle with --unsafe-pickle",
    )


def needed(module: str) -> Any:
    """A module of the extra, or an error that says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as exc:
        package = module.partition(".")[0]
        raise InputError(f"this needs the package {package!r}", hint=_EXTRA_HINT) from exc


def _skops(path: Path) -> Any:
    io = needed("skops.io")
    try:
        unknown = sorted(set(io.get_untrusted_types(file=path)) - set(_TRUSTED))
        if unknown:
            raise _untrusted(path.name, unknown)
        return io.load(path, trusted=list(_TRUSTED))
    except SafelightError:
        raise
    except Exception as exc:  # whatever a damaged archive raises
        raise InputError(f"{path.name!r} cannot be read ({type(exc).__name__})") from exc


def _untrusted(name: str, types: list[str]) -> SafelightError:
    """Of scikit-learn's own parts we know what they belong to; others may be anything."""
    for one in types:
        package, _, rest = one.partition(".")
        topic = _SCIKIT_LEARN.get(rest.partition(".")[0])
        if package == "sklearn" and topic is not None:
            return UnsupportedLayerError(
                f"{name!r} holds {one}, which has no encrypted form", hint=hint_about(topic)
            )
    return InputError(
        f"{name!r} holds types that we do not trust: {', '.join(types)[:200]}",
        hint="import such a model from Python, with safelight.compile_model",
    )


def _unpickled(path: Path, suffix: str) -> Any:
    try:
        if suffix in (".pt", ".pth"):
            model = needed("torch").load(path, map_location="cpu", weights_only=False)
        elif suffix == ".joblib":
            model = needed("joblib").load(path)
        else:
            import pickle

            with path.open("rb") as file:
                model = pickle.load(file)  # noqa: S301 - asked for by --unsafe-pickle
    except InputError:
        raise
    except Exception as exc:  # foreign code may raise anything
        raise InputError(
            f"{path.name!r} cannot be unpickled ({type(exc).__name__})",
            hint="its packages must be installed, in the release that it was saved with",
        ) from exc
    if isinstance(model, dict):
        raise InputError(
            f"{path.name!r} holds weights without a model",
            hint="build the model and save it with torch.export.save, or use "
            "safelight.compile_model from Python",
        )
    return model
