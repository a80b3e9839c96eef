"""Refusing images whose pixels may carry text.

No attribute is to be trusted more than a look at the image, so anything but a plain statement
that nothing is burned in is refused until a person gives their word.
"""

from __future__ import annotations

from safelight.errors import DeidentificationError
from safelight.imaging.dicom_attributes import DataSet, code

# Screenshots, ultrasound, angiography and photographs: names and dates are often in the picture.
_RISKY_MODALITIES = frozenset(
    ["US", "SC", "XA", "RF", "OT", "ES", "XC", "GM", "DOC", "HC", "IVUS", "BDUS"]
)
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_HINT = (
    "look at the image; if no text is in its pixels, say so: --pixels-are-clean "
    "(Python: pixels_are_clean=True)"
)


def check_burned_in(dataset: DataSet, *, has_pixels: bool, pixels_are_clean: bool) -> None:
    """Refuses what may show text.

    Args:
        dataset: The whole object.
        has_pixels: Objects without pixels pass.
        pixels_are_clean: The person's word.

    Raises:
        DeidentificationError: the file does not state that nothing is burned in, or is of a kind
            where the statement is not enough.
    """
    if not has_pixels or pixels_are_clean:
        return
    stated = code(dataset, "BurnedInAnnotation")
    if stated != "NO":
        said = "states that text is burned into" if stated == "YES" else "does not exclude text in"
        raise DeidentificationError(f"the file {said} its pixels", hint=_HINT)
    modality = code(dataset, "Modality")
    sop_class = str(dataset.get("SOPClassUID") or "")
    if modality in _RISKY_MODALITIES or sop_class.startswith(_SECONDARY_CAPTURE):
        raise DeidentificationError(
            f"images of modality {modality or 'unknown'} often have text in their pixels",
            hint=_HINT,
        )
