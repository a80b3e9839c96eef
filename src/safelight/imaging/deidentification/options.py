"""The options of the Basic Application Level Confidentiality Profile."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from safelight.errors import DeidentificationError

Dates = Literal["remove", "shift", "keep"]


@dataclass(frozen=True)
class DeidentificationOptions:
    """What is retained or cleaned instead of removed. By default nothing is retained.

    Args:
        dates: ``remove`` is the basic profile; ``shift`` moves all dates of a patient by the same
            secret number of days (Retain Longitudinal Temporal Information with Modified Dates);
            ``keep`` leaves them (… with Full Dates).
        retain_patient: Characteristics such as age, sex, size and weight.
        retain_device: Serial numbers and names of devices and stations.
        retain_institution: Name and address of the institution.
        retain_uids: UIDs stay: whoever knows the original finds it again.
        retain_safe_private: Private elements of the list in PS3.15 E.3.10 that we know, numbers
            only.
        clean_descriptors: Descriptions keep the words that are known to be about anatomy or
            technique, and lose all others.
        clean_structured: The content of structured reports stays, cleaned.
        clean_graphics: Graphic annotations keep their geometry and lose their text.
        pixels_are_clean: The person's word that no text is in the pixels. It is not the Clean
            Pixel Data option, which nothing here claims.
    """

    dates: Dates = "remove"
    retain_patient: bool = False
    retain_device: bool = False
    retain_institution: bool = False
    retain_uids: bool = False
    retain_safe_private: bool = False
    clean_descriptors: bool = False
    clean_structured: bool = False
    clean_graphics: bool = False
    pixels_are_clean: bool = False

    def __post_init__(self) -> None:
        if self.dates not in ("remove", "shift", "keep"):
            raise DeidentificationError(
                "dates are removed, shifted or kept", hint="give remove, shift or keep"
            )

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the table that apply beside the basic one."""
        chosen = {
            "patient": self.retain_patient,
            "device": self.retain_device,
            "institution": self.retain_institution,
            "uids": self.retain_uids,
            "safe_private": self.retain_safe_private,
            "descriptors": self.clean_descriptors,
            "structured": self.clean_structured,
            "graphics": self.clean_graphics,
            "full_dates": self.dates == "keep",
            "modified_dates": self.dates == "shift",
        }
        return frozenset(name for name, on in chosen.items() if on)

    def to_json(self) -> dict[str, str | bool]:
        """For reports."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
