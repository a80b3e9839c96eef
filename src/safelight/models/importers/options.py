"""What a person may choose of an import."""

from __future__ import annotations

from dataclasses import dataclass

from safelight.errors import InputError
from safelight.imaging import Preprocessing
from safelight.models.importers.replacement import MARGIN
from safelight.models.model_name import check_name

MAX_EPOCHS = 1000


@dataclass(frozen=True)
class ImportOptions:
    """What a person may choose.

    Args:
        name: Of the model: lower-case letters, digits, hyphens.
        title: One line.
        version: Of the model, for people.
        classes: Names in the order of the logits; [negative, positive] for one logit.
        positive: The class that probability and operating point speak of.
        threshold: Operating point on its probability.
        preprocessing: Steps from an image to the model's input; None for the usual ones.
        features: Names of a record's features.
        input_shape: Of one input, where the source does not say it.
        degree: Of the polynomials.
        margin: Share by which ranges are wider than what calibration data showed.
        fine_tune: Epochs of distillation from the original; 0 for none.
        records: Inputs that share a ciphertext; None for as many as fit, 1 for images.
        licence: Of the model and its data, for its card; without one it is served on the machine
            that holds it and nowhere else.
        attribution: Whose model and data.
        public_stem: Last layer of a public part whose weights stand in the signature.
        split: Last layer of a public part that is an ONNX file.
        public_name: Of that part, for people.
        class_activation_map: Whether the answer is a map for a heatmap (docs/model-format.md).
    """

    name: str = "imported"
    title: str = ""
    version: str = "1"
    classes: tuple[str, ...] = ()
    positive: str = ""
    threshold: float = 0.5
    preprocessing: Preprocessing | None = None
    features: tuple[str, ...] = ()
    input_shape: tuple[int, ...] | None = None
    degree: int = 2
    margin: float = MARGIN
    fine_tune: int = 0
    records: int | None = None
    licence: str = ""
    attribution: str = ""
    public_stem: str = ""
    split: str = ""
    public_name: str = ""
    class_activation_map: bool = False

    def check(self) -> None:
        """Refuses what means nothing.

        Raises:
            InputError: A name, degree, margin, threshold, licence or count that cannot be.
        """
        check_name(self.name)
        if not 2 <= self.degree <= 7:
            raise InputError(
                f"polynomials of degree {self.degree}",
                hint="give a degree from 2 to 7; 2 is fastest",
            )
        if not 0 <= self.fine_tune <= MAX_EPOCHS:
            raise InputError(
                f"fine-tuning for {self.fine_tune} epochs",
                hint=f"give up to {MAX_EPOCHS} epochs, or 0 for no fine-tuning; 30 are usual",
            )
        if self.records is not None and self.records < 1:
            raise InputError(
                f"{self.records} records to a ciphertext", hint="give a power of two, such as 1"
            )
        if not (0.0 <= self.margin <= 4.0 and 0.0 < self.threshold < 1.0):
            raise InputError(
                f"a margin of {self.margin:g} or an operating point of {self.threshold:g} is out "
                "of range",
                hint="give a margin from 0 to 4, and an operating point between 0 and 1",
            )
        if bool(self.licence) != bool(self.attribution):
            raise InputError(
                "a model card needs the licence and the attribution",
                hint="give both --licence and --attribution, or neither: then the card says so, "
                "and the model is served on this machine only",
            )
