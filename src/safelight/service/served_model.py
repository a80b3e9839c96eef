"""A model as the service knows it, and the catalogue of those that it serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from safelight.circuit.program import Program
from safelight.ckks.ciphertext import KeyRequirements
from safelight.ckks.parameters import Parameters
from safelight.service.keysets import needed_levels
from safelight.service.refusals import Refusal
from safelight.service.stored_program import StoredProgram


@dataclass(frozen=True)
class ServedModel:
    """A compiled model, ready to serve.

    Args:
        name: Its name in the URL.
        version: Of the model, for people.
        model_digest: SHA-256 of the trained model, lower-case hex.
        signature: What a client needs to prepare inputs and to read outputs; opaque here.
        program: What the engine runs, or where it is.
        program_digest: SHA-256 of the program's wire form, lower-case hex.
        requirements: The evaluation keys that the program uses.
        card: The model card, Markdown: use, data, figures, limits.
    """

    name: str
    version: str
    model_digest: str
    signature: Mapping[str, Any]
    program: Program | StoredProgram
    program_digest: str
    requirements: KeyRequirements
    card: str = ""

    @property
    def parameters(self) -> Parameters:
        """CKKS parameters of the program."""
        return self.program.parameters


class Catalogue:
    """The models of one service process, by name."""

    def __init__(self, models: Iterable[ServedModel]) -> None:
        self._models = {model.name: model for model in models}

    def __iter__(self) -> Any:
        return iter(self._models.values())

    def model(self, name: str) -> ServedModel:
        """The model of that name.

        Raises:
            Refusal: ``unknown-model``.
        """
        if name not in self._models:
            raise Refusal("unknown-model")
        return self._models[name]

    def has(self, name: str) -> bool:
        """Whether there is a model of that name."""
        return name in self._models

    def parameters(self, digest: str) -> Parameters:
        """The parameters with that digest, in hex.

        Raises:
            Refusal: ``unknown-parameters``.
        """
        for model in self._models.values():
            if model.parameters.digest.hex() == digest:
                return model.parameters
        raise Refusal("unknown-parameters")

    def uses(self, parameters_digest: str, element: int) -> bool:
        """Whether a model with these parameters uses a key of this element."""
        return any(
            element in needed_levels(model.requirements)
            for model in self._models.values()
            if model.parameters.digest.hex() == parameters_digest
        )
