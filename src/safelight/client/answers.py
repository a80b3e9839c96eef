"""What a service answers, as types; nothing is taken on trust that can be checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from safelight.ckks.ciphertext import KeyRequirements
from safelight.ckks.parameters import Parameters
from safelight.errors import InputError, MisbehavingServiceError, ParameterError, WireError

RELINEARIZATION = "relinearization"

JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]

_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-zA-Z_-]{1,64}")
_CODE = re.compile(r"[a-z0-9-]{1,40}")

# More rotations than any plan needs; keys of them all would be gigabytes.
_MAX_GALOIS_KEYS = 2048

_T = TypeVar("_T")


@dataclass(frozen=True)
class ServiceInfo:
    """A service: its release, the Ed25519 key that signs its results, its limits."""

    version: str
    public_key: bytes
    limits: Mapping[str, float]


@dataclass(frozen=True)
class ModelInfo:
    """A model as its service describes it.

    Args:
        name: Its name.
        version: For people.
        model_digest: SHA-256, hex.
        program_digest: SHA-256, hex.
        parameters: CKKS parameters; they have passed our own security table.
        input_level: Level at which the service takes the input.
        input_scale: Scale at which the service takes the input.
        requirements: The evaluation keys that the program needs.
        signature: Preparation of inputs and meaning of outputs, not yet parsed.
    """

    name: str
    version: str
    model_digest: str
    program_digest: str
    parameters: Parameters
    input_level: int
    input_scale: float
    requirements: KeyRequirements
    signature: Mapping[str, Any]


@dataclass(frozen=True)
class PresentKey:
    """A key that the service has."""

    sha256: str
    level: int
    bytes: int


@dataclass(frozen=True)
class KeysetState:
    """A key set: keys that are there, and level by element of those that a model still needs.

    Elements are ``relinearization`` or a Galois element in decimal.
    """

    id: str
    parameters_digest: str
    present: Mapping[str, PresentKey]
    missing: Mapping[str, int]


@dataclass(frozen=True)
class JobState:
    """An inference: ``progress`` is 0 to 1, times are milliseconds."""

    id: str
    status: JobStatus
    code: str | None
    progress: float
    queued_ms: float | None
    evaluate_ms: float | None


def read_answer(document: object, read: Callable[[dict[str, Any]], _T]) -> _T:
    """Reads a JSON answer with one of the functions below.

    Raises:
        MisbehavingServiceError: It lacks something, or something is not what it must be.
    """
    if not isinstance(document, dict):
        raise MisbehavingServiceError("the service's answer is not a JSON object")
    try:
        return read(document)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, WireError) as exc:
        raise MisbehavingServiceError("the service's answer lacks what it must have") from exc
    except ParameterError as exc:
        raise MisbehavingServiceError(
            f"the service asks for parameters that we refuse: {exc.message}", hint=exc.hint
        ) from exc


def service_info(document: dict[str, Any]) -> ServiceInfo:
    """The answer of ``GET /v1/service``."""
    limits = {name: float(value) for name, value in document["limits"].items() if _is_number(value)}
    return ServiceInfo(_text(document["version"]), _digest(document["public_key"], bytes), limits)


def model_names(document: dict[str, Any]) -> list[str]:
    """The answer of ``GET /v1/models``."""
    return [_text(model["name"]) for model in document["models"]]


def model_info(document: dict[str, Any]) -> ModelInfo:
    """The answer of ``GET /v1/models/{name}``.

    Raises:
        InputError: The model is not served on ciphertext.
    """
    if "homomorphic" not in document.get("levels", ("homomorphic",)):
        raise InputError(
            "this model is not served at the level homomorphic",
            hint="at the level envelope the service sees the image: ask for it, if you accept that",
        )
    described = document["parameters"]
    parameters = Parameters(
        _integer(described["n"]), tuple(_integer(prime) for prime in described["primes"])
    )
    if parameters.digest.hex() != described["digest"]:
        raise ValueError("the digest is of other parameters")
    level = _integer(document["input"]["level"], parameters.max_level)
    scale = float(document["input"]["scale"])
    if not (math.isfinite(scale) and scale >= 1.0):
        raise ValueError("not a scale")
    if not isinstance(document["signature"], dict):
        raise TypeError("not a signature")
    return ModelInfo(
        name=_text(document["name"]),
        version=_text(document["version"]),
        model_digest=_digest(document["model_digest"], str),
        program_digest=_digest(document["program_digest"], str),
        parameters=parameters,
        input_level=level,
        input_scale=scale,
        requirements=_requirements(document["key_requirements"], parameters),
        signature=document["signature"],
    )


def keyset_id(document: dict[str, Any]) -> str:
    """The answer of ``POST /v1/keysets``."""
    return _identifier(document["id"])


def keyset_state(document: dict[str, Any]) -> KeysetState:
    """The answer of ``GET /v1/keysets/{id}``."""
    present = {
        _text(element): PresentKey(
            _digest(key["sha256"], str), _integer(key["level"]), _integer(key["bytes"])
        )
        for element, key in document["present"].items()
    }
    missing = {
        _text(element): _integer(level) for element, level in document.get("missing", {}).items()
    }
    digest = _digest(document["parameters_digest"], str)
    return KeysetState(_identifier(document["id"]), digest, present, missing)


def job_state(document: dict[str, Any]) -> JobState:
    """The answer of ``POST`` and ``GET`` on inferences, and the data of their events."""
    status, code, timings = document["status"], document["code"], document["timings_ms"]
    if status not in get_args(JobStatus) or not (code is None or _CODE.fullmatch(code)):
        raise ValueError("not a status")
    progress = float(document["progress"])
    if not 0.0 <= progress <= 1.0:
        raise ValueError("not a progress")
    return JobState(
        _identifier(document["id"]),
        status,
        code,
        progress,
        _milliseconds(timings["queued"]),
        _milliseconds(timings["evaluate"]),
    )


def _requirements(document: dict[str, Any], parameters: Parameters) -> KeyRequirements:
    relinearization = document["relinearization_level"]
    if relinearization is not None:
        relinearization = _integer(relinearization, parameters.max_level)
    levels: dict[int, int] = {}
    if len(document["galois_levels"]) > _MAX_GALOIS_KEYS:
        raise ValueError("too many keys")
    for name, level in document["galois_levels"].items():
        element = int(name)
        if not (element % 2 == 1 and 1 < element < 2 * parameters.n):
            raise ValueError("not a Galois element")
        levels[element] = _integer(level, parameters.max_level)
    return KeyRequirements(relinearization, dict(sorted(levels.items())))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _integer(value: object, largest: int = 2**53) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
        raise ValueError("not an integer in its range")
    return value


def _milliseconds(value: object) -> float | None:
    if value is None:
        return None
    if not _is_number(value):
        raise ValueError("not a time")
    number = float(value)  # type: ignore[arg-type]
    if not (math.isfinite(number) and number >= 0):
        raise ValueError("not a time")
    return number


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise ValueError("not a short text")
    return value


def _identifier(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError("not an id")
    return value


def _digest(value: object, kind: type[_T]) -> _T:
    if not isinstance(value, str) or not _HEX_DIGEST.fullmatch(value):
        raise ValueError("not 32 bytes in hex")
    return kind(bytes.fromhex(value)) if kind is bytes else kind(value)  # type: ignore[call-arg]
